package postgres

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wakeful-dev/wakeful/postgres/internal/triggerlog"
	"github.com/wakeful-dev/wakeful/readset"
)

// facts is what the catalogue says, as far as descriptions of statements need
// it. It is never altered.
type facts struct {
	relations map[uint32]*fact
	told      *readset.Schema
	byPath    sync.Map // of the same, with the path in which a role looks for names
	code      *code
	version   int
	// predicates are those of partial indexes, by the names of these
	predicates map[string][]string
	collation  string // by which texts compare where nothing else is said
}

// fact is what there is to say of one table, view, sequence or index.
type fact struct {
	name       string // as a Read has it
	kind       byte   // as pg_class.relkind has it
	parent     uint32 // of a partition
	triggers   bool   // the app's own
	definition string // of a view
	policies   string // their expressions
	columns    map[string]bool
	table      *readset.Table // nil for none
	slim       bool           // what a row was before is in the log by its key alone
	key        []keyColumn
}

// The system's own views are known by what they read; their text is not needed.
// A change log is no table of the app, nor are the triggers that write it.
const factQuery = `WITH logs AS (
	SELECT m.oid FROM pg_catalog.pg_namespace AS m WHERE pg_catalog.obj_description(m.oid, 'pg_namespace') = '` + triggerlog.Comment + `'
), notes AS (SELECT p.oid FROM pg_catalog.pg_proc AS p JOIN logs ON logs.oid = p.pronamespace)
SELECT c.oid, n.nspname, c.relname, CASE WHEN n.oid IN (SELECT oid FROM logs) THEN '-' ELSE c.relkind::text END,
	coalesce((SELECT i.inhparent FROM pg_catalog.pg_inherits AS i WHERE c.relispartition AND i.inhrelid = c.oid), 0),
	EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgfoid NOT IN (SELECT oid FROM notes)),
	CASE WHEN c.relkind = 'v' AND c.oid >= 16384 THEN coalesce(pg_catalog.pg_get_viewdef(c.oid), '') ELSE '' END,
	ARRAY(SELECT pg_catalog.pg_get_expr(p.polqual, p.polrelid) FROM pg_catalog.pg_policy AS p
		WHERE p.polrelid = c.oid AND c.relrowsecurity AND p.polqual IS NOT NULL),
	c.relkind = 'r' AND c.relreplident = 'd' AND NOT c.relispartition
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace`

// The type of a column is that below its domains, and said to be an enum where
// it is one.
const factColumnQuery = `WITH RECURSIVE beneath (domain, type, modifier) AS (
	SELECT t.oid, t.typbasetype, t.typtypmod FROM pg_catalog.pg_type AS t WHERE t.typtype = 'd'
	UNION ALL SELECT b.domain, t.typbasetype, CASE WHEN b.modifier < 0 THEN t.typtypmod ELSE b.modifier END
	FROM beneath AS b JOIN pg_catalog.pg_type AS t ON t.oid = b.type WHERE t.typtype = 'd'
)
SELECT a.attrelid, a.attname, a.attnum, a.atttypid,
	CASE WHEN y.typtype = 'e' THEN 'enum ' ELSE '' END || pg_catalog.format_type(y.oid, coalesce(b.modifier, a.atttypmod)), a.attgenerated <> '',
	coalesce((SELECT array_position(i.indkey::int2[], a.attnum) + 1 FROM pg_catalog.pg_index AS i WHERE i.indrelid = a.attrelid AND i.indisprimary), 0),
	a.attcollation <> 0, a.attcollation = 100, coalesce(l.collprovider::text, ''), coalesce(l.collcollate, ''),
	coalesce(to_jsonb(l) ->> 'colllocale', to_jsonb(l) ->> 'colliculocale', ''), coalesce(l.collisdeterministic, false)
FROM pg_catalog.pg_attribute AS a LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
	LEFT JOIN beneath AS b ON b.domain = a.atttypid AND b.type IN (SELECT t.oid FROM pg_catalog.pg_type AS t WHERE t.typtype <> 'd')
	JOIN pg_catalog.pg_type AS y ON y.oid = coalesce(b.type, a.atttypid)
WHERE a.attnum > 0 AND NOT a.attisdropped
	AND a.attrelid IN (SELECT c.oid FROM pg_catalog.pg_class AS c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.oid >= 16384)
ORDER BY a.attrelid, a.attnum`

const encodingQuery = `SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate, coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'),
	coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', ''),
	pg_catalog.current_setting('server_version_num')::int
FROM pg_catalog.pg_database AS d WHERE datname = pg_catalog.current_database()`

// readFacts asks one transaction. Names in what the catalogue writes have their
// schemas, whatever the search path of whoever asks.
func readFacts(ctx context.Context, tx pgx.Tx) (*facts, error) {
	f := &facts{relations: map[uint32]*fact{}, predicates: map[string][]string{}, told: &readset.Schema{Dialect: "postgres", Tables: map[string]*readset.Table{}}}
	if _, err := tx.Exec(ctx, "SET LOCAL search_path = pg_catalog"); err != nil {
		return nil, fmt.Errorf("postgres: read the catalogue: %w", err)
	}
	for _, part := range []func(context.Context, pgx.Tx) error{f.readDatabase, f.readRelations, f.readColumns, f.readPredicates} {
		if err := part(ctx, tx); err != nil {
			return nil, fmt.Errorf("postgres: read the catalogue: %w", err)
		}
	}
	var err error
	if f.code, err = readCode(ctx, tx); err != nil {
		return nil, fmt.Errorf("postgres: read the catalogue: %w", err)
	}
	f.told.Functions = f.code.readers()
	return f, nil
}

func (f *facts) readDatabase(ctx context.Context, tx pgx.Tx) error {
	var collate, provider, locale string
	if err := tx.QueryRow(ctx, encodingQuery).Scan(&f.told.Encoding, &collate, &provider, &locale, &f.version); err != nil {
		return err
	}
	if f.told.Encoding == "UTF8" {
		f.told.Encoding = "UTF-8"
	}
	f.collation = collationOf(provider, collate, locale, true)
	return nil
}

func (f *facts) readRelations(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, factQuery)
	if err != nil {
		return err
	}
	var oid uint32
	var in, name, kind string
	var policies []string
	var one fact
	_, err = pgx.ForEachRow(rows, []any{&oid, &in, &name, &kind, &one.parent, &one.triggers, &one.definition, &policies, &one.slim}, func() error {
		this := one
		this.name, this.kind, this.policies = tableName(in, name), kind[0], strings.Join(policies, " ; ")
		switch kind {
		case "r", "p", "v", "m", "f":
			this.table = &readset.Table{Name: this.name, View: kind == "v", Definition: this.definition, Policies: policies}
			policies = nil
			this.columns = map[string]bool{}
			f.told.Tables[this.name] = this.table
		}
		f.relations[oid] = &this
		return nil
	})
	return err
}

func (f *facts) readColumns(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, factColumnQuery)
	if err != nil {
		return err
	}
	var oid uint32
	var c readset.Column
	var number uint16
	var typ uint32
	var collated, usual, deterministic bool
	var provider, collate, locale string
	_, err = pgx.ForEachRow(rows, []any{&oid, &c.Name, &number, &typ, &c.Type, &c.Unstored, &c.Key,
		&collated, &usual, &provider, &collate, &locale, &deterministic}, func() error {
		of := f.relations[oid]
		if of == nil || of.table == nil {
			return nil // somebody's temporary table
		}
		switch {
		case !collated:
			c.Collation = ""
		case usual:
			c.Collation = f.collation
		default:
			c.Collation = collationOf(provider, collate, locale, deterministic)
		}
		of.columns[c.Name] = true
		if c.Key > 0 {
			of.key = append(of.key, keyColumn{c.Name, number, typ, c.Key})
		}
		of.table.Columns = append(of.table.Columns, c)
		return nil
	})
	return err
}

const predicateQuery = `SELECT c.relname, pg_catalog.pg_get_expr(i.indpred, i.indrelid)
FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid WHERE i.indpred IS NOT NULL`

func (f *facts) readPredicates(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, predicateQuery)
	if err != nil {
		return err
	}
	var index, predicate string
	_, err = pgx.ForEachRow(rows, []any{&index, &predicate}, func() error {
		f.predicates[index] = append(f.predicates[index], predicate)
		return nil
	})
	return err
}

// root is the table by whose name changes of a partition are reported.
func (f *facts) root(of *fact) *fact {
	for of.parent != 0 && f.relations[of.parent] != nil {
		of = f.relations[of.parent]
	}
	return of
}

// knowledge keeps the facts, and the descriptions that follow from them, until the
// schema changes.
type knowledge struct {
	reading sync.Mutex // one asks the database

	mu           sync.Mutex
	watched      bool      // whoever watches the schema says when it is void
	at           time.Time // when the facts were asked for
	generation   uint64    // how often it was void
	facts        *facts
	descriptions map[textKey]*description
	of           map[*readset.Statement]*description
}

// textKey is what the meaning of a text depends on: each role may have a search
// path and policies of its own.
type textKey struct{ role, text string }

// maxDescriptions bounds the texts whose descriptions are kept.
const maxDescriptions = 10_000

// forget makes void what is known.
func (k *knowledge) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.clear()
}

func (k *knowledge) clear() {
	k.generation++
	k.facts, k.descriptions, k.of = nil, nil, nil
}

// watch says whether forget is called wherever the schema changes. What happened
// before nobody has seen.
func (k *knowledge) watch(watched bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.watched = watched
	k.clear()
}

// expire makes void what nobody watches.
func (k *knowledge) expire() {
	if k.facts != nil && !k.watched && time.Since(k.at) > unwatched {
		k.clear()
	}
}

// current returns the facts, nil where they have to be read.
func (k *knowledge) current() (*facts, uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expire()
	return k.facts, k.generation
}

// learn keeps facts, unless what they were read from has become void.
func (k *knowledge) learn(f *facts, generation uint64, asked time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.generation != generation {
		return false
	}
	k.facts, k.at = f, asked
	return true
}

func (k *knowledge) get(key textKey) *description {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expire()
	return k.descriptions[key]
}

// behind returns the description that a statement comes from.
func (k *knowledge) behind(statement *readset.Statement) *description {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.of[statement]
}

// put keeps a description, unless what it was made from has become void.
func (k *knowledge) put(key textKey, d *description, generation uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.generation != generation {
		return
	}
	if k.descriptions == nil || len(k.descriptions) >= maxDescriptions {
		k.descriptions, k.of = map[textKey]*description{}, map[*readset.Statement]*description{}
	}
	k.descriptions[key], k.of[d.statement] = d, d
}

// factsNow returns the facts and how often they were void before.
func (s *Source) factsNow(ctx context.Context) (*facts, uint64, error) {
	if f, generation := s.knowledge.current(); f != nil {
		return f, generation, nil
	}
	s.knowledge.reading.Lock()
	defer s.knowledge.reading.Unlock()
	for {
		f, generation := s.knowledge.current()
		if f != nil {
			return f, generation, nil
		}
		asked := time.Now()
		err := pgx.BeginTxFunc(ctx, s.meta, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
			f, err = readFacts(ctx, tx)
			return err
		})
		if err != nil {
			return nil, 0, err
		}
		if s.knowledge.learn(f, generation, asked) {
			return f, generation, nil
		}
	}
}
