// Package query reads the text of a statement: which rows of which tables can
// matter to its result.
//
// Read either understands a statement fully or calls it opaque; then the
// tables and columns that the database named are all that is known. What it
// understood is a condition for each place where a table stands: a row that
// does not meet it could be missing from that place, and the result would be
// the same. A condition may only be too wide. Query.Bind fills in the
// arguments and gives one condition per table, which is met by the rows that
// meet that of any of its places.
//
// An argument that the next evaluation would not send again must not narrow:
// Arguments remembers what an observer's evaluations sent and says which of
// them count. The rules and why they hold are in DESIGN.md beside this file.
//
// A Query is never altered, so it may be shared; a Cache may be used from
// several goroutines, an Arguments from one at a time.
//
// Pipeline: recorder → read set → [query] → affected.
package query

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/readset"
)

// Query is a statement as it was understood.
type Query struct {
	// Opaque says why the statement was not understood, "" where it was.
	Opaque string
	// Shape is equal for statements that differ in their literals only.
	Shape uint64
	// Ties says why rows may stand in an order of the database's own choosing,
	// "" where that is not seen.
	Ties string
	// Filter says that each row of the result is one row of one table, and that
	// which rows these are depends on no other but by what comes into the result
	// or leaves it.
	Filter bool

	places []*place // where tables stand
	values []value  // literals and parameters, in the order of the text
	params int      // how many arguments it takes
	typed  bool     // arguments are those of PostgreSQL's drivers
	forms  int      // how many conditions it is made of
}

// place is one place in a statement where a table stands.
type place struct {
	table    *readset.Table
	columns  []column
	form     *form // what a row that matters must meet, nil for nothing
	nullable bool  // an outer join may put NULLs in its place
}

// Limits of what is read. A text, an expression or a set of views beyond them
// is opaque.
const (
	maxText   = 128 << 10
	maxDepth  = 100
	maxNodes  = 20_000
	maxPlaces = 128
)

var shapeSeed = maphash.MakeSeed()

// opaque is how reading ends when something is not understood.
type opaque struct{ why string }

// Read reads a statement that the database has accepted, in its schema.
func Read(statement *readset.Statement) *Query {
	if statement.Schema == nil {
		return &Query{Opaque: "the database does not tell its schema"}
	}
	c := catalogOf(statement.Schema)
	if c == nil {
		return &Query{Opaque: "its dialect is not read: " + statement.Schema.Dialect}
	}
	return c.read(statement)
}

func (c *catalog) read(statement *readset.Statement) (q *Query) {
	switch {
	case statement.Writes:
		return &Query{Opaque: "it writes"}
	case len(statement.Text) > maxText:
		return &Query{Opaque: "it is too long"}
	case strings.IndexByte(statement.Text, 0) >= 0:
		return &Query{Opaque: "it holds a NUL, where the database may stop to read"}
	case c.dialect.typed && !c.settled():
		return &Query{Opaque: "its search path or its encoding may give names another meaning"}
	}
	defer func() {
		if r := recover(); r != nil {
			why, ok := r.(opaque)
			if !ok {
				panic(r)
			}
			q = &Query{Opaque: why.why}
		}
	}()
	p := newParser(statement.Text, c.dialect)
	defer p.release()
	tree := p.read()
	r := &reader{dialect: c.dialect, catalog: c, given: p.values, arena: &p.arena}
	r.selection(tree, nil, nil)
	q = &Query{Shape: p.shape(), places: r.places, values: slices.Clone(r.given), params: p.highest, forms: r.formed, Ties: ties(tree, r.places),
		typed: c.dialect.typed}
	if q.typed {
		q.tear()
	}
	q.check(statement)
	q.Filter = filters(tree, r.places, c) && len(statement.Reads) == 1 && len(statement.Volatile) == 0
	return q
}

// check compares the tables found with those that the database named: one that
// was not found says that the text means something else.
func (q *Query) check(statement *readset.Statement) {
	if planted.Is(planted.CTEIgnored) {
		return
	}
	for _, read := range statement.Reads {
		found := false
		for _, p := range q.places {
			found = found || p.table.Name == read.Table
		}
		if t := statement.Schema.Tables[read.Table]; q.typed && t != nil && t.View {
			continue // what it reads is named too
		}
		if !found {
			panic(opaque{"it was not seen to read " + read.Table})
		}
	}
}
