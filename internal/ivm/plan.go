// Package ivm keeps the result of a declared query without running it again:
// it steps from one list to the next by the rows that a transaction changed.
//
// The law: after any sequence of transactions the stepped list equals the list
// that the database would return, order included. What cannot be decided in
// memory with exactly the database's meaning is not decided: the step says
// that the list has to be read (Reader), and why.
//
// A Result has one owner and is not safe for concurrent use; a Plan is never
// altered and may be shared.
//
// Pipeline: affected → [ivm: step | read] → diff → bus.
package ivm

import (
	"context"
	"errors"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/predicate"
)

// Truth is what a condition is of one row, as SQL has it, or Ask where only the
// database can tell. A row is in a result where its condition is True.
type Truth uint8

const (
	False Truth = iota
	Null
	True
	Ask
)

// Plan says how a list follows from the rows of one table: those that Match, in
// Order, cut to a window, with other tables' rows nested in them.
type Plan struct {
	// Reader reads the lists of plans from the database. Plans of equal Reader
	// and Shape differ in arguments only and are read together.
	Reader Reader
	Shape  string
	// Query is the Reader's own: what it reads the plan by.
	Query any

	// Table and Columns name what the values of a row are, in their order, as
	// images of changes name them.
	Table   string
	Columns []string
	// Key are the places of the table's key in Columns; none: not known, or not
	// read. It is how the row before is found where images have no more of it.
	Key []int
	// Unstored are the places of columns whose values images never have.
	Unstored []int
	// Match says whether a row is in the result; nil: every row is. A row has
	// one value for each of Columns; one may be change.Unknown.
	Match func(row []any) Truth
	// Beyond names the tables of which Match asks other rows than the one it is
	// given. Where such a row may have changed, the list is read.
	Beyond []string
	// Order is total: the key stands last in it. Where one of its columns has
	// a collation that Go does not know, rows cannot be placed in memory.
	Order []Term
	// Offset and Limit are the window; Limit 0 is none: the whole result.
	Offset, Limit int
	// Wider is how many rows are wanted on each side of the window; 0: Reserve
	// says it. A list whose reserve is used up in no time has a wider one read.
	Wider int
	// Counted: Meta needs State.Total.
	Counted bool
	// Single: the result is one object, or nothing (the view then answers 404).
	Single bool

	// Item makes the list's item of a row: its key, and one JSON object. nested
	// has the rows of each of Nested that belong to it, in their order. It is
	// pure: equal rows give equal bytes.
	Item func(row []any, nested [][][]any) (diff.Item, error)
	// Meta is what a page has beside its list, nil for results that are none.
	// It is pure.
	Meta func(State) []byte
	// Nested are the rows of other tables that items have in them.
	Nested []Nested
}

// Term is one column of an order.
type Term struct {
	Column    int // place in Plan.Columns
	Desc      bool
	NullsLast bool
	// As says how the column's values compare.
	As predicate.Column
}

// Nested are the rows of another table that belong to each row of the result:
// those whose columns Child equal the row's columns Parent. One-to-many and
// many-to-one alike.
type Nested struct {
	Table   string
	Columns []string
	Child   []int              // places in Columns
	Parent  []int              // places in Plan.Columns
	Compare []predicate.Column // how Child and Parent compare, one each
	Order   []Term             // places in Columns; total
}

// State is what Meta may depend on.
type State struct {
	Total int  // rows of the whole result, where Counted
	More  bool // rows follow the window
	// First and Last are the window's rows, nil where it is empty.
	First, Last []any
}

// ErrStale reports plans that were made for another schema of the database.
var ErrStale = errors.New("ivm: the plan is of a former schema")

// Reader reads lists from the database.
type Reader interface {
	// Read reads the rows that results of the plans begin with, in one statement
	// where the database can and in the snapshot that ctx carries. All plans
	// have the same Shape. ErrStale where the plans are no longer true of the
	// database's schema: then the view itself is to be evaluated.
	Read(ctx context.Context, plans []*Plan) ([]*Rows, error)
}

// Rows are a part of a plan's result: the window, and a reserve on both sides.
type Rows struct {
	// Before is how many rows of the result stand before the first of List,
	// Total how many there are (0 where not Counted). Of an empty List behind
	// the last row Before says nothing: it is the place that was read from.
	Before, Total int
	// More: rows of the result follow the last of List.
	More bool
	List []Row
}

// Row is one row of the main table, and those that are nested in it.
type Row struct {
	Values []any
	Nested [][][]any
}

// Reserve is how many rows are read on each side of the plan's window.
func (p *Plan) Reserve() int { return max(Reserve(p.Limit), p.Wider) }

// Reserve is how many rows are read at least on each side of a window of so many
// rows.
func Reserve(limit int) int { return min(max(2*limit, 64), 512) }
