package resource

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/sqlite"
)

// fixedWords are all that statements which write consist of, beside names of the
// schema and placeholders.
var fixedWords = strings.Fields(`INSERT OR ABORT INTO VALUES DEFAULT RETURNING UPDATE SET DELETE FROM WHERE AND SELECT 1 LIMIT ( ) , = + ?`)

// unfit returns the first part of a statement that is none of them, "" where
// there is none.
func unfit(statement string, names []string) string {
	for rest := statement; rest != ""; {
		switch {
		case rest[0] == ' ':
			rest = rest[1:]
		case rest[0] == '"':
			end := 1
			for end < len(rest) && (rest[end] != '"' || strings.HasPrefix(rest[end:], `""`)) {
				if rest[end] == '"' {
					end++
				}
				end++
			}
			if end >= len(rest) || !slices.Contains(names, strings.ReplaceAll(rest[1:end], `""`, `"`)) {
				return rest
			}
			rest = rest[end+1:]
		default:
			at := slices.IndexFunc(fixedWords, func(word string) bool { return strings.HasPrefix(rest, word) })
			if at < 0 {
				return rest
			}
			rest = rest[len(fixedWords[at]):]
		}
	}
	return ""
}

// FuzzWriteStatements: whatever a body and a path say, statements that write
// are made of fixed fixedWords, names of the schema and placeholders.
func FuzzWriteStatements(f *testing.F) {
	db, source, err := sqlite.Open(filepath.Join(f.TempDir(), "app.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _, _ = db.Close(), source.Close() })
	if _, err := db.Exec(`CREATE TABLE "odd ""name; --" ("a b" TEXT, "c""d" INTEGER, e REAL, f JSON, PRIMARY KEY ("a b", "c""d"))`); err != nil {
		f.Fatal(err)
	}
	res, err := New(Config[Record]{DB: db, Catalog: source, Table: `odd "name; --`, Allow: permit.Public})
	if err != nil {
		f.Fatal(err)
	}
	l, problem := res.now(f.Context())
	if problem != nil {
		f.Fatal(problem)
	}
	names := append(l.table.Names(), l.table.Name)
	f.Add("a b", `"x'; DROP TABLE t; --"`, "k,1")
	f.Add(`c"d`, `5`, `a%22b,2`)
	f.Add("f", `{"a": "\") --"}`, "%27,3")
	f.Fuzz(func(t *testing.T, name, raw, key string) {
		c := &call{layout: l}
		if c.take(key) != nil {
			return
		}
		in := c.newInput(nil, nil)
		if field := in.named(name); field != nil {
			if v, err := field.fromJSON([]byte(raw)); err == nil {
				in.put(field, v)
			}
		}
		insert, args := in.insertion(in.keyColumns(), nil)
		update, more := in.update(c.values)
		remove, last := c.deletion(c.values)
		for statement, count := range map[string]int{insert: len(args), update: len(more), remove: len(last)} {
			if bad := unfit(statement, names); bad != "" {
				t.Fatalf("%s has %q in it", statement, bad)
			}
			if n := strings.Count(statement, "?"); n != count {
				t.Fatalf("%s has %d placeholders and %d arguments", statement, n, count)
			}
		}
	})
}
