package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/readset"
)

const describeSchema = `
CREATE SCHEMA app;
CREATE TABLE item (id int PRIMARY KEY, name text, shop int, "Odd.Name" text, open bool NOT NULL DEFAULT true);
CREATE INDEX item_open ON item (id) WHERE open;
CREATE TABLE app.note (id int PRIMARY KEY, item int, body text);
CREATE TABLE secret (id int PRIMARY KEY, body text);
CREATE TABLE gift (id int PRIMARY KEY, item int);
CREATE INDEX ON item (name);
CREATE VIEW notes AS SELECT i.id, i.name, n.body FROM item i JOIN app.note n ON n.item = i.id;
CREATE VIEW twice AS SELECT id FROM notes;
CREATE MATERIALIZED VIEW still AS SELECT id FROM item;
CREATE TABLE parent (id int PRIMARY KEY, name text);
CREATE TABLE child (more text) INHERITS (parent);
CREATE TABLE log (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE log_old PARTITION OF log FOR VALUES FROM ('2000-01-01') TO ('2020-01-01');
CREATE TABLE log_new PARTITION OF log FOR VALUES FROM ('2020-01-01') TO ('2100-01-01') PARTITION BY RANGE (id);
CREATE TABLE log_new_1 PARTITION OF log_new FOR VALUES FROM (0) TO (1000000);
CREATE SEQUENCE counter;
CREATE TABLE guarded (id int PRIMARY KEY, owner text);
CREATE TABLE member (name text PRIMARY KEY);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON guarded USING (EXISTS (SELECT FROM member WHERE member.name = guarded.owner));
CREATE FUNCTION inlined(int) RETURNS SETOF app.note LANGUAGE sql STABLE AS 'SELECT * FROM app.note WHERE item = $1';
CREATE FUNCTION one_name(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT name FROM item WHERE id = $1';
CREATE FUNCTION pl(int) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT body FROM secret WHERE id = $1); END $$;
CREATE FUNCTION outer_pl(int) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN pl($1); END $$;
CREATE FUNCTION composed(t text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT count(*) FROM ' || t INTO n; RETURN n; END $$;
CREATE FUNCTION catching(int) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE b text; BEGIN
	SELECT body INTO STRICT b FROM secret WHERE id = $1; RETURN b; EXCEPTION WHEN no_data_found THEN RETURN ''; END $$;
CREATE FUNCTION blind(t text) RETURNS text LANGUAGE plpgsql STABLE AS $$ DECLARE n bigint; BEGIN
	EXECUTE 'SELECT 1/0 FROM ' || t INTO n; RETURN n; EXCEPTION WHEN others THEN RETURN ''; END $$;
CREATE FUNCTION frozen(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN (SELECT body FROM secret WHERE id = $1); END $$;
CREATE FUNCTION label(item) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT body FROM secret WHERE id = $1.id); END $$;
CREATE FUNCTION same(int, text) RETURNS bool LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN EXISTS (SELECT FROM secret WHERE id = $1 AND body = $2); END $$;
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = text, FUNCTION = same);
CREATE FUNCTION add_secret(text, int) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN $1 || (SELECT count(*) FROM secret WHERE id = $2); END $$;
CREATE AGGREGATE secrets(int) (SFUNC = add_secret, STYPE = text, INITCOND = '');
CREATE FUNCTION known(int) RETURNS bool LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN EXISTS (SELECT FROM secret WHERE id = $1); END $$;
CREATE DOMAIN secret_id AS int CHECK (known(VALUE));
CREATE FUNCTION writing(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO gift VALUES ($1, $1); RETURN (SELECT count(*) FROM secret); END $$;
CREATE VIEW hidden AS SELECT v FROM (VALUES (pl(1))) AS x (v);
INSERT INTO item VALUES (1, 'tea', 1), (2, 'milk', 1);
INSERT INTO item SELECT i, i::text, i, '', false FROM generate_series(3, 3000) AS i;
ANALYZE item;
INSERT INTO secret VALUES (1, 'x');
INSERT INTO log VALUES (1, '2010-01-01'), (2, '2030-01-01');
`

func reads(set *readset.Set) string {
	var all []string
	for _, r := range set.Tables() {
		if slices.Contains(r.Columns, readset.AnyColumn) {
			r.Columns = []string{readset.AnyColumn}
		}
		all = append(all, fmt.Sprintf("%s(%s)", r.Table, strings.Join(r.Columns, " ")))
	}
	return strings.Join(all, " ")
}

// TestReads: each table that a statement reads is noted, however hidden.
func TestReads(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, describeSchema)
	handle, s, err := Open(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(handle.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	}()
	for _, tt := range []struct{ text, want string }{
		{"SELECT name FROM item WHERE id = 1", "item(id name)"},
		{"SELECT id FROM item ORDER BY name", "item(id name)"},
		{"SELECT id, row_number() OVER (ORDER BY name) FROM item", "item(id name)"},
		{"SELECT count(*) FROM item", "item()"},
		{"SELECT count(*) FROM item WHERE shop = 3", "item(shop)"},
		{`SELECT "Odd.Name" FROM item`, "item(Odd.Name)"},
		{"SELECT i FROM item i", "item(*)"},
		{"SELECT ctid FROM item", "item(*)"},
		{"SELECT id FROM item WHERE open", "item(id open)"}, // by a partial index
		{"SELECT id FROM item WHERE name NOT IN (SELECT body FROM secret)", "item(*) secret(*)"},
		{"SELECT id FROM item WHERE shop > ALL (SELECT id FROM secret WHERE secret.body = item.name)", "item(*) secret(*)"},
		{"SELECT 1", ""},
		{"SELECT name FROM item WHERE false", "item(name)"},
		{"SELECT body FROM notes WHERE id = 1", "app.note(body id item) item(id)"},
		{"SELECT id FROM twice", "app.note(id item) item(id)"},
		{"WITH n AS (SELECT item FROM app.note) SELECT 1 FROM n WHERE item = 2", "app.note(item)"},
		{"SELECT (SELECT max(id) FROM gift) FROM item", "gift(id) item(id)"},
		{"SELECT id FROM still", "still(id)"},
		{"SELECT name FROM parent", "child(name) parent(name)"},
		{"SELECT name FROM ONLY parent", "parent(name)"},
		{"SELECT id FROM log WHERE day = '2030-01-01'", "log(day id)"},
		{"SELECT id FROM log_old", "log(id)"},
		{"SELECT id FROM log WHERE day > to_date('2300', 'YYYY')", "log(*)"}, // no partition is left in the plan
		{"SELECT last_value FROM counter", "counter(*)"},
		{"SELECT relname FROM pg_class WHERE relname = 'x'", "pg_catalog.pg_class(*)"},
		{"SELECT body FROM inlined(1)", "app.note(*) item(*)"}, // item is a word of it
		{"SELECT one_name(1)", "item(*)"},
		{"SELECT pl(1)", "secret(*)"},
		{"SELECT item.label FROM item", "item(*) secret(*)"},
		{"SELECT outer_pl(id) FROM item", "item(*) secret(*)"},
		{"SELECT composed('gift')", "gift(*)"},
		{"SELECT catching(7)", "secret(*)"},
		{"SELECT frozen(1)", "secret(*)"},
		{"SELECT id FROM item WHERE id === name", "item(*) secret(*)"},
		{"SELECT secrets(id) FROM item", "item(*) secret(*)"},
		{"SELECT 1::secret_id", "secret(*)"},
		{"SELECT v FROM hidden", "secret(*)"},
		{"SELECT id FROM item LIMIT length(pl(1))", "item(*) secret(*)"},
		{"SELECT query_to_xml('SELECT * FROM gift', true, true, '')", "gift(*)"},
		{"SELECT ts_stat('SELECT to_tsvector(body) FROM secret')", "secret(*)"},
	} {
		set := &readset.Set{}
		if set.Snapshot, err = openStandalone(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		rows, err := handle.QueryContext(readset.NewContext(t.Context(), set), tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		for rows.Next() {
		}
		if err := errors.Join(rows.Err(), rows.Close(), set.Err(), set.Snapshot.Close()); err != nil {
			t.Errorf("%s: %v", tt.text, err)
		}
		if got := reads(set); got != tt.want {
			t.Errorf("%s\nreads %s\nwant  %s", tt.text, got, tt.want)
		}
		if names := set.Volatile(); len(names) > 0 {
			t.Errorf("%s: %q change by themselves", tt.text, names)
		}
	}
}

// TestArgumentThatIsNoNull: a statement that cannot be planned without its
// argument is told by its locks.
func TestArgumentThatIsNoNull(t *testing.T) {
	handle, s, _ := handled(t, describeSchema, "CREATE DOMAIN place AS int NOT NULL CHECK (VALUE > 0)")
	set := &readset.Set{}
	var err error
	if set.Snapshot, err = openStandalone(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	defer set.Snapshot.Close()
	got := first(readset.NewContext(t.Context(), set), handle, "SELECT name FROM item WHERE id = $1::place", 1)
	if got != "tea" || reads(set) != "item(*)" || set.Err() != nil {
		t.Errorf("read %s, noted %s, %v", got, reads(set), set.Err())
	}
}

// TestPolicies: what a policy reads is read by those for whom it counts.
func TestPolicies(t *testing.T) {
	s, db := opened(t, describeSchema)
	role := db.Name + "_reader"
	db.Exec(t, "CREATE ROLE "+role+"; GRANT SELECT ON guarded, member TO "+role)
	t.Cleanup(func() { db.Exec(t, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
	for ctx, want := range map[context.Context]string{
		t.Context():                             "[{guarded [id]}]",
		WithRole(t.Context(), Role{Name: role}): "[{guarded [*]} {member [*]}]",
	} {
		statement, err := s.Describe(ctx, "SELECT id FROM guarded")
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(statement.Reads); got != want {
			t.Errorf("reads %s, want %s", got, want)
		}
	}
}

// TestWhoWrites: what may write never runs in a snapshot.
func TestWhoWrites(t *testing.T) {
	s, _ := opened(t, describeSchema)
	for text, want := range map[string]bool{
		"SELECT id FROM item":                           false,
		"SELECT id FROM item FOR UPDATE":                true,
		"INSERT INTO item VALUES (5) RETURNING id":      true,
		"UPDATE item SET name = '' RETURNING id":        true,
		"DELETE FROM item":                              true,
		"WITH d AS (DELETE FROM item) SELECT 1":         true,
		"SELECT nextval('counter')":                     true,
		"SELECT set_config('search_path', 'app', true)": true,
		"SELECT pg_advisory_lock(1)":                    true,
		"SELECT random()":                               false,
		"CREATE TABLE x (id int)":                       true,
		"SET search_path = app":                         true,
		"BEGIN":                                         true,
		"TRUNCATE item":                                 true,
		" -- nothing":                                   true,
		"SELECT 1; DELETE FROM item":                    true,
	} {
		statement, err := s.Describe(t.Context(), text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if statement.Writes != want {
			t.Errorf("%s: writes %t", text, statement.Writes)
		}
	}
}

// TestUntold: what cannot be told is said, with what can be done.
func TestUntold(t *testing.T) {
	s, _ := opened(t, describeSchema)
	for text, want := range map[string]string{
		"SELECT blind('item')":        "DependsOn",
		"EXPLAIN SELECT 1":            "DependsOn",
		"EXECUTE something":           "DependsOn",
		"SELECT nonsense":             "does not exist",
		"SELECT id FROM absent_table": "does not exist",
	} {
		if _, err := s.Describe(t.Context(), text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestSchemaOfStatements: what is told of the tables is what the database says.
func TestSchemaOfStatements(t *testing.T) {
	s, _ := opened(t, describeSchema, `CREATE TABLE kinds (a int, b text COLLATE "C", c varchar(5), d numeric(6,2), e int GENERATED ALWAYS AS (a + 1) STORED, PRIMARY KEY (c, a))`,
		`CREATE COLLATION loose (provider = icu, locale = 'und', deterministic = false)`, `ALTER TABLE kinds ADD f text COLLATE loose`,
		`CREATE TYPE mood AS ENUM ('ok')`, `CREATE DOMAIN short AS varchar(5)`, `CREATE DOMAIN shorter AS short CHECK (length(value) < 4)`,
		`ALTER TABLE kinds ADD g mood, ADD h shorter COLLATE "C", ADD i mood[]`, `CREATE FUNCTION peeks() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
		`CREATE POLICY own ON kinds USING (a = 1 OR c IN (SELECT x.b FROM kinds AS x))`)
	statement, err := s.Describe(t.Context(), "SELECT id FROM notes")
	if err != nil {
		t.Fatal(err)
	}
	told := statement.Schema
	if told.Dialect != "postgres" || told.Encoding != "UTF-8" || !slices.Equal(told.Path, []string{"pg_catalog", "public"}) {
		t.Errorf("%q %q %q", told.Dialect, told.Encoding, told.Path)
	}
	if view := told.Tables["notes"]; view == nil || !view.View || !strings.Contains(view.Definition, "JOIN app.note") {
		t.Errorf("the view: %+v", view)
	}
	usual := told.Tables["kinds"].Columns[2].Collation
	want := []readset.Column{{Name: "a", Type: "integer", Key: 2}, {Name: "b", Type: "text", Collation: "C"},
		{Name: "c", Type: "character varying(5)", Key: 1, Collation: usual}, {Name: "d", Type: "numeric(6,2)"},
		{Name: "e", Type: "integer", Unstored: true}, {Name: "f", Type: "text"},
		{Name: "g", Type: "enum public.mood"}, {Name: "h", Type: "character varying(5)", Collation: "C"}, {Name: "i", Type: "public.mood[]"}}
	if got := told.Tables["kinds"].Columns; !slices.Equal(got, want) || usual == "" {
		t.Errorf("columns %+v\nwant %+v", got, want)
	}
	if !told.Functions["peeks"] || !told.Functions["query_to_xml"] || told.Functions["lower"] {
		t.Errorf("functions %v", told.Functions)
	}
	if got := told.Tables["kinds"].Policies; len(got) != 0 {
		t.Errorf("policies that are not in force: %q", got)
	}
	other, err := s.Describe(t.Context(), "SELECT id FROM item")
	if err != nil || other.Schema != told {
		t.Errorf("each statement has a schema of its own: %v", err)
	}
	s.forgetSchema()
	if after, err := s.Describe(t.Context(), "SELECT id FROM item"); err != nil || after.Schema == told {
		t.Errorf("the schema outlives its end: %v", err)
	}
}
