package postgres

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// code is what statements may call. EXPLAIN does not see into functions, so of
// each it must be known whether it may read a table.
type code struct {
	volatile map[string]bool        // functions of the system whose result changes by itself
	effects  map[string]bool        // of these, the ones that do something
	own      map[string][]*function // of others than the system, by name
	// operators of those that may read tables, by symbol
	operators map[string][]*function
	// hidden run where no text shows it: casts
	hidden []*function
	// domains have checks that may read tables
	domains map[string][]*function
}

// function is one that is not of the system.
type function struct {
	name, language, source string
	volatility             byte
	calls                  []uint32 // of an aggregate
	reads                  bool     // it may read tables
}

// clocks are called stable, since they stand still in a transaction.
var clocks = []string{"now", "transaction_timestamp", "statement_timestamp", "pg_current_snapshot", "txid_current_snapshot"}

// clockWords tell the time without parentheses.
var clockWords = []string{"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}

// reading are functions of the system that run statements or read tables that
// they are told in a text.
var reading = []string{
	"query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "cursor_to_xml", "cursor_to_xmlschema",
	"table_to_xml", "table_to_xmlschema", "table_to_xml_and_xmlschema", "schema_to_xml", "schema_to_xmlschema", "schema_to_xml_and_xmlschema",
	"database_to_xml", "database_to_xmlschema", "database_to_xml_and_xmlschema", "ts_stat", "ts_rewrite",
}

// harmless are volatile functions of the system that do nothing but answer.
var harmless = []string{
	"random", "random_normal", "clock_timestamp", "timeofday", "gen_random_uuid", "uuidv4", "uuidv7",
	"pg_sleep", "pg_sleep_for", "pg_sleep_until", "pg_relation_size", "pg_table_size", "pg_indexes_size", "pg_total_relation_size", "pg_database_size",
}

// still are volatile functions of the system whose result does not change.
var still = []string{"pg_sleep", "pg_sleep_for", "pg_sleep_until", "set_config", "pg_notify"}

const functionQuery = `SELECT p.oid, p.proname, l.lanname, p.provolatile::text, p.prokind::text,
	CASE WHEN l.lanname IN ('c', 'internal') THEN '' ELSE coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) END,
	coalesce((SELECT ARRAY[a.aggtransfn::oid, a.aggfinalfn::oid, a.aggcombinefn::oid, a.aggserialfn::oid, a.aggdeserialfn::oid,
		a.aggmtransfn::oid, a.aggminvtransfn::oid, a.aggmfinalfn::oid] FROM pg_catalog.pg_aggregate AS a WHERE a.aggfnoid = p.oid), '{}')
FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang WHERE p.oid >= 16384`

func readCode(ctx context.Context, tx pgx.Tx) (*code, error) {
	c := &code{volatile: map[string]bool{}, effects: map[string]bool{}, own: map[string][]*function{},
		operators: map[string][]*function{}, domains: map[string][]*function{}}
	if err := c.readSystem(ctx, tx); err != nil {
		return nil, err
	}
	byOID := map[uint32]*function{}
	rows, err := tx.Query(ctx, functionQuery)
	if err != nil {
		return nil, err
	}
	var oid uint32
	var volatility, kind string
	var f function
	_, err = pgx.ForEachRow(rows, []any{&oid, &f.name, &f.language, &volatility, &kind, &f.source, &f.calls}, func() error {
		one := f
		f.calls = nil
		one.volatility = volatility[0]
		one.reads = kind != "a" && !(one.volatility == 'i' && (one.language == "c" || one.language == "internal"))
		byOID[oid] = &one
		c.own[one.name] = append(c.own[one.name], &one)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, f := range byOID {
		f.reads = f.reads || slices.ContainsFunc(f.calls, func(oid uint32) bool { return byOID[oid] != nil && byOID[oid].reads })
	}
	return c, c.readUses(ctx, tx, byOID)
}

// readSystem lists the functions of the system whose result changes by itself.
func (c *code) readSystem(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `SELECT DISTINCT proname FROM pg_catalog.pg_proc
		WHERE oid < 16384 AND (provolatile = 'v' OR proname LIKE 'pg\_stat\_get\_%') AND prokind = 'f'`)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		if slices.Contains(reading, name) {
			continue
		}
		c.volatile[name] = !slices.Contains(still, name)
		c.effects[name] = !slices.Contains(harmless, name) && !strings.HasPrefix(name, "pg_stat_get_")
	}
	for _, name := range clocks {
		c.volatile[name] = true
	}
	return nil
}

// useQuery lists what calls functions though no text shows their names.
const useQuery = `SELECT 'operator', oprname::text, oprcode::oid, '' FROM pg_catalog.pg_operator WHERE oid >= 16384
UNION ALL SELECT 'cast', '', castfunc::oid, '' FROM pg_catalog.pg_cast WHERE oid >= 16384 AND castfunc <> 0
UNION ALL SELECT 'domain', t.typname::text, 0, pg_catalog.pg_get_constraintdef(k.oid)
	FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_type AS t ON t.oid = k.contypid`

func (c *code) readUses(ctx context.Context, tx pgx.Tx, byOID map[uint32]*function) error {
	rows, err := tx.Query(ctx, useQuery)
	if err != nil {
		return err
	}
	var kind, name, text string
	var oid uint32
	_, err = pgx.ForEachRow(rows, []any{&kind, &name, &oid, &text}, func() error {
		f := byOID[oid]
		called := f != nil && f.reads
		switch {
		case kind == "operator" && called:
			c.operators[name] = append(c.operators[name], f)
		case kind == "cast" && called:
			c.hidden = append(c.hidden, f)
		case kind == "domain":
			if found := c.calledIn(text, false); len(found.functions) > 0 {
				c.domains[name] = append(c.domains[name], found.functions...)
			}
		}
		return nil
	})
	return err
}

// readers names the functions that may read tables.
func (c *code) readers() map[string]bool {
	names := map[string]bool{}
	for _, name := range reading {
		names[name] = true
	}
	for name, functions := range c.own {
		if slices.ContainsFunc(functions, func(f *function) bool { return f.reads }) {
			names[name] = true
		}
	}
	return names
}

// calls is what a text calls, by names: more than it may be, never less.
type calls struct {
	functions []*function // that may read tables
	volatile  []string
	effects   bool // one of the system's does something
	reads     bool // one of the system's reads what a text names
}

// calledIn looks for names in SQL. In what a person has written, a function of
// one argument may look like a column.
func (c *code) calledIn(text string, written bool) calls {
	var found calls
	l := lexer{text: text}
	var last token
	for t := l.next(); t.kind != tokenEnd; t = l.next() {
		ahead := l
		switch call := ahead.next().is("("); {
		case t.kind == tokenSymbol:
			for symbol, functions := range c.operators {
				if strings.Contains(t.text, symbol) {
					found.functions = append(found.functions, functions...)
				}
			}
		case t.name() && (call || written && last.is(".")):
			found.call(c, t.text)
		case t.word(clockWords...) && !last.is("."):
			found.volatile = append(found.volatile, t.text)
		}
		if t.name() {
			found.functions = append(found.functions, c.domains[t.text]...)
		}
		last = t
	}
	return found
}

func (found *calls) call(c *code, name string) {
	for _, f := range c.own[name] {
		switch {
		case f.reads:
			found.functions = append(found.functions, f)
		case f.volatility == 'v':
			found.volatile = append(found.volatile, name)
		}
	}
	if c.volatile[name] || slices.Contains(clockWords, name) {
		found.volatile = append(found.volatile, name)
	}
	found.effects = found.effects || c.effects[name]
	found.reads = found.reads || slices.Contains(reading, name)
}

func (found *calls) add(other calls) {
	found.functions = append(found.functions, other.functions...)
	found.volatile = append(found.volatile, other.volatile...)
	found.effects = found.effects || other.effects
	found.reads = found.reads || other.reads
}

// closure is all that some functions may do, by the words in their sources.
type closure struct {
	words    map[string]bool
	volatile []string
	// blind is a function that may read tables without a trace: it catches
	// errors, which takes back the locks, around statements that it composes.
	blind string
	// composed: a source may run statements that it does not contain.
	composed bool
}

var (
	wordPattern  = regexp.MustCompile(`[\pL_][\pL\pN_$]*`)
	catchPattern = regexp.MustCompile(`(?i)\b(except|exception|catch|eval|subtransaction|on_error)\b`)
	composed     = regexp.MustCompile(`(?i)\bexecute\b`)
)

// closureOf follows the names in the sources of functions.
func (c *code) closureOf(functions []*function) *closure {
	all := &closure{words: map[string]bool{}}
	seen := map[*function]bool{}
	for len(functions) > 0 {
		f := functions[len(functions)-1]
		functions = functions[:len(functions)-1]
		if seen[f] {
			continue
		}
		seen[f] = true
		spoken := f.language == "sql" || f.language == "plpgsql"
		unseen := !spoken || composed.MatchString(f.source)
		all.composed = all.composed || unseen
		if unseen && catchPattern.MatchString(f.source) {
			all.blind = f.name
		}
		if !spoken && f.volatility == 'v' {
			all.volatile = append(all.volatile, f.name)
		}
		for _, word := range wordPattern.FindAllString(f.source, -1) {
			for _, name := range []string{word, lower(word)} {
				all.words[name] = true
				functions = append(functions, c.own[name]...)
			}
		}
		if spoken {
			all.volatile = append(all.volatile, c.calledIn(f.source, true).volatile...)
		}
	}
	return all
}
