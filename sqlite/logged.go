package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/sqldb"
)

const (
	// maxLoggedRows is how many rows of the log are read at once; of more, only
	// that there are so many is told.
	maxLoggedRows = 50_000
	// keptLogged is how many rows of the log stay for other readers, and how
	// many more come before it is trimmed.
	keptLogged = 1000
)

// triggerLog is what a source knows of the trigger log; guarded by Source.mu.
type triggerLog struct {
	install bool  // keep the triggers up to date
	stale   bool  // the schema changed: look at the triggers again
	usable  bool  // all triggers were there in this version of the schema
	version int64 // of the schema
	seen    int64 // the last row that was read or is our own
	trimmed int64
}

// outside publishes what others have committed, and says which header that
// reaches; mu is held.
func (s *Source) outside() (h header, ok bool) {
	s.checkSchema()
	for range 5 {
		if h, ok = s.index.read(); !ok || !s.logged.usable {
			break
		}
		set, seen, err := s.readLog()
		if err != nil {
			s.log.Warn("sqlite: the trigger log cannot be read; a change of everything is reported", "error", err)
			break
		}
		if now, still := s.index.read(); still && now.same(h) {
			s.publish(set)
			s.seen, s.logged.seen = h, seen
			return h, true
		}
	}
	if s.logged.usable {
		s.metaMu.Lock()
		_ = each(s.meta, "SELECT max(id) FROM "+logTable, s.skipTo)
		s.metaMu.Unlock()
	}
	s.publish(change.Changeset{Everything: true})
	if ok {
		s.seen = h
	}
	return h, ok
}

// skipTo takes the rows of the log up to an id as told.
func (s *Source) skipTo(row []driver.Value) {
	if id, _ := row[0].(int64); id > s.logged.seen {
		s.logged.seen = id
	}
}

// readLog reads what was logged since the last time, in the schema in which
// all triggers were there. If that is not certain, anything may have changed.
func (s *Source) readLog() (set change.Changeset, seen int64, err error) {
	sch, err := s.currentSchema()
	if err != nil {
		return set, 0, err
	}
	s.metaMu.Lock()
	defer s.metaMu.Unlock()
	if err := run(s.meta, "BEGIN"); err != nil {
		return set, 0, err
	}
	defer func() { err = errors.Join(err, run(s.meta, "ROLLBACK")) }()
	version, err := schemaVersion(s.meta)
	if err != nil {
		return set, 0, err
	}
	seen = s.logged.seen
	if version != s.logged.version || version != sch.version {
		s.logged.stale, s.logged.usable = true, false
		return change.Changeset{Everything: true}, seen, nil
	}
	rows := int64(0)
	entries := &logEntries{schema: sch, maxRows: s.maxRows, maxBytes: s.maxBytes, whole: map[string]bool{}, rows: map[string]int{}}
	text := fmt.Sprintf("SELECT id, tbl, op, old, new FROM %s WHERE id > %d ORDER BY id LIMIT %d", logTable, seen, maxLoggedRows)
	err = each(s.meta, text, func(row []driver.Value) {
		seen, _ = row[0].(int64)
		rows++
		entries.add(row[1:])
	})
	if err != nil {
		return set, 0, err
	}
	// Commits without a row, or with rows that were trimmed, are not explained.
	if rows == 0 || rows == maxLoggedRows || rows != seen-s.logged.seen {
		return change.Changeset{Everything: true}, seen, nil
	}
	return change.Changeset{Changes: entries.finish()}, seen, nil
}

// logEntries turns rows of the log into changes.
type logEntries struct {
	schema   *layout
	maxRows  int
	maxBytes int
	changes  []change.Change
	rows     map[string]int
	bytes    int // that the rows take
	whole    map[string]bool
}

func (e *logEntries) add(row []driver.Value) {
	name, _ := row[0].(string)
	op, _ := row[1].(string)
	t := e.schema.tables[name]
	if e.rows[name]++; t == nil || op == opAny || e.rows[name] > e.maxRows {
		e.whole[name] = true
		return
	}
	if e.bytes > e.maxBytes {
		e.overflow(name)
		return
	}
	c := change.Change{Table: t.name, Columns: t.columns}
	old, new := t.parse(row[2]), t.parse(row[3])
	e.bytes += rowBeside + imageBytes(old) + imageBytes(new)
	switch op {
	case opInsert:
		c.Kind, c.New = change.Insert, new
	case opDelete:
		c.Kind, c.Old = change.Delete, old
	case opUpdate:
		c.Kind, c.Old, c.New = change.Update, old, new
		if t.virtual == nil && unchanged(old, new, nil) {
			return
		}
	case opReplaced:
		c.Kind, c.Old = change.Update, old // what became of it is not known
	}
	e.changes = append(e.changes, c)
}

// overflow gives up the rows of a table.
func (e *logEntries) overflow(name string) {
	e.whole[name] = true
	for i := range e.changes {
		if c := &e.changes[i]; c.Table == name {
			*c = change.Change{Table: name} // finish leaves it out
		}
	}
}

// imageBytes is about what an image takes.
func imageBytes(image []any) int {
	n := valueBeside * len(image)
	for _, value := range image {
		switch v := value.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		}
	}
	return n
}

func (e *logEntries) finish() []change.Change {
	changes := e.changes[:0]
	for _, c := range e.changes {
		if !e.whole[c.Table] {
			changes = append(changes, c)
		}
	}
	for name := range maps.Keys(e.whole) {
		changes = append(changes, change.Change{Table: name, Kind: change.Everything})
	}
	return changes
}

// parse reads an image of the log, nil where it is not one of this table.
func (t *table) parse(value driver.Value) []any {
	text, ok := value.(string)
	if !ok {
		return nil
	}
	values := make([]any, 0, len(t.columns))
	for {
		v, rest, ok := literal(text)
		if !ok {
			return nil
		}
		values = append(values, v)
		if rest == "" {
			break
		}
		if rest[0] != ',' {
			return nil
		}
		text = rest[1:]
	}
	if len(values) != len(t.columns) {
		return nil
	}
	return values
}

// literal reads one value as SQLite's quote() writes it, or U.
func literal(text string) (v any, rest string, ok bool) {
	if text == "" {
		return nil, "", false
	}
	if text[0] == '\'' {
		l := lexer{text: text}
		t := l.next()
		return t.text, text[l.at:], true
	}
	if strings.HasPrefix(text, "X'") {
		end := strings.IndexByte(text[2:], '\'')
		if end < 0 {
			return nil, "", false
		}
		blob, err := hex.DecodeString(text[2 : 2+end])
		return blob, text[end+3:], err == nil
	}
	word, rest, more := strings.Cut(text, ",")
	if more {
		rest = "," + rest
	}
	switch word {
	case "NULL":
		return nil, rest, true
	case "U":
		return change.Unknown, rest, true
	}
	if n, err := strconv.ParseInt(word, 10, 64); err == nil {
		return n, rest, true
	}
	f, err := strconv.ParseFloat(word, 64)
	return f, rest, err == nil || errors.Is(err, strconv.ErrRange)
}

// maintainLog makes the trigger log usable again after a change of the schema,
// and trims it.
func (s *Source) maintainLog(ctx context.Context) {
	s.mu.Lock()
	stale, install := s.logged.stale, s.logged.install
	s.mu.Unlock()
	if stale && !s.examineLog() && install {
		if err := s.onOwnConn(ctx, installLog); err != nil {
			s.log.Warn("sqlite: the trigger log could not be kept up to date", "error", err)
			return
		}
		s.examineLog()
	}
	s.mu.Lock()
	trim := s.logged.usable && s.logged.seen-s.logged.trimmed > 2*keptLogged
	upTo := s.logged.seen - keptLogged
	s.mu.Unlock()
	if !trim {
		return
	}
	err := s.onOwnConn(ctx, func(conn driver.Conn) error {
		return run(conn, fmt.Sprintf("DELETE FROM %s WHERE id <= %d", logTable, upTo))
	})
	if err != nil {
		s.log.Warn("sqlite: the trigger log could not be trimmed", "error", err)
		return
	}
	s.mu.Lock()
	s.logged.trimmed = upTo
	s.mu.Unlock()
}

// onOwnConn runs f on a connection whose commits are known to be our own.
func (s *Source) onOwnConn(ctx context.Context, f func(driver.Conn) error) error {
	conn, err := sqldb.Record(s.connector, s).Connect(ctx)
	if err != nil {
		return err
	}
	return errors.Join(f(conn), conn.Close())
}

// examineLog looks whether every table has its triggers, and reports whether
// the log is usable from here on.
func (s *Source) examineLog() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range 5 {
		h, ok := s.absorb()
		s.metaMu.Lock()
		version, complete, last, err := logState(s.meta)
		s.metaMu.Unlock()
		if err != nil || !ok {
			return false
		}
		if now, ok := s.index.read(); !ok || !now.same(h) {
			continue
		}
		s.logged.stale = !complete && s.logged.install
		s.logged.usable, s.logged.version = complete, version
		s.logged.seen = last
		return complete
	}
	return false
}

// logState says whether all triggers of the log are there, and its last row.
func logState(conn driver.Conn) (version int64, complete bool, last int64, err error) {
	if err = run(conn, "BEGIN"); err != nil {
		return 0, false, 0, err
	}
	defer func() { err = errors.Join(err, run(conn, "ROLLBACK")) }()
	if version, err = schemaVersion(conn); err != nil {
		return 0, false, 0, err
	}
	there := false
	text := "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '" + logTable + "'"
	if err = each(conn, text, func(row []driver.Value) { there = row[0] == int64(1) }); err != nil || !there {
		return version, false, 0, err
	}
	want, have, err := logTriggers(conn)
	if err != nil {
		return 0, false, 0, err
	}
	err = each(conn, "SELECT max(id) FROM "+logTable, func(row []driver.Value) { last, _ = row[0].(int64) })
	return version, maps.Equal(want, have), last, err
}
