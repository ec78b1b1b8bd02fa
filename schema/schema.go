// Package schema says what a database holds, in the terms that a REST API
// needs: tables and views, their columns and types, their keys, and which
// table a foreign key leads to.
//
// An adapter reads it from the database itself (Catalog). What it says is
// true of one version of the schema and is never altered once it is made;
// after DDL the catalog returns another.
//
// Pipeline: none; resources are built from it.
package schema

import (
	"context"
	"slices"
	"strings"
)

// Catalog tells what a database holds at the moment. It must be cheap to ask:
// resources ask it for each request.
type Catalog interface {
	Schema(ctx context.Context) (*Schema, error)
}

// Schema is what a database holds.
type Schema struct {
	// Version is another text wherever anything else is different, and the same
	// one where nothing is.
	Version string
	// Dialect names the SQL that the database speaks: "sqlite" or "postgres".
	Dialect string
	// Encoding is how the database stores text: "UTF-8". Of another one
	// nothing is known about how texts compare.
	Encoding string
	// Tables and views, sorted by name; none of the database's own, and no view
	// that cannot be read because what it reads is not there.
	Tables []*Table
}

// Table returns a table or view by its name, as the database compares names:
// SQLite in any case, PostgreSQL exactly. Nil where there is none.
func (s *Schema) Table(name string) *Table {
	same := func(t *Table) bool { return t.Name == name }
	if s.Dialect == "sqlite" {
		same = func(t *Table) bool { return strings.EqualFold(t.Name, name) }
	}
	i := slices.IndexFunc(s.Tables, same)
	if i < 0 {
		return nil
	}
	return s.Tables[i]
}

// Table is one table or view.
type Table struct {
	// Name is as changes and read sets have it.
	Name string
	// Path has the parts of the name as statements quote them, the schema and the
	// table; nil: Name is the one part.
	Path []string
	// View: it cannot be written.
	View bool
	// Columns are in the order of SELECT *.
	Columns []Column
	// Key names the columns of the primary key in its order. None: nothing
	// tells the rows apart, so the table cannot be observed.
	Key []string
	// Unique lists the sets of columns that are unique, Key not among them.
	Unique [][]string
	// Foreign keys that lead to a table there is, in the order of their
	// declaration.
	Foreign []ForeignKey
	// Conflict: a constraint says what becomes of rows that stand against a
	// write, as ON CONFLICT REPLACE does.
	Conflict bool
	// Policies: policies of the database say which of its rows there are for a
	// request that has a role of its own (readset.Rights). Policed: they do so for
	// every request. Of such a table nothing is decided in memory.
	Policies, Policed bool
	// Unobserved is why changes of the table are not reported, "" where they
	// are; Cure is what can be done about it. Of a view it is "": changes are
	// reported of what it reads.
	Unobserved, Cure string
}

// Column returns a column by its exact name, nil where there is none.
func (t *Table) Column(name string) *Column {
	i := t.Place(name)
	if i < 0 {
		return nil
	}
	return &t.Columns[i]
}

// Place returns where a column stands in Columns, -1 where there is none.
func (t *Table) Place(name string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
}

// Names lists the columns, in their order.
func (t *Table) Names() []string {
	names := make([]string, len(t.Columns))
	for i := range t.Columns {
		names[i] = t.Columns[i].Name
	}
	return names
}

// Column is one column of a table.
type Column struct {
	Name string
	// Declared is the type as it was declared, "" for none.
	Declared string
	// Type is what values of the column are meant to be. A database that is
	// lax about it may hold others.
	Type Type
	// Native names the type as a cast does, a domain's by the type beneath it;
	// "" where the database takes a value of any type (SQLite). It says which of
	// the database's types a Type is: where images of changes have a value that
	// is no number, boolean, text or bytes, they have the text of it.
	Native string
	// Labels are those of an enum, in their order.
	Labels []string
	// Item is what an Array has in it.
	Item *Column
	// Length is the most characters that a Text may have, 0 for no bound.
	Length int
	// Precision and Scale bound a Decimal: so many digits, and so many of them
	// behind the point. Precision 0 is no bound.
	Precision, Scale int
	// Unordered: the database does not compare values of the type; they are
	// compared as their texts, byte by byte.
	Unordered bool
	// Strict: the database holds no values of other types in it.
	Strict bool
	// Nullable: NULL may be stored.
	Nullable bool
	// Default: the table says which value other than NULL it gets where none is
	// given.
	Default bool
	// Auto: the database makes the value where none is given (an integer key).
	Auto bool
	// Generated: the database makes the value, nobody else may.
	Generated bool
	// Unstored: images of changes do not have its value.
	Unstored bool
	// Collation names how texts compare, "BINARY" where nothing else is said, ""
	// where it is not known (of a view's columns). PostgreSQL's are "C" (byte by
	// byte), "deterministic" (equal are only equal bytes), "" for any other.
	Collation string
}

// ForeignKey leads from columns of a table to those of another.
type ForeignKey struct {
	Columns []string
	Table   string
	To      []string
}

// Type is what a column's values are meant to be.
type Type uint8

const (
	Any Type = iota
	Integer
	Float
	Decimal
	Text
	Bytes
	Boolean
	Timestamp
	Date
	Time
	UUID
	JSON
	Array
)

var typeNames = [...]string{"any", "integer", "float", "decimal", "text", "bytes", "boolean", "timestamp", "date", "time", "uuid", "json", "array"}

func (t Type) String() string { return typeNames[t] }
