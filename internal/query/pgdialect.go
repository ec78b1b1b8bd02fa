package query

import (
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/readset"
)

var postgres = &dialect{
	doubleQuoted: true,
	params:       "$",
	kind:         predicate.PostgresKind,
	collations: map[string]predicate.Collation{
		"C": predicate.Binary, "POSIX": predicate.Binary, "ucs_basic": predicate.Binary, "default": predicate.Deterministic,
	},
	typed: true,
}

// settled reports whether names that are the database's own can be told from
// others: these may come first only where the search path says so.
func (c *catalog) settled() bool {
	return c.Encoding == "UTF-8" && slices.Index(c.Path, "pg_catalog") <= 0
}

// postgresColumn is a column with how it compares. Values that are no texts
// have one order everywhere.
func postgresColumn(given *readset.Column) column {
	c := column{Column: predicate.Column{Name: given.Name, Kind: predicate.PostgresKind(given.Type), Collation: predicate.Binary}, folded: given.Name}
	switch c.Kind {
	case predicate.PostgresText, predicate.PostgresPadded, predicate.PostgresName:
		c.Collation = predicate.PostgresCollation(given.Collation)
	case predicate.PostgresLabel:
		c.Collation = predicate.Deterministic
	case predicate.Unfit:
		c.parted = !isWhole(given.Type, c.Kind)
	}
	return c
}

// find looks for a table or view as PostgreSQL does, nil where there is none.
func (c *catalog) find(schema, name string) *readset.Table {
	if schema != "" {
		return c.Tables[qualified(schema, name)]
	}
	for _, schema := range c.Path {
		if t := c.Tables[qualified(schema, name)]; t != nil {
			return t
		}
	}
	return nil
}

// qualified is how a Read names a table.
func qualified(schema, name string) string {
	if schema == "public" {
		return namePart(name)
	}
	return namePart(schema) + "." + namePart(name)
}

// namePart quotes what could be taken for something else.
func namePart(name string) string {
	if strings.ContainsAny(name, `."`) {
		return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	return name
}

// systemColumns are those that every table has beside its own.
var systemColumns = nameSet("ctid xmin xmax cmin cmax tableoid")

// isWhole reports whether IS NULL asks for the value itself: of a row's type it
// asks for each part.
func isWhole(written string, kind predicate.Kind) bool {
	if kind != predicate.Unfit || strings.HasSuffix(written, "[]") {
		return true
	}
	name, _, _ := strings.Cut(written, "(")
	name, _, _ = strings.Cut(name, " ")
	return opaqueTypes[name[strings.LastIndexByte(name, '.')+1:]]
}
