package postgres

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/readset"
)

// TestRights: equal roles have equal rights, and no others.
func TestRights(t *testing.T) {
	of := func(name string, settings ...string) string {
		role := Role{Name: name, Settings: map[string]string{}}
		for i := 0; i < len(settings); i += 2 {
			role.Settings[settings[i]] = settings[i+1]
		}
		return readset.Rights(WithRole(t.Context(), role))
	}
	if of("") != "" {
		t.Error("the connection's own role is a right of its own")
	}
	if of("a", "x.y", "1", "x.z", "2") != of("a", "x.z", "2", "X.Y", "1") {
		t.Error("the order or the case of settings counts")
	}
	all := []string{
		of(""), of("a"), of("b"), of("", "x.y", "1"), of("a", "x.y", "1"), of("a", "x.y", "2"), of("a", "x.z", "1"),
		of("a", "x.y", `1" "x.z"="2`), of("a", "x.y", "1", "x.z", "2"), of(`a" "x.y"="1`), of("a", "x.y", ""), of("a", "x.y", "\xff"), of("a", "x.y", "\ufffd"),
	}
	slices.Sort(all)
	if len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("two of these are one: %q", all)
	}
	if readset.Rights(WithRole(WithRole(t.Context(), Role{Name: "a"}), Role{})) != "" {
		t.Error("a role stays when another is given")
	}
}

const rolesSQL = `
CREATE ROLE role_test_reader NOLOGIN;
CREATE ROLE "Role Test""Bypass" NOLOGIN BYPASSRLS;
CREATE ROLE role_test_login LOGIN;
CREATE ROLE role_test_stranger NOLOGIN;
GRANT role_test_reader TO role_test_login;
CREATE SCHEMA app;
CREATE TABLE app.notes (id int PRIMARY KEY, owner text, title text);
INSERT INTO app.notes VALUES (1, 'ada', 'of ada'), (2, 'bob', 'of bob');
ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.notes USING (owner = current_setting('app.user', true));
GRANT USAGE ON SCHEMA app TO role_test_reader, role_test_stranger;
GRANT SELECT ON app.notes TO role_test_reader, role_test_stranger`

// roles makes a database with the roles of rolesSQL, which go with it.
func roles(t *testing.T) *pgtest.DB {
	t.Helper()
	db := pgtest.Database(t)
	db.Exec(t, rolesSQL)
	t.Cleanup(func() {
		const all = `role_test_reader, "Role Test""Bypass", role_test_login, role_test_stranger`
		db.Exec(t, "DROP OWNED BY "+all, "DROP ROLE "+all)
	})
	return db
}

// TestStanding: each statement of a transaction runs as its own context says,
// and nothing of it is left when the transaction is over.
func TestStanding(t *testing.T) {
	db := roles(t)
	conn, err := pgx.Connect(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	as := func(name string, settings ...string) context.Context {
		role := Role{Name: name, Settings: map[string]string{}}
		for i := 0; i < len(settings); i += 2 {
			role.Settings[settings[i]] = settings[i+1]
		}
		return WithRole(t.Context(), role)
	}
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var s standing
	for _, tt := range []struct {
		ctx  context.Context
		want string
	}{
		{t.Context(), "postgres: of ada of bob"},
		{as("role_test_reader", "app.user", "ada"), "role_test_reader: of ada"},
		{as("role_test_reader", "app.user", "ada"), "role_test_reader: of ada"},
		{as("role_test_reader", "app.user", "bob", "app.more", "x"), "role_test_reader: of bob"},
		{as("role_test_reader"), "role_test_reader:"},
		{as(`Role Test"Bypass`), `Role Test"Bypass: permission denied`},
		{as("", "app.user", "ada"), "postgres: of ada of bob"},
		{as("role_test_reader", "app.user", "x' OR true --"), "role_test_reader:"},
		{t.Context(), "postgres: of ada of bob"},
	} {
		if err := s.as(tt.ctx, conn.PgConn()); err != nil {
			t.Fatal(err)
		}
		var who string
		if err := tx.QueryRow(t.Context(), `SELECT current_user`).Scan(&who); err != nil {
			t.Fatal(err)
		}
		got := who + ":"
		if _, err := tx.Exec(t.Context(), "SAVEPOINT before"); err != nil {
			t.Fatal(err)
		}
		rows, _ := tx.Query(t.Context(), `SELECT title FROM app.notes ORDER BY id`)
		titles, err := pgx.CollectRows(rows, pgx.RowTo[string])
		switch {
		case err != nil && strings.Contains(err.Error(), "permission denied"):
			got += " permission denied"
		case err != nil:
			t.Fatal(err)
		case len(titles) > 0:
			got += " " + strings.Join(titles, " ")
		}
		if _, err := tx.Exec(t.Context(), "ROLLBACK TO before"); err != nil {
			t.Fatal(err)
		}
		if got != tt.want {
			t.Errorf("%s; want %s", got, tt.want)
		}
	}
	if err := s.as(as("role_test_reader", "app.user", "ada"), conn.PgConn()); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	var who, user string
	if err := conn.QueryRow(t.Context(), `SELECT current_user, current_setting('app.user', true)`).Scan(&who, &user); err != nil || who != "postgres" || user != "" {
		t.Errorf("after the transaction: %q, %q, %v", who, user, err)
	}
}

// TestBadRoles: what cannot be meant is never run as something else.
func TestBadRoles(t *testing.T) {
	db := roles(t)
	conn, err := pgx.Connect(t.Context(), strings.Replace(db.URL, "postgres@", "role_test_login@", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for want, role := range map[string]Role{
		"can be no role":       {Name: "none"},
		"is no text":           {Name: "role_test_reader", Settings: map[string]string{"app.user": "a\x00b"}},
		"a setting of the ser": {Name: "role_test_reader", Settings: map[string]string{"search_path": "evil"}},
		`has "app.user" twice`: {Name: "role_test_reader", Settings: map[string]string{"app.user": "a", "App.User": "b"}},
		"CREATE ROLE":          {Name: "role_test_nobody"},
		"GRANT":                {Name: "role_test_stranger"},
	} {
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var s standing
		if err := s.as(WithRole(t.Context(), role), conn.PgConn()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v; want %s", role, err, want)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRoles: what is wrong with a role is said before anybody runs as it.
func TestRoles(t *testing.T) {
	db := roles(t)
	db.Exec(t, `ALTER TABLE app.notes OWNER TO role_test_reader`)
	source, err := Config{URL: strings.Replace(db.URL, "postgres@", "role_test_login@", 1)}.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	facts, err := source.Roles(t.Context(), "role_test_reader", "role_test_stranger", "role_test_nobody")
	if err != nil {
		t.Fatal(err)
	}
	if f := facts[0]; f.Err != nil || f.Bypass || !slices.Equal(f.Owns, []string{"app.notes"}) {
		t.Errorf("the owner of a table with policies: %+v", f)
	}
	if f := facts[1]; f.Err == nil || !strings.Contains(f.Err.Error(), `GRANT "role_test_stranger" TO`) {
		t.Errorf("a role that is not ours: %+v", f)
	}
	if f := facts[2]; f.Err == nil || !strings.Contains(f.Err.Error(), `there is no role "role_test_nobody"`) {
		t.Errorf("a role that there is not: %+v", f)
	}
	handle, all, err := Open(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	defer handle.Close()
	facts, err = all.Roles(t.Context(), `Role Test"Bypass`, "postgres", "role_test_stranger")
	if err != nil {
		t.Fatal(err)
	}
	if !facts[0].Bypass || !facts[1].Bypass || facts[2].Bypass || facts[2].Err != nil || len(facts[2].Owns) > 0 {
		t.Errorf("roles that bypass policies: %+v", facts)
	}
}
