package readset

// Schema is what a database says of its tables, for whoever reads the text of
// a statement. It is shared by all statements of one version of the schema:
// never alter it.
type Schema struct {
	// Dialect names the SQL that statements are written in: "sqlite" or
	// "postgres".
	Dialect string
	// Encoding is how the database stores text: "UTF-8". Of another one
	// nothing is known about how texts compare.
	Encoding string
	// Tables and views: of SQLite by Fold of their names, of PostgreSQL by the
	// name that a Read has, which is exact.
	Tables map[string]*Table
	// Path lists the schemas in which PostgreSQL looks for a name that has
	// none.
	Path []string
	// Functions names those of PostgreSQL that may read tables, which the text of
	// a statement does not show. nil: it is not known which do, so any may.
	Functions map[string]bool
}

// Fold returns a name with the letters of ASCII in lower case: names that are
// equal then are one to the database.
func Fold(name string) string {
	for i := range len(name) {
		if name[i] >= 'A' && name[i] <= 'Z' {
			return foldAll(name)
		}
	}
	return name
}

func foldAll(name string) string {
	folded := []byte(name)
	for i, b := range folded {
		if b >= 'A' && b <= 'Z' {
			folded[i] = b + 'a' - 'A'
		}
	}
	return string(folded)
}

// Table is one table or view.
type Table struct {
	// Name is as a Read has it.
	Name string
	// View says that Definition is that of a view.
	View bool
	// Columns are in the order of SELECT *.
	Columns []Column
	// Definition is the statement that makes the table or view, "" where the
	// database does not tell: then nothing is known about its collations. Of
	// PostgreSQL only views have one, as pg_get_viewdef writes it, with the schema
	// of each table or under Path.
	Definition string
	// Policies are the conditions that row-level security may add where the
	// table is read, as pg_get_expr writes them, likewise.
	Policies []string
}

// Column is one column of a table.
type Column struct {
	Name string
	// Type is as declared, "" for none. Of PostgreSQL it is as format_type writes
	// it: of a domain the type below it, of an enum "enum " and its name.
	Type string
	// Key is the column's place in the primary key, from 1; 0 for none.
	Key int
	// Collation names how texts compare where Table.Definition does not say:
	// "C" (byte by byte), "deterministic" (equal are only equal bytes, the order
	// is not known), "" (nothing is known).
	Collation string
	// Unstored says that images of changes do not have its value.
	Unstored bool
}
