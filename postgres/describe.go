package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/sqldb"
)

var (
	_ sqldb.Database = (*Source)(nil)
	_ sqldb.Refiner  = (*Source)(nil)
)

// description is what is known of one text.
type description struct {
	statement *readset.Statement
	// late: functions in it may read other tables at each run; the locks tell,
	// afterwards.
	late     bool
	blind    bool     // so do the views in it, which nobody has seen
	composed bool     // their sources do not name all of them
	returns  bool     // it has rows as its result
	params   []uint32 // types of the arguments
	key      *keyed   // where its rows say which ones they are, nil where they do not
}

// Describe says what a statement reads, as PostgreSQL tells: it is prepared and
// planned for unknown arguments in a transaction of its own, and the tables are
// those on which it then holds locks: exact through views, common tables,
// policies and partitions.
func (s *Source) Describe(ctx context.Context, text string) (*readset.Statement, error) {
	d, err := s.describe(ctx, text)
	if err != nil {
		return nil, err
	}
	return d.statement, nil
}

func (s *Source) describe(ctx context.Context, text string) (*description, error) {
	key := textKey{text: text}
	if a := actingOf(ctx); a != nil {
		key.role = a.name
	}
	if d := s.knowledge.get(key); d != nil {
		return d, nil
	}
	for range 3 {
		f, generation, err := s.factsNow(ctx)
		if err != nil {
			return nil, err
		}
		d, err := s.describeBy(ctx, f, text)
		if errors.Is(err, errStale) {
			s.knowledge.forget()
			continue
		}
		if err != nil {
			return nil, err
		}
		s.knowledge.put(key, d, generation)
		return d, nil
	}
	return nil, fmt.Errorf("postgres: the schema changes while %.200q is read", text)
}

// errStale reports a table that is younger than the facts.
var errStale = errors.New("postgres: what is known of the schema is not up to date")

// describeBy describes a text, each statement of it.
func (s *Source) describeBy(ctx context.Context, f *facts, text string) (*description, error) {
	parts := split(text)
	if len(parts) < 2 {
		return s.describeOne(ctx, f, text)
	}
	all := &description{statement: &readset.Statement{Text: text}}
	for _, part := range parts {
		d, err := s.describeOne(ctx, f, part)
		if err != nil {
			return nil, err
		}
		all.late, all.composed = all.late || d.late, all.composed || d.composed
		all.statement.Writes = all.statement.Writes || d.statement.Writes
		all.statement.Volatile = sorted(append(all.statement.Volatile, d.statement.Volatile...))
		all.statement.Reads = merge(all.statement.Reads, d.statement.Reads)
	}
	return all, nil
}

func (s *Source) describeOne(ctx context.Context, f *facts, text string) (*description, error) {
	switch classify(text) {
	case verbNothing:
		return &description{statement: &readset.Statement{Text: text, Writes: true}}, nil
	case verbUnknown:
		l := lexer{text: text}
		return nil, fmt.Errorf("postgres: PostgreSQL does not tell which tables %s reads: send the statement itself, "+
			"or declare its tables with wakeful.DependsOn outside of the recorded handle", strings.ToUpper(l.next().text))
	}
	p, err := s.explain(ctx, text)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && (refused.Code == "23502" || refused.Code == "23514") {
		return s.unplanned(f, text)
	}
	if err != nil {
		return nil, err
	}
	return f.description(text, p)
}

// unplanned describes a statement with an argument that may not be NULL, of a
// domain: it is not planned without its value, and its locks tell all.
func (s *Source) unplanned(f *facts, text string) (*description, error) {
	volatile, err := f.code.volatileIn(text, nil)
	if err != nil {
		return nil, err
	}
	statement := &readset.Statement{Text: text, Writes: s.mayWrite(text), Volatile: volatile}
	return &description{statement: statement, late: true, blind: true, composed: true, returns: true}, nil
}

// planned is what the database says of one statement.
type planned struct {
	*plan
	path   []string // in which names are looked for
	locks  []uint32 // relations
	params []uint32
	fields []pgconn.FieldDescription // of the result
}

// explaining is the name of the statement that is being described.
const explaining = "wakeful_describe"

const (
	// The locks are asked for by the simplest statement that can: what it locks
	// itself is among them.
	lockQuery = "SELECT relation FROM pg_catalog.pg_locks WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND granted"
	pathQuery = "SELECT pg_catalog.unnest(pg_catalog.current_schemas(true))"
)

// explain plans a statement without running it.
func (s *Source) explain(ctx context.Context, text string) (found *planned, err error) {
	conn, err := s.meta.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	pg := conn.Conn().PgConn()
	if _, err := pg.Exec(ctx, "BEGIN READ ONLY; SET LOCAL plan_cache_mode = force_generic_plan").ReadAll(); err != nil {
		return nil, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
		defer cancel()
		_, endErr := pg.Exec(ctx, "ROLLBACK").ReadAll()
		if endErr == nil {
			endErr = pg.Deallocate(ctx, explaining)
		}
		if endErr != nil {
			_ = conn.Conn().Close(ctx) // the pool opens another
		}
	}()
	if err := (&standing{}).as(ctx, pg); err != nil {
		return nil, err
	}
	prepared, err := pg.Prepare(ctx, explaining, text, nil)
	if err != nil {
		return nil, err
	}
	call := "EXECUTE " + explaining
	if n := len(prepared.ParamOIDs); n > 0 {
		call += "(NULL" + strings.Repeat(", NULL", n-1) + ")"
	}
	results, err := pg.Exec(ctx, "EXPLAIN (VERBOSE, FORMAT JSON) "+call+"; "+lockQuery+"; "+pathQuery).ReadAll()
	if err != nil {
		return nil, err
	}
	found = &planned{params: slices.Clone(prepared.ParamOIDs), fields: slices.Clone(prepared.Fields)}
	var told []byte
	for _, row := range results[0].Rows {
		told = append(append(told, row[0]...), '\n')
	}
	if found.plan, err = parsePlan(told); err != nil {
		return nil, err
	}
	for _, row := range results[2].Rows {
		found.path = append(found.path, string(row[0]))
	}
	found.locks, err = oids(results[1].Rows)
	return found, err
}

// description puts together what the database has said.
func (f *facts) description(text string, p *planned) (*description, error) {
	// What the predicate of an index implies is not asked again of its rows.
	for _, name := range p.indexes {
		p.expressions = append(p.expressions, f.predicates[name]...)
	}
	said := p.names()
	said.rows = said.rows || p.pruned || p.subplans && f.version < comparesShown
	reads, texts, err := f.reads(p.locks, said)
	if err != nil {
		return nil, err
	}
	found := f.code.calledIn(text, true)
	for _, expression := range append(p.expressions, texts...) {
		found.add(f.code.calledIn(expression, false))
	}
	found.functions = append(found.functions, f.code.hidden...)
	statement := &readset.Statement{Text: text, Writes: p.writes || found.effects, Volatile: found.volatile, Schema: f.toldBy(p.path)}
	d := &description{statement: statement, params: p.params, returns: len(p.fields) > 0, late: len(found.functions) > 0 || found.reads}
	if d.late {
		all := f.code.closureOf(found.functions)
		if all.blind != "" {
			return nil, untraceable(all.blind)
		}
		d.composed = all.composed || found.reads
		statement.Schema = nil
		statement.Volatile = append(statement.Volatile, all.volatile...)
		reads = merge(reads, f.named(all.words))
	}
	if p.writes {
		d.late = d.late || slices.ContainsFunc(p.locks, func(oid uint32) bool { return f.relations[oid] != nil && f.relations[oid].triggers })
	}
	if p.sampled {
		statement.Volatile = append(statement.Volatile, "tablesample")
	}
	if toldTheTime(text, said.strings) {
		statement.Volatile = append(statement.Volatile, "now")
	}
	statement.Volatile = sorted(statement.Volatile)
	statement.Reads = reads
	if !d.late && !statement.Writes {
		d.key = f.keyOf(p)
	}
	return d, nil
}

// reads are the tables among the relations that are locked, with those of their
// columns that are named, and the definitions of the views among them.
func (f *facts) reads(locks []uint32, said names) (reads []readset.Read, texts []string, err error) {
	for _, oid := range locks {
		of := f.relations[oid]
		if of == nil {
			return nil, nil, errStale
		}
		texts = append(texts, of.definition, of.policies)
		switch of.kind {
		case 'r', 'p', 'm', 'f', 'S':
		default: // what a view reads is locked too
			continue
		}
		read := readset.Read{Table: f.root(of).name}
		for column := range of.columns {
			if said.all[column] {
				read.Columns = append(read.Columns, column)
			}
		}
		if said.rows || of.columns == nil || len(of.columns) == 0 {
			read.Columns = []string{readset.AnyColumn}
		}
		reads = merge(reads, []readset.Read{read})
	}
	return reads, texts, nil
}

// named are the tables whose names are among the words.
func (f *facts) named(words map[string]bool) (reads []readset.Read) {
	for _, of := range f.relations {
		switch of.kind {
		case 'r', 'p', 'm', 'f', 'S':
			if _, name := splitName(of.name); words[name] {
				reads = append(reads, readset.Read{Table: f.root(of).name, Columns: []string{readset.AnyColumn}})
			}
		}
	}
	return reads
}

// merge adds reads to sorted ones.
func merge(into, more []readset.Read) []readset.Read {
	for _, read := range more {
		at, found := slices.BinarySearchFunc(into, read.Table, func(r readset.Read, table string) int { return strings.Compare(r.Table, table) })
		if !found {
			into = slices.Insert(into, at, readset.Read{Table: read.Table})
		}
		columns := sorted(append(slices.Clone(into[at].Columns), read.Columns...))
		if slices.Contains(columns, readset.AnyColumn) {
			columns = []string{readset.AnyColumn}
		}
		into[at].Columns = columns
	}
	return into
}

// toldBy is the schema as it is seen by a search path.
func (f *facts) toldBy(path []string) *readset.Schema {
	key := strings.Join(path, "\x00")
	if known, ok := f.byPath.Load(key); ok {
		return known.(*readset.Schema)
	}
	told := *f.told
	told.Path = path
	known, _ := f.byPath.LoadOrStore(key, &told)
	return known.(*readset.Schema)
}

func oids(rows [][][]byte) ([]uint32, error) {
	list := make([]uint32, len(rows))
	for i, row := range rows {
		if _, err := fmt.Sscan(string(row[0]), &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}
