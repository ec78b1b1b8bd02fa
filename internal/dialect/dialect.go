// Package dialect writes the parts of SQL in which databases differ: names,
// arguments, columns as they are stored, and an order.
//
// It promises that the same call means the same in each: an order puts NULL
// first, and last where it descends; a column that is selected has the value
// that images of changes have; an argument has the type of the column that it
// is for, so that nothing is left for the database to guess.
//
// Pipeline: resource, where → [dialect] → database.
package dialect

import (
	"strconv"
	"strings"

	"github.com/wakeful-dev/wakeful/schema"
)

// Dialect is the SQL of one database. The zero value is SQLite's.
type Dialect struct {
	// typed: the database's columns have types, and take arguments of no others
	// (PostgreSQL).
	typed bool
}

// Of returns the SQL of a schema's database.
func Of(s *schema.Schema) Dialect { return Dialect{typed: s.Dialect == "postgres"} }

// Typed reports that columns have the values of their types, and no others.
func (d Dialect) Typed() bool { return d.typed }

// AppendName appends one identifier.
func AppendName(to []byte, name string) []byte {
	to = append(to, '"')
	for i := range len(name) {
		if name[i] == '"' {
			to = append(to, '"')
		}
		to = append(to, name[i])
	}
	return append(to, '"')
}

// AppendTable appends the name of a table or view.
func (d Dialect) AppendTable(to []byte, t *schema.Table) []byte {
	if len(t.Path) == 0 {
		return AppendName(to, t.Name)
	}
	for i, part := range t.Path {
		if i > 0 {
			to = append(to, '.')
		}
		to = AppendName(to, part)
	}
	return to
}

// AppendColumn appends a column of a table that the statement calls alias; of
// one that has no other name there, alias is "".
func AppendColumn(to []byte, alias, column string) []byte {
	if alias != "" {
		to = append(AppendName(to, alias), '.')
	}
	return AppendName(to, column)
}

// Count is the number of rows, by the database's own function and no other of
// its name.
func (d Dialect) Count() string {
	if d.typed {
		return "pg_catalog.count(*)"
	}
	return "count(*)"
}

// bare are the types whose values drivers hand over as images have them. Of
// all others it is the text.
var bare = map[string]bool{
	"smallint": true, "integer": true, "bigint": true, "real": true, "double precision": true, "boolean": true, "bytea": true,
	"text": true, "character varying": true, "bpchar": true, "name": true,
}

// AppendStored appends a column as it is selected: so that its value is the one
// that is stored, as images of changes have it. Of SQLite the sign keeps the
// driver from making of it what the column's declaration says.
func (d Dialect) AppendStored(to []byte, alias string, c *schema.Column) []byte {
	if !d.typed {
		return AppendColumn(append(to, '+'), alias, c.Name)
	}
	switch {
	case bare[c.Native]:
		return AppendColumn(to, alias, c.Name)
	case c.Type == schema.Integer:
		return append(AppendColumn(to, alias, c.Name), "::bigint"...)
	}
	return appendAsText(to, alias, c)
}

// appendAsText appends a column as the text that the server writes of it. The
// cast of inet would add the mask that its text leaves out.
func appendAsText(to []byte, alias string, c *schema.Column) []byte {
	if c.Native != "inet" {
		return append(AppendColumn(to, alias, c.Name), "::text"...)
	}
	to = AppendColumn(append(to, "CASE WHEN "...), alias, c.Name)
	to = AppendColumn(append(to, " IS NOT NULL THEN pg_catalog.concat("...), alias, c.Name)
	return append(to, ") END"...)
}

// bytewise has the database compare texts byte by byte.
const bytewise = ` COLLATE "C"`

// AppendCompared appends a column as it is compared and ordered by.
func (d Dialect) AppendCompared(to []byte, alias string, c *schema.Column) []byte {
	to = AppendColumn(to, alias, c.Name)
	if d.typed && c.Unordered {
		to = append(to, "::text"+bytewise...)
	}
	return to
}

// AppendText appends a column as a text in which parts are looked for. exact:
// byte by byte, whatever the column's collation takes for equal.
func (d Dialect) AppendText(to []byte, alias string, c *schema.Column, exact bool) []byte {
	switch {
	case !d.typed:
		return AppendColumn(to, alias, c.Name)
	case c.Native == "text" || c.Native == "character varying":
		to = AppendColumn(to, alias, c.Name)
	case c.Native == "inet": // what follows is about all of it
		to = append(appendAsText(append(to, '('), alias, c), ')')
	default:
		to = appendAsText(to, alias, c)
	}
	if exact || c.Collation == "" || c.Type != schema.Text {
		to = append(to, bytewise...)
	}
	return to
}

// AppendOrder appends one term of an order. NULL comes first, and last where it
// descends.
func (d Dialect) AppendOrder(to []byte, alias string, c *schema.Column, desc bool) []byte {
	to = d.AppendCompared(to, alias, c)
	if desc {
		to = append(to, " DESC"...)
	}
	switch {
	case !d.typed || !c.Nullable: // an index has no place for it then either
	case desc:
		to = append(to, " NULLS LAST"...)
	default:
		to = append(to, " NULLS FIRST"...)
	}
	return to
}

// cast is the type of an argument that is compared with a column, or stored in
// it.
func (d Dialect) cast(c *schema.Column, compared bool) string {
	switch {
	case !d.typed:
		return ""
	case compared && c.Unordered:
		return "text"
	}
	switch c.Native {
	case "smallint", "integer":
		return "bigint"
	case "character varying", "name":
		return "text"
	}
	return c.Native
}

// Args are the arguments of a statement, in their order, and how they stand in
// it.
type Args struct {
	Dialect
	// Row is the table whose columns a1, a2, … the arguments are, for several
	// lists at once; "": they are placeholders.
	Row    string
	Values []any
	// Types are those of Values.
	Types []string
}

// Compared appends what a column's values are compared with.
func (a *Args) Compared(to []byte, c *schema.Column, v any) []byte {
	return a.Append(to, a.cast(c, true), v)
}

// Stored appends what is stored in a column.
func (a *Args) Stored(to []byte, c *schema.Column, v any) []byte {
	return a.Append(to, a.cast(c, false), v)
}

// Text appends a text.
func (a *Args) Text(to []byte, v string) []byte { return a.Append(to, "text", v) }

// Count appends a number of rows.
func (a *Args) Count(to []byte, n int) []byte { return a.Append(to, "bigint", int64(n)) }

// Append appends an argument of a type.
func (a *Args) Append(to []byte, of string, v any) []byte {
	if n, ok := v.(int64); ok && a.typed && !numeric[of] {
		v = strconv.FormatInt(n, 10) // of a type that drivers have no integers for
	}
	a.Values, a.Types = append(a.Values, v), append(a.Types, of)
	switch {
	case !a.typed:
		return append(to, '?')
	case a.Row == "":
		to = strconv.AppendInt(append(to, '$'), int64(len(a.Values)), 10)
		return append(append(to, "::"...), of...)
	}
	to = append(append(to, a.Row...), ".a"...)
	to = strconv.AppendInt(to, int64(len(a.Values)), 10)
	if strings.HasSuffix(of, "[]") { // in an array of arrays they are not told apart
		a.Types[len(a.Types)-1] = "text"
		to = append(append(to, "::"...), of...)
	}
	return to
}

var numeric = map[string]bool{"bigint": true, "real": true, "double precision": true}
