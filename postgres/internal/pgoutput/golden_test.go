package pgoutput

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
)

var capture = flag.Bool("capture", false, "capture testdata from a real server")

// scenarios are what the frames in testdata were captured from.
var scenarios = map[string][]string{
	"rows": {
		"INSERT INTO item VALUES (1, 1.5, 'one', NULL), (2, '-0', '', '\\x00ff')",
		"UPDATE item SET n = 'NaN' WHERE id = 1",
		"UPDATE item SET id = 3 WHERE id = 2",
		"BEGIN; INSERT INTO item VALUES (4, 0, repeat('x', 3000), NULL); UPDATE item SET n = 1 WHERE id = 4; COMMIT",
		"ALTER TABLE item REPLICA IDENTITY FULL",
		"UPDATE item SET n = 2 WHERE id = 4",
		"DELETE FROM item WHERE id = 1",
		`INSERT INTO "App"."Odd name" VALUES (5, 'so so', '{1,2}')`,
		"BEGIN; SELECT pg_logical_emit_message(true, 'wakeful', 'ddl'); ALTER TABLE item ADD COLUMN extra int DEFAULT 7; INSERT INTO item VALUES (9); COMMIT",
		"SELECT pg_logical_emit_message(false, 'wakeful', 'alone')",
		`TRUNCATE item, "App"."Odd name"`,
	},
	"streamed": {
		"BEGIN; INSERT INTO item SELECT i, i, 'a', NULL FROM generate_series(100, 450) AS i;" +
			"SAVEPOINT a; INSERT INTO item SELECT i, i, 'b', NULL FROM generate_series(1000, 1350) AS i; SAVEPOINT b; DELETE FROM item WHERE id < 300;" +
			"RELEASE b; ROLLBACK TO a; UPDATE item SET name = 'c' WHERE id = 100; COMMIT",
		"BEGIN; INSERT INTO item SELECT i, i, 'd', NULL FROM generate_series(2000, 2400) AS i; ROLLBACK",
	},
}

// TestGolden: frames of a real server, and what they say.
func TestGolden(t *testing.T) {
	for name, statements := range scenarios {
		t.Run(name, func(t *testing.T) {
			file := "testdata/" + name
			if *capture {
				db := decode(t, "CREATE TYPE mood AS ENUM ('ok', 'so so')", "CREATE DOMAIN whole AS bigint", `CREATE SCHEMA "App"`,
					"CREATE TABLE item (id int PRIMARY KEY, n float8, name text, body bytea)", "ALTER TABLE item ALTER name SET STORAGE EXTERNAL",
					`CREATE TABLE "App"."Odd name" (id whole PRIMARY KEY, "Mood" mood, list int[])`)
				conn := db.Connect(t)
				for _, statement := range statements {
					if _, err := conn.PgConn().Exec(t.Context(), statement).ReadAll(); err != nil {
						t.Fatalf("%s: %v", statement, err)
					}
				}
				frames := db.frames(t)
				write(t, file+".frames", captured(frames...))
				write(t, file+".golden", []byte(render(t, frames)))
			}
			seed, err := os.ReadFile(file + ".frames")
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(file + ".golden")
			if err != nil {
				t.Fatal(err)
			}
			if got := render(t, frames(seed)); got != string(want) {
				t.Errorf("%s says\n%s\nwant\n%s", file, got, want)
			}
		})
	}
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// render writes transactions for people.
func render(t *testing.T, all [][]byte) string {
	t.Helper()
	d := New(Config{Prefix: "wakeful"})
	var b strings.Builder
	for _, f := range all {
		tx := feed(t, d, f)
		if tx == nil {
			continue
		}
		fmt.Fprintf(&b, "%d changes, altered %q, messages", len(tx.Changes), tx.Altered)
		for _, m := range tx.Messages {
			fmt.Fprintf(&b, " %q", m.Content)
		}
		b.WriteString("\n")
		for i, c := range tx.Changes {
			if i < 4 || i > len(tx.Changes)-4 {
				fmt.Fprintf(&b, "  %s %s %q\n    %s\n    %s\n", c.Kind, c.Table, c.Columns, image(c.Old), image(c.New))
			}
		}
	}
	return b.String()
}

func image(values []any) string {
	var all []string
	for _, value := range values {
		text := fmt.Sprintf("%T(%v)", value, value)
		switch {
		case value == change.Unknown:
			text = "unknown"
		case len(text) > 60:
			text = fmt.Sprintf("%s… (%d)", text[:60], len(text))
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}
