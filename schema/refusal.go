package schema

// Refuser is a Catalog that tells why its database did not take a write.
type Refuser interface {
	// Refusal reads an error that a statement or a commit ended with; nil where
	// the error says nothing about what was written.
	Refusal(err error) *Refusal
}

// Refusal is why a database did not take a write.
type Refusal struct {
	Reason Reason
	// Table and Columns are those of the constraint, as far as the database
	// names them.
	Table   string
	Columns []string
	// Constraint is its name or its text, "" where the database does not say:
	// the expression of a check, the index of unique expressions, what a trigger
	// raised.
	Constraint string
}

// Reason is what stands against a write.
type Reason uint8

const (
	// Busy: another writer was not done in time. Nothing is wrong with the write.
	Busy Reason = iota + 1
	// Duplicate: another row has the same key, or the same unique values.
	Duplicate
	// Dangling: a foreign key would lead to no row.
	Dangling
	// Missing: a column that must have a value would be NULL.
	Missing
	// Checked: a CHECK does not hold.
	Checked
	// Mistyped: a column does not take values of the type.
	Mistyped
	// Raised: a trigger refused it.
	Raised
	// ReadOnly: the database or the file cannot be written at all.
	ReadOnly
	// TooBig: the database has no room for it.
	TooBig
	// Forbidden: the database does not let its user, or the role that the request
	// has, do it.
	Forbidden
)

var reasonNames = [...]string{"", "busy", "duplicate", "dangling", "missing", "checked", "mistyped", "raised", "read-only", "too big", "forbidden"}

func (r Reason) String() string { return reasonNames[r] }
