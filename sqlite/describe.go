package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/sqldb"
	driversqlite "modernc.org/sqlite"
)

// maxDescriptions bounds the texts whose descriptions are kept.
const maxDescriptions = 10_000

// edition is one schema of one file. Two files may count to the same version
// and mean another schema by it.
type edition struct {
	history *history
	version int64
}

// descriptions are what statements read, as long as the schema stays.
type descriptions struct {
	mu     sync.RWMutex
	of     edition
	byText map[string]*readset.Statement
}

func (d *descriptions) get(of edition, text string) *readset.Statement {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.of != of {
		return nil
	}
	return d.byText[text]
}

func (d *descriptions) put(of edition, text string, s *readset.Statement) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byText == nil || d.of != of || len(d.byText) >= maxDescriptions {
		d.of, d.byText = of, map[string]*readset.Statement{}
	}
	d.byText[text] = s
}

func (d *descriptions) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.byText = nil
}

// Describe says what a statement reads, as SQLite's authorizer tells while the
// statement is prepared: in the schema of the evaluation's snapshot, else in
// the current one.
func (s *Source) Describe(ctx context.Context, text string) (*readset.Statement, error) {
	if set := readset.From(ctx); set != nil {
		if snapshot, ok := set.Snapshot.(*Snapshot); ok && snapshot.source == s {
			return s.describeIn(snapshot, text)
		}
	}
	s.metaMu.Lock()
	defer s.metaMu.Unlock()
	version, err := schemaVersion(s.meta)
	if err != nil {
		return nil, err
	}
	return s.describe(s.meta, s.metaAuth, edition{s.history.Load(), version}, text)
}

func (s *Source) describeIn(snapshot *Snapshot, text string) (statement *readset.Statement, err error) {
	of := edition{snapshot.history, snapshot.version}
	if statement = s.descriptions.get(of, text); statement != nil {
		return statement, nil
	}
	in := snapshot.open.Load()
	if in == nil {
		return nil, sqldb.ErrSnapshotClosed
	}
	err = in.pinned.Do(func(conn driver.Conn) error {
		statement, err = s.describe(conn, in.reader.auth, of, text)
		return err
	})
	return statement, err
}

// describe asks a connection that nobody else uses meanwhile.
func (s *Source) describe(conn driver.Conn, auth *authorizer, of edition, text string) (*readset.Statement, error) {
	if statement := s.descriptions.get(of, text); statement != nil {
		return statement, nil
	}
	sch := s.schema.Load() // first: it is of no later file than the history
	if sch == nil || sch.version != of.version || s.history.Load() != of.history {
		var err error
		if sch, err = loadSchema(conn); err != nil {
			return nil, err
		}
	}
	found := &reading{
		schema: sch, columns: map[string]map[string]bool{},
		functions: map[string]bool{}, views: map[string]bool{},
	}
	parts := split(text)
	if parts == nil {
		parts = []string{text}
	}
	for _, part := range parts {
		if err := auth.during(found.action, func() error { return check(conn, part) }); err != nil {
			return nil, err
		}
		found.texts = append(found.texts, part)
	}
	statement := found.statement(text, auth)
	s.descriptions.put(of, text, statement)
	return statement, nil
}

// check prepares a statement and throws it away.
func check(conn driver.Conn, text string) error {
	prepared, err := conn.Prepare(text)
	if err != nil {
		return err
	}
	return prepared.Close()
}

// authorizer listens to what SQLite asks while it prepares statements on one
// connection.
type authorizer struct {
	listen driversqlite.AuthorizerFn // nil: nobody listens
	// volatile holds the scalar functions, in lower case, that SQLite does not
	// know to be deterministic. Aggregates never bear that flag.
	volatile map[string]bool
}

func authorize(conn driver.Conn) (*authorizer, error) {
	a := &authorizer{volatile: map[string]bool{}}
	err := each(conn, "SELECT name, flags FROM pragma_function_list WHERE type = 's'", func(row []driver.Value) {
		name, _ := row[0].(string)
		if flags, _ := row[1].(int64); flags&deterministic == 0 {
			a.volatile[strings.ToLower(name)] = true
		}
	})
	if err != nil {
		return nil, fmt.Errorf("sqlite: list the functions: %w", err)
	}
	registerer, ok := conn.(driversqlite.AuthorizerRegisterer)
	if !ok {
		return nil, errors.New("sqlite: the driver's connection has no authorizer")
	}
	return a, registerer.RegisterAuthorizer(a.authorize)
}

func (a *authorizer) authorize(action driversqlite.AuthorizerActionCode, arg1, arg2, schema, via string,
) driversqlite.AuthorizerReturnCode {
	if a.listen != nil {
		return a.listen(action, arg1, arg2, schema, via)
	}
	return driversqlite.AuthorizerOK
}

func (a *authorizer) during(listen driversqlite.AuthorizerFn, f func() error) error {
	a.listen = listen
	defer func() { a.listen = nil }()
	return f()
}

// reading collects what one text reads.
type reading struct {
	schema    *layout
	columns   map[string]map[string]bool // of tables
	functions map[string]bool            // lower case
	texts     []string                   // of the statements
	views     map[string]bool
	writes    bool
}

// action is told by SQLite of each thing that the statement will do.
func (r *reading) action(action driversqlite.AuthorizerActionCode, arg1, arg2, schema, via string,
) driversqlite.AuthorizerReturnCode {
	if _, ok := r.schema.views[via]; ok {
		r.views[via] = true
	}
	switch action {
	case driversqlite.AuthRead:
		r.read(arg1, arg2, schema)
	case driversqlite.AuthFunction:
		r.functions[strings.ToLower(arg2)] = true
	case driversqlite.AuthSelect, driversqlite.AuthRecursive:
	default:
		// Everything else changes rows, the schema or the connection.
		r.writes = true
	}
	return driversqlite.AuthorizerOK
}

// valued are table-valued functions that read no table.
var valued = []string{"json_each", "json_tree", "jsonb_each", "jsonb_tree", "generate_series"}

func (r *reading) read(name, column, schema string) {
	if schema != "main" && schema != "" {
		name = schema + "." + name
	} else if t := r.schema.tables[name]; t == nil && slices.Contains(valued, strings.ToLower(name)) {
		return
	} else if t != nil && t.kind == "view" {
		r.views[name] = true
		return // what it reads is told too
	}
	if r.columns[name] == nil {
		r.columns[name] = map[string]bool{}
	}
	if column != "" {
		r.columns[name][column] = true
	}
}

func (r *reading) statement(text string, auth *authorizer) *readset.Statement {
	r.joinsByName()
	s := &readset.Statement{Text: text, Writes: r.writes, Schema: r.schema.told}
	for name, columns := range r.columns {
		if r.isCommon(name) {
			continue
		}
		read := readset.Read{Table: name}
		for column := range columns {
			read.Columns = append(read.Columns, column)
		}
		slices.Sort(read.Columns)
		s.Reads = append(s.Reads, read)
	}
	slices.SortFunc(s.Reads, func(a, b readset.Read) int { return strings.Compare(a.Table, b.Table) })
	for name := range r.functions {
		if auth.volatile[name] && r.says(name) {
			s.Volatile = append(s.Volatile, name)
		}
	}
	s.Volatile = sorted(append(s.Volatile, r.clocks()...))
	return s
}

// deterministic is SQLITE_DETERMINISTIC among the flags of a function.
const deterministic = 0x800
