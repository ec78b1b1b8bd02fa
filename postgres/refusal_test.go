package postgres

import (
	"errors"
	"slices"
	"testing"

	"github.com/wakeful-dev/wakeful/schema"
)

// TestRefusal: of each write that the database does not take it is known why.
func TestRefusal(t *testing.T) {
	db, s := openedFor(t, `CREATE SCHEMA app;
CREATE TYPE mood AS ENUM ('ok');
CREATE TABLE authors (id int PRIMARY KEY, name text NOT NULL, UNIQUE (name));
CREATE UNIQUE INDEX folded ON authors (lower(name));
CREATE TABLE app.posts (id int PRIMARY KEY, author int REFERENCES authors, score smallint CHECK (score > 0 AND score <> 7), title varchar(3), m mood,
	CONSTRAINT apart EXCLUDE USING btree (score WITH =));
CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not on sundays''; END';
CREATE TABLE raised (id int);
CREATE TRIGGER refuse BEFORE INSERT ON raised FOR EACH ROW EXECUTE FUNCTION refuse();
INSERT INTO authors VALUES (1, 'Ann');
INSERT INTO app.posts VALUES (1, 1, 1, 'a', 'ok');
INSERT INTO parted VALUES (1)`)
	conn := db.Connect(t)
	for _, tt := range []struct {
		statement  string
		reason     schema.Reason
		table      string
		columns    []string
		constraint string
	}{
		{`INSERT INTO authors VALUES (1, 'Bob')`, schema.Duplicate, "authors", []string{"id"}, ""},
		{`INSERT INTO authors VALUES (2, 'Ann')`, schema.Duplicate, "authors", []string{"name"}, ""},
		{`INSERT INTO authors VALUES (2, 'ANN')`, schema.Duplicate, "authors", nil, "folded"},
		{`INSERT INTO parted VALUES (1)`, schema.Duplicate, "parted", []string{"id"}, ""},
		{`INSERT INTO app.posts VALUES (2, 1, 1)`, schema.Duplicate, "app.posts", nil, "apart"},
		{`INSERT INTO app.posts VALUES (2, 9)`, schema.Dangling, "app.posts", []string{"author"}, ""},
		{`DELETE FROM authors`, schema.Dangling, "app.posts", []string{"author"}, ""},
		{`INSERT INTO authors VALUES (2, NULL)`, schema.Missing, "authors", []string{"name"}, ""},
		{`INSERT INTO app.posts VALUES (2, 1, -1)`, schema.Checked, "app.posts", []string{"score"}, "(score > 0) AND (score <> 7)"},
		{`INSERT INTO app.posts VALUES (2, 1, 99999)`, schema.Mistyped, "", nil, ""},
		{`INSERT INTO app.posts VALUES (2, 1, 2, 'long')`, schema.Mistyped, "", nil, ""},
		{`INSERT INTO app.posts VALUES (2, 1, 2, 'a', 'bad')`, schema.Mistyped, "", nil, ""},
		{`INSERT INTO raised VALUES (1)`, schema.Raised, "", nil, "not on sundays"},
		{`SET LOCAL ROLE pg_monitor; INSERT INTO raised VALUES (1)`, schema.Forbidden, "", nil, ""},
		{`BEGIN READ ONLY; INSERT INTO raised VALUES (1)`, schema.ReadOnly, "", nil, ""},
		{`SELECT nothing`, 0, "", nil, ""},
	} {
		_, err := conn.PgConn().Exec(t.Context(), tt.statement).ReadAll()
		if _, back := conn.PgConn().Exec(t.Context(), "ROLLBACK").ReadAll(); back != nil || err == nil {
			t.Fatalf("%s: %v, %v", tt.statement, err, back)
		}
		switch r := s.Refusal(err); {
		case r == nil && tt.reason == 0:
		case r == nil:
			t.Errorf("%s: of %v nothing is known", tt.statement, err)
		case r.Reason != tt.reason || r.Table != tt.table || !slices.Equal(r.Columns, tt.columns) || r.Constraint != tt.constraint:
			t.Errorf("%s: %v is %s of %q %q, %q", tt.statement, err, r.Reason, r.Table, r.Columns, r.Constraint)
		}
	}
	if s.Refusal(errors.New("another")) != nil {
		t.Error("an error of somebody else's says something")
	}
}
