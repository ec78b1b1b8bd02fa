package postgres

import "testing"

func TestNames(t *testing.T) {
	for _, tt := range []struct{ schema, table, name string }{
		{"public", "posts", "posts"},
		{"public", "Posts", "Posts"},
		{"app", "posts", "app.posts"},
		{"public", "a.b", `"a.b"`},
		{"a.b", "c", `"a.b".c`},
		{"a", `b"c`, `a."b""c"`},
		{`q"`, `"`, `"q""".""""`},
		{"public", "with space", "with space"},
	} {
		if got := tableName(tt.schema, tt.table); got != tt.name {
			t.Errorf("tableName(%q, %q) = %q, want %q", tt.schema, tt.table, got, tt.name)
		}
		if schema, table := splitName(tt.name); schema != tt.schema || table != tt.table {
			t.Errorf("splitName(%q) = %q, %q", tt.name, schema, table)
		}
	}
}

// FuzzNames: a name leads back to the schema and the table.
func FuzzNames(f *testing.F) {
	f.Add("public", "posts")
	f.Add(`a."`, `".`)
	f.Fuzz(func(t *testing.T, schema, table string) {
		if schema == "" || table == "" {
			t.Skip("no identifier is empty")
		}
		if s, n := splitName(tableName(schema, table)); s != schema || n != table {
			t.Errorf("%q, %q came back as %q, %q", schema, table, s, n)
		}
	})
}
