// Package change says what happened in a database: a row before and after, the
// rows of one committed transaction, and the place of that transaction in the
// commit order.
//
// Nothing here does anything: sources make these values, everything behind
// them reads them. They are never altered once published, so they may be
// shared between goroutines.
//
// Pipeline: database → source → [change] → affected.
package change

import "math"

// Kind says what became of a row, or of a whole table.
type Kind uint8

const (
	// Insert: New is the row, Old is nil.
	Insert Kind = iota + 1
	// Update: both images, each as far as the database gave it.
	Update
	// Delete: Old is the row, New is nil.
	Delete
	// Everything: any row of Table may have changed (truncate, DDL, a
	// transaction too large to list). There are no images.
	Everything
)

func (k Kind) String() string {
	switch k {
	case Insert:
		return "insert"
	case Update:
		return "update"
	case Delete:
		return "delete"
	case Everything:
		return "everything"
	}
	return "unknown"
}

// unknown is the type of Unknown: no value that a database returns equals it.
type unknown struct{}

func (unknown) String() string { return "unknown" }

// Unknown stands in a row image for a value that the database did not give:
// the old value of a column that its log leaves out, or a virtual column.
// An unknown value meets every condition.
var Unknown any = unknown{}

// Change is what one transaction did to one row.
//
// Columns names the places of Old and New; it is shared by all changes of the
// table and must not be altered. Values are nil, int64, float64, string,
// []byte, bool, time.Time or Unknown; of a type that is none of these, the text
// that the database writes for it. An image that is nil where Kind promises
// one is wholly unknown.
type Change struct {
	Table   string
	Kind    Kind
	Columns []string
	Old     []any
	New     []any
}

// Touches reports whether the change may have altered one of the columns. An
// insert or a delete touches all of them, and so does an image that is not
// known. No columns at all (count(*), SELECT 1) are touched when rows come or
// go, never by an update of a row in place.
func (c *Change) Touches(columns []string) bool {
	if c.Kind != Update || c.Old == nil || c.New == nil {
		return true
	}
	for _, name := range columns {
		if c.alters(name) {
			return true
		}
	}
	return false
}

func (c *Change) alters(name string) bool {
	for i, column := range c.Columns {
		if column == name {
			return i >= len(c.Old) || i >= len(c.New) || !Equal(c.Old[i], c.New[i])
		}
	}
	return true // a column that we do not know of
}

// Equal reports whether two values of an image are surely the same to the
// database. Unknown equals nothing, NaN does not equal itself, and 0 is not −0.
func Equal(a, b any) bool {
	switch x := a.(type) {
	case []byte:
		y, ok := b.([]byte)
		return ok && string(x) == string(y)
	case float64:
		y, ok := b.(float64)
		return ok && x == y && math.Signbit(x) == math.Signbit(y)
	case unknown:
		return false
	}
	switch b.(type) {
	case []byte, unknown:
		return false
	}
	return a == b
}

// Changeset is one committed transaction. Sources may fold neighbouring
// transactions of other processes into one, never split one.
type Changeset struct {
	// Position is the place of the commit in the database's history.
	Position Position
	// Changes lists the rows in the order in which they were altered.
	Changes []Change
	// Everything says that any row of any table may have changed.
	Everything bool
	// Mark is how the position ends that the transaction's own writer was told
	// (sqldb.Watcher.Written), where that is not Position itself: a database
	// may let its writers know their place before it is known in the order of
	// all. "" where it is Position; else of MarkLen characters.
	Mark string
}

// WrittenAs reports whether the changeset is what a writer committed that was
// told the position p.
func (s *Changeset) WrittenAs(p Position) bool { return s.Commit().WrittenAs(p) }

// What Go keeps beside the values of a row, about.
const (
	changeBeside = 112
	valueBeside  = 16
)

// Bytes is about what the changeset takes in memory.
func (s *Changeset) Bytes() int {
	n := changeBeside
	for i := range s.Changes {
		c := &s.Changes[i]
		n += changeBeside + imageBytes(c.Old) + imageBytes(c.New)
	}
	return n
}

func imageBytes(image []any) int {
	n := valueBeside * len(image)
	for _, value := range image {
		switch v := value.(type) {
		case string:
			n += valueBeside + len(v)
		case []byte:
			n += 2*valueBeside + len(v)
		case int64, float64:
			n += 8
		}
	}
	return n
}
