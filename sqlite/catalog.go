package sqlite

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/sqldb"
)

var _ schema.Catalog = (*Source)(nil)

// catalog keeps what Source.Schema has told.
type catalog struct {
	mu     sync.Mutex
	recent []told // newest last
	// index, at and of say which state of the file the newest was found in: while
	// no commit has followed, it needs no question.
	index indexFile
	at    header
	of    edition
	known bool
}

// told is a schema and the editions of the file that it is true of: DDL that
// changes nothing of it makes another edition of the same schema.
type told struct {
	of     edition
	schema *schema.Schema
}

// maxTold bounds the schemas that are kept: evaluations may still stand in the
// snapshot of a former one.
const maxTold = 4

// Schema says what the database holds: in an evaluation as its snapshot has it,
// else now, whoever changed it last. Equal schemas are one pointer. Without a
// commit since the last call it costs a look at shared memory.
func (s *Source) Schema(ctx context.Context) (*schema.Schema, error) {
	if set := readset.From(ctx); set != nil {
		if snapshot, ok := set.Snapshot.(*Snapshot); ok && snapshot.source == s {
			return s.schemaIn(snapshot)
		}
	}
	if found := s.catalog.current(s.history.Load()); found != nil {
		return found, nil
	}
	s.metaMu.Lock()
	defer s.metaMu.Unlock()
	index := &walIndex{indexFile: s.index.indexFile}
	at, known := index.read() // before the question: what it says is of this state or a later one
	of := edition{history: s.history.Load()}
	var err error
	if of.version, err = schemaVersion(s.meta); err != nil {
		return nil, fmt.Errorf("sqlite: read the schema: %w", err)
	}
	found := s.catalog.get(of)
	if found == nil {
		if found, of.version, err = s.readSchema(s.meta, of.history); err != nil {
			return nil, err
		}
		found = s.catalog.put(of, found)
	}
	s.catalog.now(index.indexFile, at, of, known)
	return found, nil
}

// schemaIn is the schema of a snapshot.
func (s *Source) schemaIn(snapshot *Snapshot) (found *schema.Schema, err error) {
	of := edition{snapshot.history, snapshot.version}
	if found = s.catalog.get(of); found != nil {
		return found, nil
	}
	in := snapshot.open.Load()
	if in == nil {
		return nil, sqldb.ErrSnapshotClosed
	}
	err = in.pinned.Do(func(conn driver.Conn) error {
		found, of.version, err = s.readSchema(conn, of.history)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.catalog.put(of, found), nil
}

// current is the newest schema if no commit has followed it.
func (c *catalog) current(h *history) *schema.Schema {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known || c.of.history != h {
		return nil
	}
	index := walIndex{indexFile: c.index}
	if at, ok := index.read(); !ok || !at.same(c.at) {
		return nil
	}
	return c.find(c.of)
}

func (c *catalog) now(index indexFile, at header, of edition, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.index, c.at, c.of, c.known = index, at, of, known
}

func (c *catalog) get(of edition) *schema.Schema {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.find(of)
}

func (c *catalog) find(of edition) *schema.Schema {
	for _, t := range c.recent {
		if t.of == of {
			return t.schema
		}
	}
	return nil
}

// put keeps a schema, and returns the one that was told before where that says
// the same.
func (c *catalog) put(of edition, fresh *schema.Schema) *schema.Schema {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.recent {
		if t.schema.Version == fresh.Version {
			fresh = t.schema
		}
	}
	if len(c.recent) == maxTold {
		c.recent = slices.Delete(c.recent, 0, 1)
	}
	c.recent = append(c.recent, told{of, fresh})
	return fresh
}

// readSchema asks a connection that nobody else uses meanwhile.
func (s *Source) readSchema(conn driver.Conn, h *history) (*schema.Schema, int64, error) {
	for range 10 {
		sch := s.schema.Load()
		version, err := schemaVersion(conn)
		if err == nil && (sch == nil || sch.version != version || s.history.Load() != h) {
			sch, err = loadSchema(conn)
		}
		if err != nil {
			return nil, 0, err
		}
		found, err := tellSchema(conn, sch)
		after, versionErr := schemaVersion(conn)
		switch {
		case versionErr != nil:
			return nil, 0, fmt.Errorf("sqlite: read the schema: %w", versionErr)
		case after != sch.version: // also the reason of an error, maybe
		case err != nil:
			return nil, 0, fmt.Errorf("sqlite: read the schema: %w", err)
		default:
			return found, after, nil
		}
	}
	return nil, 0, errors.New("sqlite: the schema changes while it is read")
}

// tellSchema makes of a schema what others are told of it.
func tellSchema(conn driver.Conn, sch *layout) (*schema.Schema, error) {
	found := &schema.Schema{Dialect: sch.told.Dialect, Encoding: sch.told.Encoding}
	for _, t := range sch.tables {
		if t.kind != "shadow" && !strings.HasPrefix(t.name, "sqlite_") && t.name != logTable {
			found.Tables = append(found.Tables, &schema.Table{Name: t.name, View: t.kind == "view"})
		}
	}
	slices.SortFunc(found.Tables, func(a, b *schema.Table) int { return strings.Compare(a.Name, b.Name) })
	meta := metadataOf(conn)
	var broken []*schema.Table
	for _, told := range found.Tables {
		t := &tableReader{conn: conn, of: sch.tables[told.Name], meta: meta, told: told}
		if err := t.read(); err != nil && told.View {
			broken = append(broken, told) // what it reads is not there
		} else if err != nil {
			return nil, fmt.Errorf("table %q: %w", told.Name, err)
		}
		if !told.View {
			told.Unobserved, told.Cure = sch.uncovered(told.Name)
			told.Conflict = strings.Contains(strings.ToLower(sch.told.Tables[readset.Fold(told.Name)].Definition), "conflict")
		}
	}
	found.Tables = slices.DeleteFunc(found.Tables, func(t *schema.Table) bool { return slices.Contains(broken, t) })
	for _, told := range found.Tables {
		if err := readForeign(conn, found, told); err != nil {
			return nil, fmt.Errorf("foreign keys of %q: %w", told.Name, err)
		}
	}
	text, err := json.Marshal(found)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	found.Version = hex.EncodeToString(sum[:16])
	return found, nil
}

const foreignQuery = `SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?1, 'main') ORDER BY id DESC, seq`

// readForeign adds the foreign keys of a table that lead to something.
func readForeign(conn driver.Conn, all *schema.Schema, t *schema.Table) error {
	if t.View {
		return nil
	}
	var found []schema.ForeignKey
	last := int64(-1)
	err := each(conn, foreignQuery, func(row []driver.Value) {
		id, _ := row[0].(int64)
		if id != last || len(found) == 0 {
			table, _ := row[1].(string)
			found, last = append(found, schema.ForeignKey{Table: table}), id
		}
		key := &found[len(found)-1]
		from, _ := row[2].(string)
		key.Columns = append(key.Columns, from)
		if to, ok := row[3].(string); ok {
			key.To = append(key.To, to)
		}
	}, driver.NamedValue{Ordinal: 1, Value: t.Name})
	for _, key := range found {
		if leads(all, t, &key) {
			t.Foreign = append(t.Foreign, key)
		}
	}
	return err
}

// leads puts the names of a foreign key as the schema has them. It is false
// where there is nothing of these names.
func leads(all *schema.Schema, t *schema.Table, key *schema.ForeignKey) bool {
	i := slices.IndexFunc(all.Tables, func(t *schema.Table) bool { return readset.Fold(t.Name) == readset.Fold(key.Table) })
	if i < 0 || all.Tables[i].View {
		return false
	}
	to := all.Tables[i]
	key.Table = to.Name
	if key.To == nil {
		key.To = slices.Clone(to.Key)
	}
	return len(key.To) == len(key.Columns) && exact(t, key.Columns) && exact(to, key.To)
}

// exact puts names as the table has them.
func exact(t *schema.Table, names []string) bool {
	for i, name := range names {
		at := slices.IndexFunc(t.Columns, func(c schema.Column) bool { return readset.Fold(c.Name) == readset.Fold(name) })
		if at < 0 {
			return false
		}
		names[i] = t.Columns[at].Name
	}
	return true
}

// sortSets puts sets of columns into an order that follows from what they are.
func sortSets(sets [][]string) [][]string {
	slices.SortFunc(sets, func(a, b []string) int { return cmp.Or(len(a)-len(b), slices.Compare(a, b)) })
	return slices.CompactFunc(sets, slices.Equal)
}
