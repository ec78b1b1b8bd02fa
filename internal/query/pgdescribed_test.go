package query_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/postgres"
)

// TestDescribedPostgres: what the recorder tells of a schema is enough to read
// statements by.
func TestDescribedPostgres(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, "CREATE SCHEMA app", "CREATE TYPE mood AS ENUM ('ok', 'sad')", "CREATE DOMAIN app.short AS varchar(9) CHECK (value <> '')",
		"CREATE TYPE app.address AS (street text)",
		"CREATE TABLE app.person (id bigint PRIMARY KEY, name app.short, mood mood, home app.address, boss bigint)",
		"CREATE TABLE team (id int PRIMARY KEY, lead bigint)",
		`CREATE TABLE "Odd.name" ("Key" uuid PRIMARY KEY, price numeric(10,2))`,
		"CREATE TABLE guarded (id int PRIMARY KEY, team int)", "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY",
		"CREATE POLICY one ON guarded USING (team IN (SELECT t.id FROM team t WHERE t.lead = 1))",
		"CREATE VIEW app.people AS SELECT id, name::text AS name FROM app.person WHERE boss > 2",
		"CREATE FUNCTION app.peek(app.person) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM team'",
		"CREATE FUNCTION plain(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'")
	handle, source, err := postgres.Open(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	defer handle.Close()
	for _, tt := range []struct {
		text string
		args []any
		want string
	}{
		{"SELECT * FROM app.person WHERE name = $1 AND mood = $2", []any{"a", "ok"}, "app.person: name = 'a' AND mood = 'ok'"},
		{"SELECT * FROM app.person WHERE mood = ANY($1::mood[]) AND home IS NULL AND boss IS NULL", []any{[]string{"ok"}}, "app.person: mood = 'ok' AND boss IS NULL"},
		{"SELECT * FROM app.people WHERE name = 'a'", nil, "app.person: boss > 2 AND name = 'a'"},
		{`SELECT * FROM "Odd.name" WHERE "Key" = $1 AND price BETWEEN 1 AND 2.5`, []any{"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"},
			`"Odd.name": Key = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' AND price BETWEEN '1' AND '2.5'`},
		{"SELECT g.* FROM guarded g, team WHERE g.id = 3 AND team.id = 1", nil, "guarded: id = 3; team: id = 1 OR lead = 1"}, // the policy is read by all
		{"SELECT count(*), lower(max(name)) FROM app.person WHERE id = 1", nil, "app.person: id = 1"},
		{"SELECT app.peek(p) FROM app.person p WHERE p.id = 1", nil, "opaque: the database does not tell its schema"},
	} {
		statement, err := source.Describe(t.Context(), tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		q := query.Read(statement)
		got := "opaque: " + q.Opaque
		if q.Opaque == "" {
			list, _ := q.Bind(statement, tt.args, nil)
			var parts []string
			for _, need := range list {
				parts = append(parts, fmt.Sprintf("%s: %s", need.Table, need.Where.Text(true)))
			}
			got = strings.Join(parts, "; ")
		}
		if got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}
