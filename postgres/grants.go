package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Grants is what a role may do with tables, by their names. Tables of which it
// may read nothing are not among them. It is never altered.
type Grants map[string]Grant

// Grant is what a role may do with one table, as far as rows are not asked
// about: which ones there are for it, policies say.
type Grant struct {
	// Whole: it may read all columns; else it may read Columns.
	Whole   bool
	Columns []string
	// Insert and Update are about one column or more.
	Insert, Update, Delete bool
}

// Reads reports whether the role may read all of the columns.
func (g Grant) Reads(columns []string) bool {
	return g.Whole || !slices.ContainsFunc(columns, func(c string) bool { return !slices.Contains(g.Columns, c) })
}

// grants keeps what Source.Grants has told.
type grants struct {
	asking sync.Mutex // one asks the database

	mu      sync.Mutex
	told    map[string]heldGrants // by the role, "" the connection's own
	forgets uint64                // how often they were void
	watched bool                  // whoever watches the catalogue says when they are void
}

type heldGrants struct {
	Grants
	at time.Time // when they were asked for
}

// Grants says what the role of the context, else the connection's own, may do
// with tables. While the source is followed it costs nothing until rights or
// tables change.
func (s *Source) Grants(ctx context.Context) (Grants, error) {
	role := ""
	if a := actingOf(ctx); a != nil && a.err != nil {
		return nil, a.err
	} else if a != nil && a.name != noRole {
		role = a.name
	}
	g := &s.grants
	if found, _ := g.current(role); found != nil {
		return found, nil
	}
	g.asking.Lock()
	defer g.asking.Unlock()
	for {
		found, forgets := g.current(role)
		if found != nil {
			return found, nil
		}
		asked := time.Now()
		fresh, err := s.readGrants(ctx, role)
		if err != nil {
			return nil, fmt.Errorf("postgres: ask what the role may do: %w", err)
		}
		if g.put(role, heldGrants{fresh, asked}, forgets) {
			return fresh, nil
		}
	}
}

// forget makes void what was told.
func (g *grants) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forgets++
	clear(g.told)
}

// watch says whether forget is called wherever rights change.
func (g *grants) watch(watched bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.watched = watched
	clear(g.told) // what happened before nobody has seen
}

// current is what was told of a role, nil where it has to be asked for, and how
// often it was void before.
func (g *grants) current(role string) (found Grants, forgets uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if held, ok := g.told[role]; ok && (g.watched || time.Since(held.at) <= unwatched) {
		found = held.Grants
	}
	return found, g.forgets
}

// put keeps what was told, unless it was made void meanwhile. Only roles that
// the database has are kept.
func (g *grants) put(role string, fresh heldGrants, forgets uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.forgets != forgets {
		return false
	}
	if g.told == nil {
		g.told = map[string]heldGrants{}
	}
	g.told[role] = fresh
	return true
}

const grantQuery = `SELECT n.nspname, c.relname, pg_catalog.has_table_privilege(c.oid, 'SELECT'),
	CASE WHEN pg_catalog.has_table_privilege(c.oid, 'SELECT') THEN '{}' ELSE ARRAY(
		SELECT a.attname::text FROM pg_catalog.pg_attribute AS a
		WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
	) END,
	pg_catalog.has_any_column_privilege(c.oid, 'INSERT'), pg_catalog.has_any_column_privilege(c.oid, 'UPDATE'),
	pg_catalog.has_table_privilege(c.oid, 'DELETE')
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
	AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
	AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT')`

// readGrants asks the database, as the role.
func (s *Source) readGrants(ctx context.Context, role string) (Grants, error) {
	all := Grants{}
	err := pgx.BeginTxFunc(ctx, s.meta, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		own := &standing{}
		if err := own.as(WithRole(ctx, Role{Name: role}), tx.Conn().PgConn()); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, grantQuery)
		if err != nil {
			return err
		}
		var in, name string
		var one Grant
		_, err = pgx.ForEachRow(rows, []any{&in, &name, &one.Whole, &one.Columns, &one.Insert, &one.Update, &one.Delete}, func() error {
			all[tableName(in, name)] = one
			one.Columns = nil
			return nil
		})
		return err
	})
	return all, err
}
