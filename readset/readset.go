// Package readset notes what one evaluation of a view read: which tables and
// columns, with which arguments, in which snapshot.
//
// A Set travels in the context of the request. Recorders (package sqldb, and
// the adapters' own) add to it each statement that runs under that context;
// what no recorder sees is declared with DependsOn or Poll. A Set takes
// concurrent writers. A nil *Set takes everything and notes nothing, so code
// on the way need not ask whether a request is an evaluation.
//
// Pipeline: request → recorder → [readset] → affected.
package readset

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wakeful-dev/wakeful/source"
)

// Statement is what the database says about one text of SQL. It is cached and
// shared by all who run that text until the schema changes: never alter it.
type Statement struct {
	// Text is the SQL as it was run.
	Text string
	// Reads lists each table that the statement reads, through views, triggers
	// and CTEs too, sorted by table.
	Reads []Read
	// Writes says that the statement may change rows or the schema.
	Writes bool
	// Volatile names the functions in it whose result changes though no row
	// does (now, random, …), sorted.
	Volatile []string
	// Schema is the one that the statement was described by, nil where the
	// database does not tell it: then only tables and columns count.
	Schema *Schema
}

// Read is one table and the columns of it that were read, sorted. No columns:
// only the existence of rows counts (count(*), SELECT 1).
type Read struct {
	Table   string
	Columns []string
}

// Describer says what a statement reads, by asking the database itself. Each
// driver implements it; the answer may come from a cache until any DDL.
type Describer interface {
	Describe(ctx context.Context, text string) (*Statement, error)
}

// Use is one run of a statement with its arguments.
type Use struct {
	Statement *Statement
	Args      []any
	// Held names the rows that it returned, nil where they are not known.
	Held *Held
}

// Set is what one evaluation read. The zero value is empty and ready.
type Set struct {
	// Snapshot is the state of the database that the evaluation's reads must
	// see, nil where there is none. It is set before the evaluation begins.
	Snapshot source.Snapshot

	mu        sync.Mutex
	uses      []Use
	declared  []string
	poll      time.Duration
	until     time.Time
	err       error
	strays    []Stray
	unstamped string // why it is not a result of Snapshot

	of      *Set // the evaluation's, of one that is apart
	strict  atomic.Bool
	entered int32 // goroutines of the view; guarded by evaluating.mu
}

type contextKey struct{}

// NewContext returns a context whose statements are noted in s.
func NewContext(ctx context.Context, s *Set) context.Context {
	return context.WithValue(ctx, contextKey{}, s)
}

// From returns the set of an evaluation, nil outside of one.
func From(ctx context.Context) *Set {
	s, _ := ctx.Value(contextKey{}).(*Set)
	return s
}

// Add notes one run of a statement. The arguments are kept as they are.
func (s *Set) Add(statement *Statement, args []any) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uses = append(s.uses, Use{Statement: statement, Args: args})
}

// DependsOn declares tables that the evaluation depends on although no
// recorder sees it read them.
func (s *Set) DependsOn(tables ...string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.declared = append(s.declared, tables...)
}

// Poll asks for an evaluation at least this often, for what no source reports:
// clocks, random numbers, other services. The shortest interval counts.
func (s *Set) Poll(every time.Duration) {
	if s == nil || every <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poll == 0 || every < s.poll {
		s.poll = every
	}
}

// Until says that the result changes at t though no row does. The earliest
// time counts.
func (s *Set) Until(t time.Time) {
	if s == nil || t.IsZero() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.until.IsZero() || t.Before(s.until) {
		s.until = t
	}
}

// Fail notes that a read could not be recorded. The first error counts, and
// makes the evaluation fail: a list that misses a dependency could stand still.
func (s *Set) Fail(err error) {
	if s == nil || err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

// Err returns what Fail noted first.
func (s *Set) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Interval returns the shortest interval that Poll asked for, 0 for none.
func (s *Set) Interval() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.poll
}

// Deadline returns the earliest time that Until named, zero for none.
func (s *Set) Deadline() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.until
}

// Uses returns each run of a statement, in order.
func (s *Set) Uses() []Use {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.uses)
}

// Declared returns the tables that DependsOn named, sorted, each once.
func (s *Set) Declared() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	tables := slices.Clone(s.declared)
	slices.Sort(tables)
	return slices.Compact(tables)
}

// Empty reports whether nothing was noted: no statement that reads a table, no
// declared one, no interval, no time.
func (s *Set) Empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.declared) > 0 || s.poll > 0 || !s.until.IsZero() {
		return false
	}
	return !slices.ContainsFunc(s.uses, func(u Use) bool { return len(u.Statement.Reads) > 0 })
}

// Tables returns what was read, merged by table and sorted. A declared table
// has the single column "*": every change of it counts.
func (s *Set) Tables() []Read {
	s.mu.Lock()
	defer s.mu.Unlock()
	columns := map[string]map[string]bool{}
	note := func(table string, names ...string) {
		if columns[table] == nil {
			columns[table] = map[string]bool{}
		}
		for _, name := range names {
			columns[table][name] = true
		}
	}
	for _, use := range s.uses {
		for _, read := range use.Statement.Reads {
			note(read.Table, read.Columns...)
		}
	}
	for _, table := range s.declared {
		note(table, AnyColumn)
	}
	reads := make([]Read, 0, len(columns))
	for table, names := range columns {
		read := Read{Table: table}
		for name := range names {
			read.Columns = append(read.Columns, name)
		}
		slices.Sort(read.Columns)
		reads = append(reads, read)
	}
	slices.SortFunc(reads, func(a, b Read) int { return strings.Compare(a.Table, b.Table) })
	return reads
}

// AnyColumn stands among the columns of a Read for all of them.
const AnyColumn = "*"

// Volatile names the functions read whose result changes by itself, sorted.
func (s *Set) Volatile() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, use := range s.uses {
		names = append(names, use.Statement.Volatile...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
