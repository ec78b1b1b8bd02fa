package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

const grantsSQL = `
CREATE SCHEMA app; CREATE SCHEMA shut;
CREATE TABLE news (id int PRIMARY KEY, title text);
CREATE TABLE docs (id int PRIMARY KEY, title text, secret text);
CREATE TABLE wages (id int PRIMARY KEY, amount int);
CREATE TABLE box (id int PRIMARY KEY, text text);
CREATE TABLE half (id int PRIMARY KEY, open text, closed text);
CREATE TABLE app."Odd.name" (id int PRIMARY KEY);
CREATE TABLE shut.inside (id int PRIMARY KEY);
CREATE VIEW amounts AS SELECT id, amount FROM wages;
GRANT USAGE ON SCHEMA app TO APP;
GRANT SELECT ON news TO ANON;
GRANT SELECT, INSERT, DELETE ON news TO APP;
GRANT SELECT (id, title), UPDATE (title) ON docs TO APP;
GRANT INSERT ON box TO APP;
GRANT SELECT (id, open) ON half TO APP;
GRANT ALL ON app."Odd.name", shut.inside TO APP;
GRANT SELECT ON amounts TO ANON`

// TestOnlyWhatARoleMayRead: where requests run as roles of the database, nobody
// is told of a table that his role may not read, and nobody of a method that it
// may not use. What is granted and revoked counts while the server runs.
func TestOnlyWhatARoleMayRead(t *testing.T) {
	db := pgtest.Database(t)
	app, anon := db.Name+"_app", db.Name+"_anon"
	db.Exec(t, "CREATE ROLE "+app+" NOLOGIN", "CREATE ROLE "+anon+" NOLOGIN")
	t.Cleanup(func() {
		all := app + ", " + anon
		db.Exec(t, "DROP OWNED BY "+all, "DROP ROLE "+all)
	})
	named := strings.NewReplacer("APP", app, "ANON", anon)
	db.Exec(t, named.Replace(grantsSQL))
	rules := "role: {signed_in: " + app + ", anonymous: " + anon + "}\n" +
		"default: {read: public, create: public, update: public, delete: public}\n" +
		"tables:\n  docs: {read: public, update: public, hidden: [secret]}\n"
	s := startServe(t, append(secured(t, rules), "--db", db.URL)...)
	ada := token(t, map[string]any{"sub": "ada"})

	shown := func(proof, want string) {
		t.Helper()
		s.until(t, func() (string, bool) {
			got := s.shown(t, proof)
			return "shown is " + got + ", want " + want, got == want
		})
	}
	shown("", "amounts=GET news=GET")
	shown(ada, `app."Odd.name"=GET,POST,PUT,PATCH,DELETE docs=GET,PUT,PATCH news=GET,POST,DELETE`)
	for _, table := range []string{"wages", "half", "box", "shut.inside", "amounts"} {
		for _, method := range []string{"GET", "OPTIONS"} {
			s.want(t, asked{method: method, path: "/api/" + table, token: ada, header: map[string][]string{"Accept": {"application/json"}}}, 403, "forbidden")
		}
	}
	s.want(t, asked{method: "GET", path: "/api/wages?nonsense=1"}, 401, "unauthenticated")
	s.want(t, asked{method: "GET", path: "/api/docs", token: ada}, 200, `"count":0`)
	s.want(t, asked{method: "POST", path: "/api/news", body: `{"id":1,"title":"a"}`, token: ada}, 201)
	s.want(t, asked{method: "PATCH", path: "/api/news/1", body: `{"title":"b"}`, token: ada}, 403)

	db.Exec(t, named.Replace(`GRANT SELECT ON wages TO ANON; REVOKE SELECT ON amounts FROM ANON; REVOKE INSERT ON news FROM APP; GRANT USAGE ON SCHEMA shut TO APP`))
	shown("", "news=GET wages=GET")
	shown(ada, `app."Odd.name"=GET,POST,PUT,PATCH,DELETE docs=GET,PUT,PATCH news=GET,DELETE shut.inside=GET,POST,PUT,PATCH,DELETE`)
	db.Exec(t, named.Replace(`GRANT ANON TO APP`))
	shown(ada, `app."Odd.name"=GET,POST,PUT,PATCH,DELETE docs=GET,PUT,PATCH news=GET,DELETE shut.inside=GET,POST,PUT,PATCH,DELETE wages=GET`)
}

// shown is what the index tells a caller of, each table with its methods. The
// OpenAPI document must tell of the same.
func (s *served) shown(t *testing.T, proof string) string {
	t.Helper()
	var index struct {
		Resources []struct {
			Name    string
			Methods []string
		}
	}
	var document struct{ Tags []struct{ Name string } }
	for path, to := range map[string]any{"/api/": &index, "/api/openapi.json": &document} {
		if err := json.Unmarshal([]byte(s.want(t, asked{method: "GET", path: path, token: proof}, 200)), to); err != nil {
			t.Fatal(err)
		}
	}
	var all, names, described []string
	for _, one := range index.Resources {
		all = append(all, one.Name+"="+strings.Join(one.Methods, ","))
		names = append(names, one.Name)
	}
	for _, one := range document.Tags {
		described = append(described, one.Name)
	}
	if a, b := strings.Join(names, " "), strings.Join(described, " "); a != b {
		return "index: " + a + "; document: " + b
	}
	return strings.Join(all, " ")
}
