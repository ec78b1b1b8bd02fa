package query

import (
	"strings"
	"sync"

	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/readset"
)

// dialect is where kinds of SQL differ.
type dialect struct {
	// quotes of names, beside "".
	backtick, bracket bool
	// doubleQuoted says that "x" is a name.
	doubleQuoted bool
	// backslash says that \ escapes within texts.
	backslash bool
	// hash says that # begins a comment.
	hash bool
	// marks that begin a parameter: ?, :, @, $.
	params string
	// likeFolds says that LIKE finds letters of ASCII in any case at most.
	likeFolds bool
	// rowids names the hidden keys of tables.
	rowids []string
	// kind says how the values of a column compare.
	kind func(declared string) predicate.Kind
	// collations by name in lower case; the one of "" is the default.
	collations map[string]predicate.Collation
	// typed says that the text is PostgreSQL's: each value has one type, names
	// in quotes are exact, and names are looked for in the schema's Path.
	typed bool
}

var dialects = map[string]*dialect{"sqlite": sqlite, "postgres": postgres}

var sqlite = &dialect{
	backtick: true, bracket: true, doubleQuoted: true,
	params:    "?:@$",
	likeFolds: true,
	rowids:    []string{"rowid", "_rowid_", "oid"},
	kind:      predicate.SQLiteKind,
	collations: map[string]predicate.Collation{
		"": predicate.Binary, "binary": predicate.Binary, "nocase": predicate.NoCase, "rtrim": predicate.RTrim,
	},
}

// column is a column of a table with how it compares.
type column struct {
	predicate.Column
	folded string
	parted bool // NULL is asked of its parts
}

// catalog answers for the tables of one schema. It may be used from several
// goroutines.
type catalog struct {
	*readset.Schema
	dialect *dialect
	known   sync.Map // *readset.Table → []column
}

// catalogOf returns nil for a schema whose dialect is not read.
func catalogOf(s *readset.Schema) *catalog {
	d, ok := dialects[s.Dialect]
	if !ok {
		return nil
	}
	return &catalog{Schema: s, dialect: d}
}

// table is what a name in FROM means, nil for none that is known.
func (c *catalog) table(f *from) *readset.Table {
	if c.dialect.typed {
		return c.find(f.schema, f.name)
	}
	return c.Tables[f.name]
}

// columns are those of a table with how they compare.
func (c *catalog) columns(t *readset.Table) []column {
	if list, ok := c.known.Load(t); ok {
		return list.([]column)
	}
	list := c.readColumns(t)
	c.known.Store(t, list)
	return list
}

func (c *catalog) readColumns(t *readset.Table) []column {
	collations, known := c.collations(t)
	list := make([]column, len(t.Columns))
	for i, given := range t.Columns {
		list[i] = column{Column: predicate.Column{Name: given.Name, Kind: c.dialect.kind(given.Type)}, folded: readset.Fold(given.Name)}
		if c.dialect.typed {
			list[i] = postgresColumn(&given)
		}
		if known {
			list[i].Collation = collations[i]
		}
		if planted.Is(planted.AffinityIgnored) {
			list[i].Kind = predicate.Plain
		}
		if planted.Is(planted.CollationIgnored) {
			list[i].Collation = predicate.Binary
		}
	}
	return list
}

// collations reads those of a table's columns from its definition. known is
// false where it does not list the columns that the table has.
func (c *catalog) collations(t *readset.Table) (list []predicate.Collation, known bool) {
	if c.dialect.typed || t.Definition == "" || c.Encoding != "UTF-8" || len(t.Definition) > maxText {
		return nil, false
	}
	if !strings.Contains(readset.Fold(t.Definition), "collate") {
		list = make([]predicate.Collation, len(t.Columns))
		for i := range list {
			list[i] = c.dialect.collations[""]
		}
		return list, true
	}
	return c.readCollations(t)
}

func (c *catalog) readCollations(t *readset.Table) (list []predicate.Collation, known bool) {
	l := &lexer{text: t.Definition, dialect: c.dialect}
	depth, first := 0, true
	var tok token
	for l.next(&tok); tok.kind != tokenEnd; l.next(&tok) {
		switch {
		case tok.is("("):
			depth++
			continue
		case tok.is(")"):
			depth--
			continue
		case depth != 1:
			continue
		case tok.is(","):
			first = true
			continue
		}
		if first {
			first = false
			if len(list) == len(t.Columns) {
				continue // a constraint of the table
			}
			if readset.Fold(tok.text) != readset.Fold(t.Columns[len(list)].Name) {
				return nil, false
			}
			list = append(list, c.dialect.collations[""])
		} else if tok.is("COLLATE") && len(list) > 0 {
			l.next(&tok)
			list[len(list)-1] = c.dialect.collations[readset.Fold(tok.text)]
		}
	}
	return list, len(list) == len(t.Columns)
}
