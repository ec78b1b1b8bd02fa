package postgres

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wakeful-dev/wakeful/postgres/internal/triggerlog"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/source"
)

var _ schema.Catalog = (*Source)(nil)

// catalog keeps what Source.Schema has told.
type catalog struct {
	reading sync.Mutex // one asks the database

	mu      sync.Mutex
	told    *told
	at      time.Time // when it was asked for
	forgets uint64    // how often it was void
	watched bool      // whoever watches the schema says when it is void
}

// told is what a database holds, and what only this package is asked about.
type told struct {
	schema *schema.Schema
	// constraints are those that a write can stand against, by the names that
	// errors have.
	constraints map[constraintName]constraint
}

// unwatched is how long a schema is believed while nobody watches it.
const unwatched = 2 * time.Second

// Schema says what the database holds now. PostgreSQL reads statements by its
// newest catalogue, also in an older snapshot, so that is what is told in an
// evaluation too. Equal schemas are one pointer. While the source is followed it
// costs nothing until DDL.
func (s *Source) Schema(ctx context.Context) (*schema.Schema, error) {
	found, err := s.toldNow(ctx)
	if err != nil {
		return nil, fmt.Errorf("postgres: read the schema: %w", err)
	}
	return found.schema, nil
}

// forgetSchema makes void what was told of the schema, of rights, and of the
// statements that they give a meaning to: the next one who asks is told anew.
func (s *Source) forgetSchema() {
	s.knowledge.forget()
	s.grants.forget()
	s.catalog.mu.Lock()
	defer s.catalog.mu.Unlock()
	s.catalog.forgets++
	s.catalog.at = time.Time{}
}

// watchSchema says whether forgetSchema is called wherever the schema changes.
func (s *Source) watchSchema(watched bool) {
	s.knowledge.watch(watched)
	s.grants.watch(watched)
	s.catalog.mu.Lock()
	defer s.catalog.mu.Unlock()
	s.catalog.watched = watched
	s.catalog.at = time.Time{} // what happened before nobody has seen
}

// current is what was told, nil where it has to be asked for, and how often it
// was void before.
func (c *catalog) current() (found *told, forgets uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() || !c.watched && time.Since(c.at) > unwatched {
		return nil, c.forgets
	}
	return c.told, c.forgets
}

func (s *Source) toldNow(ctx context.Context) (*told, error) {
	c := &s.catalog
	if found, _ := c.current(); found != nil {
		return found, nil
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	for {
		found, forgets := c.current()
		if found != nil {
			return found, nil
		}
		asked := time.Now()
		fresh, err := s.readCatalog(ctx, s.judge)
		if err != nil {
			return nil, err
		}
		if found, ok := c.put(fresh, forgets, asked); ok {
			return found, nil
		}
	}
}

// put keeps what was told, unless it was made void meanwhile.
func (c *catalog) put(fresh *told, forgets uint64, asked time.Time) (*told, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.forgets != forgets {
		return nil, false
	}
	if c.told != nil && c.told.schema.Version == fresh.schema.Version {
		fresh.schema = c.told.schema
	}
	c.told, c.at = fresh, asked
	return fresh, true
}

// readCatalog asks the database for all that is told of it. judge says of its
// tables whether their changes are reported.
func (s *Source) readCatalog(ctx context.Context, judge func(context.Context, []*schema.Table) error) (*told, error) {
	r := &catalogReader{
		told:   &told{schema: &schema.Schema{Dialect: "postgres"}, constraints: map[constraintName]constraint{}},
		tables: map[uint32]*relation{},
	}
	err := pgx.BeginTxFunc(ctx, s.meta, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		r.tx = tx
		return r.read(ctx)
	})
	if err == nil {
		err = judge(ctx, r.schema.Tables)
	}
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(r.schema)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	r.schema.Version = hex.EncodeToString(sum[:16])
	return r.told, nil
}

// judge says of tables whether their changes are reported. However many are
// new, it waits for them once.
func (s *Source) judge(ctx context.Context, tables []*schema.Table) error {
	patience, cancel := context.WithTimeout(ctx, adoptPatience)
	defer cancel()
	for _, t := range tables {
		if t.View {
			continue
		}
		err := s.Covers(patience, t.Name)
		if patience.Err() != nil && ctx.Err() == nil {
			err = s.uncovered(t.Name, s.tables.get(t.Name))
		}
		if err := blame(t, err); err != nil {
			return err
		}
	}
	return nil
}

// blame notes why changes of a table are not reported; another error is
// returned.
func blame(t *schema.Table, err error) error {
	var uncovered *source.UncoveredError
	if !errors.As(err, &uncovered) {
		return err
	}
	t.Unobserved, t.Cure = uncovered.Reason, uncovered.Cure
	return nil
}

// catalogReader asks one transaction.
type catalogReader struct {
	*told
	tx     pgx.Tx
	types  map[uint32]*pgType
	tables map[uint32]*relation
	// collation is how texts compare by the database's own collation.
	collation string
}

// relation is a table or view as it is read. A part of a partitioned table is
// one, too, for the sake of its constraints.
type relation struct {
	*schema.Table
	schema, name string
	root         *relation
	attributes   map[int16]string
}

func (r *catalogReader) read(ctx context.Context) error {
	// Names of types have their schemas, but for those of the system.
	if _, err := r.tx.Exec(ctx, "SET LOCAL search_path TO ''"); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{
		r.readDatabase, r.readTypes, r.readTables, r.readColumns, r.readUnique, r.readConstraints,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	slices.SortFunc(r.schema.Tables, func(a, b *schema.Table) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// databaseQuery: provider d is libc before there was another one to be had.
const databaseQuery = `SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate,
	coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'),
	coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', '')
FROM pg_catalog.pg_database AS d WHERE datname = pg_catalog.current_database()`

func (r *catalogReader) readDatabase(ctx context.Context) error {
	var encoding, collate, provider, locale string
	if err := r.tx.QueryRow(ctx, databaseQuery).Scan(&encoding, &collate, &provider, &locale); err != nil {
		return err
	}
	if r.schema.Encoding = encoding; encoding == "UTF8" {
		r.schema.Encoding = "UTF-8"
	}
	r.collation = collationOf(provider, collate, locale, true)
	return nil
}

// collationOf says how texts compare by a collation: byte by byte, or so that
// equal are only equal bytes, or in a way of its own.
func collationOf(provider, collate, locale string, deterministic bool) string {
	switch {
	case !deterministic:
		return ""
	case provider == "c" && (collate == "C" || collate == "POSIX"):
		return "C"
	case provider == "b" && (locale == "C" || locale == "C.UTF-8" || locale == "PG_UNICODE_FAST"):
		return "C" // by code point, which in UTF-8 is byte by byte
	}
	return "deterministic"
}

// relationQuery lists what the role may read of what is not the system's nor an
// extension's. A part of a partitioned table has its root.
const relationQuery = `SELECT c.oid, n.nspname, c.relname, c.relkind IN ('v', 'm'),
	coalesce(CASE WHEN c.relispartition THEN pg_catalog.pg_partition_root(c.oid)::oid END, 0),
	c.relrowsecurity, c.relrowsecurity AND pg_catalog.row_security_active(c.oid)
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
	AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
	AND pg_catalog.obj_description(n.oid, 'pg_namespace') IS DISTINCT FROM '` + triggerlog.Comment + `'
	AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
	AND (pg_catalog.has_table_privilege(c.oid, 'SELECT') OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT'))
	AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS e
		WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY c.relispartition, c.oid`

func (r *catalogReader) readTables(ctx context.Context) error {
	rows, err := r.tx.Query(ctx, relationQuery)
	if err != nil {
		return err
	}
	var oid, root uint32
	var in, name string
	var view, policies, policed bool
	_, err = pgx.ForEachRow(rows, []any{&oid, &in, &name, &view, &root, &policies, &policed}, func() error {
		t := &relation{
			schema: in, name: name, attributes: map[int16]string{},
			Table: &schema.Table{Name: tableName(in, name), Path: []string{in, name}, View: view, Policies: policies, Policed: policed},
		}
		r.tables[oid] = t
		if root == 0 {
			r.schema.Tables = append(r.schema.Tables, t.Table)
		} else {
			t.root = r.tables[root]
		}
		return nil
	})
	return err
}

// sortSets puts sets of columns into an order that follows from what they are.
func sortSets(sets [][]string) [][]string {
	slices.SortFunc(sets, func(a, b []string) int { return cmp.Or(len(a)-len(b), slices.Compare(a, b)) })
	return slices.CompactFunc(sets, slices.Equal)
}
