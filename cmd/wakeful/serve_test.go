package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/internal/follow"
)

// TestServe is the black box as it is without rules: reads, writes, and lists
// that move, whoever writes.
func TestServe(t *testing.T) {
	file, other := board(t)
	s := startServe(t, "--db", file)
	s.want(t, asked{method: "GET", path: "/api/"}, 200, `"name":"posts"`, `"name":"best"`, `"observable":false`)
	s.want(t, asked{method: "GET", path: "/api"}, 200, `"name":"posts"`)
	s.want(t, asked{method: "GET", path: "/api/posts"}, 200, `"count":2`, `"title":"first"`)
	s.want(t, asked{method: "GET", path: "/api/posts/?team__name=blue&ordering=-score"}, 200, `"count":1`, `"title":"second"`)
	s.want(t, asked{method: "GET", path: "/api/posts/2"}, 200, `"title":"second"`)
	s.want(t, asked{method: "GET", path: "/api/best"}, 200, `"count":1`)
	s.want(t, asked{method: "GET", path: "/api/notes"}, 200, `"count":0`)
	s.want(t, asked{method: "GET", path: "/api/posts?colour=red"}, 400, "unknown_parameter", `"team__name"`)
	s.want(t, asked{method: "GET", path: "/api/nothing"}, 404, "not_found", "/api/")
	s.want(t, asked{method: "GET", path: "/nothing"}, 404, "not_found", "/api/")
	s.want(t, asked{method: "GET", path: "/api/notes?observe=x"}, 422, "no primary key")
	s.want(t, asked{method: "POST", path: "/api/best", body: `{"title":"x"}`}, 405, "method_not_allowed")

	v2 := s.follower(t, "two", "")
	v1 := follow.NewClientV1(follow.Config{Server: s.url, Session: "one", Transport: s.client.Transport})
	if err := v1.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer v1.Close()
	two, err := v2.Get(t.Context(), "/api/posts?ordering=-score")
	if err != nil {
		t.Fatal(err)
	}
	one, err := v1.Get(t.Context(), "/api/posts?ordering=-score")
	if err != nil {
		t.Fatal(err)
	}
	await(t, v2, two, "second", "first")

	s.want(t, asked{method: "POST", path: "/api/posts", body: `{"title":"third","owner_id":"ada","score":5}`}, 201, `"title":"third"`)
	await(t, v2, two, "second", "third", "first")
	s.want(t, asked{method: "PATCH", path: "/api/posts/1", body: `{"score":7}`}, 200, `"score":7`)
	await(t, v2, two, "second", "first", "third")
	s.want(t, asked{method: "DELETE", path: "/api/posts/2"}, 204)
	await(t, v2, two, "first", "third")
	execute(t, other, `INSERT INTO posts (title, owner_id, score) VALUES ('from outside', 'eve', 99)`)
	await(t, v2, two, "from outside", "first", "third")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := v1.Wait(ctx, func([]*follow.List) bool {
		return slices.Equal(titles(one), []string{"from outside", "first", "third"})
	}); err != nil {
		t.Errorf("version 1 shows %q: %v", titles(one), err)
	}
	for _, fault := range v1.Faults() {
		t.Error(fault)
	}
	s.want(t, asked{method: "POST", path: "/api/posts", body: `{"titel":"x"}`}, 400, "titel")
	s.want(t, asked{method: "DELETE", path: "/api/posts/2"}, 404)
}

// TestServeSchemaMoves: tables and columns that appear, change and vanish are
// noticed, and a table that its rules do not fit is served no more.
func TestServeSchemaMoves(t *testing.T) {
	file, other := board(t)
	rules := put(t, filepath.Join(t.TempDir(), "wakeful.yaml"), `
default: {read: public, create: public}
tables:
  posts: {read: public, hidden: [secret]}
`)
	s := startServe(t, "--db", file, "--config", rules)
	if body := s.want(t, asked{method: "GET", path: "/api/posts"}, 200, `"count":2`); strings.Contains(body, "secret") {
		t.Errorf("a hidden column is shown: %s", body)
	}
	execute(t, other, `CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT)`)
	s.want(t, asked{method: "POST", path: "/api/tags", body: `{"name":"new"}`}, 201)
	c := s.follower(t, "tags", "")
	list, err := c.Get(t.Context(), "/api/tags")
	if err != nil {
		t.Fatal(err)
	}
	await(t, c, list, "new")
	execute(t, other, `ALTER TABLE tags ADD COLUMN colour TEXT DEFAULT 'grey'`)
	s.want(t, asked{method: "POST", path: "/api/tags", body: `{"name":"old","colour":"red"}`}, 201, `"colour":"red"`)
	await(t, c, list, "new", "old")
	s.want(t, asked{method: "GET", path: "/api/tags?colour=grey"}, 200, `"count":1`)

	execute(t, other, `ALTER TABLE posts RENAME COLUMN secret TO hush`)
	s.want(t, asked{method: "GET", path: "/api/posts"}, 503, "schema_changed", "wakeful check")
	s.want(t, asked{method: "GET", path: "/api/tags"}, 200, `"count":2`)
	if !strings.Contains(s.log.String(), `posts has no column \"secret\"; it has id, title, owner_id, hush`) {
		t.Errorf("the log does not say why: %s", s.log)
	}
	execute(t, other, `ALTER TABLE posts RENAME COLUMN hush TO secret`)
	s.want(t, asked{method: "GET", path: "/api/posts"}, 200, `"count":2`)
	execute(t, other, `DROP TABLE tags`)
	s.want(t, asked{method: "GET", path: "/api/tags"}, 404, "not_found")
}

const boardRules = `
tables:
  teams: {read: signed_in}
  posts:
    read: owner_id = claims.sub or claims.role = 'admin'
    create: owner_id = claims.sub
    update: owner_id = claims.sub
    delete: claims.role = 'admin'
    hidden: [secret]
    read_only: [score]
`

// TestServeRights: each sees and alters what the rules give to him, live too.
func TestServeRights(t *testing.T) {
	file, other := board(t)
	s := startServe(t, append(secured(t, boardRules), "--db", file, "--recheck", "50ms")...)
	ada, bob := token(t, map[string]any{"sub": "ada"}), token(t, map[string]any{"sub": "bob"})
	admin := token(t, map[string]any{"sub": "root", "role": "admin"})

	s.want(t, asked{method: "GET", path: "/api/posts"}, 401, "sign in")
	s.want(t, asked{method: "GET", path: "/api/posts", token: "nonsense"}, 401, "JSON Web Token")
	s.want(t, asked{method: "GET", path: "/api/notes", token: ada}, 404)
	if body := s.want(t, asked{method: "GET", path: "/api/"}, 200); strings.Contains(body, "posts") {
		t.Errorf("nobody is told of %s", body)
	}
	s.want(t, asked{method: "GET", path: "/api/", token: ada}, 200, `"name":"posts"`, `"methods":["GET","POST","PUT","PATCH"]`)
	if body := s.want(t, asked{method: "GET", path: "/api/posts", token: ada}, 200, `"count":1`, `"first"`); strings.Contains(body, "secret") {
		t.Errorf("a hidden column is shown: %s", body)
	}
	s.want(t, asked{method: "GET", path: "/api/posts", token: admin}, 200, `"count":2`)
	s.want(t, asked{method: "GET", path: "/api/posts/2", token: ada}, 404)
	s.want(t, asked{method: "PATCH", path: "/api/posts/2", body: `{"title":"stolen"}`, token: ada}, 404)
	s.want(t, asked{method: "DELETE", path: "/api/posts/1", token: ada}, 403, "forbidden")
	s.want(t, asked{method: "GET", path: "/api/posts?secret=x", token: ada}, 400, "unknown_parameter")
	s.want(t, asked{method: "GET", path: "/api/posts?ordering=secret", token: ada}, 400)

	adas, bobs, admins := s.follower(t, "ada", ada), s.follower(t, "bob", bob), s.follower(t, "root", admin)
	list := func(c *follow.Client) *follow.List {
		t.Helper()
		l, err := c.Get(t.Context(), "/api/posts")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	la, lb, lr := list(adas), list(bobs), list(admins)
	if la.Observer == lb.Observer {
		t.Error("ada and bob share an observer")
	}
	s.want(t, asked{method: "POST", path: "/api/posts", body: `{"title":"of ada","owner_id":"ada"}`, token: ada}, 201)
	await(t, adas, la, "first", "of ada")
	await(t, admins, lr, "first", "second", "of ada")
	s.want(t, asked{method: "PATCH", path: "/api/posts/2", body: `{"title":"of bob"}`, token: bob}, 200)
	await(t, bobs, lb, "of bob")
	await(t, admins, lr, "first", "of bob", "of ada")
	execute(t, other, `UPDATE posts SET owner_id = 'bob' WHERE id = 1`)
	await(t, adas, la, "of ada")
	await(t, bobs, lb, "first", "of bob")

	// Nobody makes rows for another, or gives his away; nobody filters by what he
	// does not see.
	s.want(t, asked{method: "POST", path: "/api/posts", body: `{"title":"x","owner_id":"bob"}`, token: ada}, 403, "out_of_scope")
	s.want(t, asked{method: "PATCH", path: "/api/posts/2", body: `{"owner_id":"ada"}`, token: bob}, 403, "out_of_scope")
	s.want(t, asked{method: "PATCH", path: "/api/posts/2", body: `{"score":1000}`, token: bob}, 400, "score")
	s.want(t, asked{method: "POST", path: "/api/posts", body: `{"title":"x","owner_id":"ada","secret":"x"}`, token: ada}, 400, "secret")
	s.want(t, asked{method: "GET", path: "/api/posts", token: admin}, 200, `"count":3`)

	// A page of another site can neither write nor observe.
	foreign := http.Header{"Origin": {"https://evil.example"}}
	s.want(t, asked{method: "POST", path: "/api/posts", body: `{}`, token: ada, header: foreign}, 403, "cross_site")
	s.want(t, asked{method: "GET", path: "/api/posts?observe=ada", token: ada, header: foreign}, 403, "cross_site")
}

// TestServeTokenEnds: who follows with a token follows no longer than it is good.
func TestServeTokenEnds(t *testing.T) {
	file, _ := board(t)
	s := startServe(t, append(secured(t, boardRules), "--db", file, "--recheck", "2m", "--jwt-leeway", "0s")...)
	short := token(t, map[string]any{"sub": "ada", "exp": time.Now().Add(2 * time.Second).Unix()})
	c := s.follower(t, "ada", short)
	list, err := c.Get(t.Context(), "/api/posts")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := c.Wait(ctx, func(follow.View) bool { return list.Ended }); err != nil {
		t.Fatalf("the list did not end: %v", err)
	}
	if !strings.Contains(list.Why, "permission_revoked") {
		t.Errorf("it ended by %s", list.Why)
	}
	s.want(t, asked{method: "GET", path: "/api/posts", token: short}, 401, "expired")
}

// TestServeSecretsStayIn: neither tokens nor what a query says are in the log,
// and the settings are printed without secrets.
func TestServeSecretsStayIn(t *testing.T) {
	file, _ := board(t)
	t.Setenv("WAKEFUL_OPERATOR_TOKEN", "the token of the operator")
	s := startServe(t, append(secured(t, boardRules), "--db", file, "--log-level", "debug", "--log-format", "json")...)
	good := token(t, map[string]any{"sub": "ada"})
	s.want(t, asked{method: "GET", path: "/api/posts?title=hush&observe=x&ticket=abc", token: good}, 400)
	s.want(t, asked{method: "GET", path: "/api/posts?title=hush", token: good}, 200)
	s.want(t, asked{method: "GET", path: "/api/posts?title=hush", token: good + "x"}, 401)
	answer, err := s.client.Get(s.operator + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("metrics without the token: %s", answer.Status)
	}
	s.stop(t)
	text := s.log.String()
	for _, secret := range []string{good[:30], "hush", "abc", secretOfTests, "the token of the operator"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the log: %s", secret, text)
		}
	}
	for line := range strings.Lines(text) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
	if !strings.Contains(text, `"signed_in":true`) {
		t.Errorf("requests are not in the log: %s", text)
	}
}

// TestServeOperator: status and clear reach a running server, and metrics count.
func TestServeOperator(t *testing.T) {
	file, _ := board(t)
	s := startServe(t, "--db", file)
	s.want(t, asked{method: "GET", path: "/api/posts"}, 200)
	c := s.follower(t, "me", "")
	list, err := c.Get(t.Context(), "/api/posts")
	if err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) string {
		t.Helper()
		var out, log bytes.Buffer
		if status := run(t.Context(), append(args, "--url", s.operator), &out, &log); status != 0 {
			t.Fatalf("%v: %d %s", args, status, log.String())
		}
		return out.String()
	}
	if said := command("status"); !strings.Contains(said, "board.db") || !strings.Contains(said, "observers  1, followed 1 times") {
		t.Errorf("status: %s", said)
	}
	if said := command("status", "--json"); !json.Valid([]byte(said)) {
		t.Errorf("status --json: %s", said)
	}
	answer, err := s.client.Get(s.operator + "/metrics")
	metrics := body(t, answer, err)
	for _, line := range []string{"wakeful_observers 1", "wakeful_sessions 1", `wakeful_http_requests_total{method="GET",route="/api/posts",status="200"} `, "process_", "go_goroutines"} {
		if !strings.Contains(metrics, line) {
			t.Errorf("metrics lack %s:\n%s", line, metrics)
		}
	}
	if said := command("clear"); said != "1 observers ended\n" {
		t.Errorf("clear: %s", said)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := c.Wait(ctx, func(follow.View) bool { return list.Ended }); err != nil {
		t.Fatal(err)
	}
	s.want(t, asked{method: "GET", path: "/metrics"}, 404)
	s.want(t, asked{method: "GET", path: "/operator/status"}, 404)

	var out, log bytes.Buffer
	for _, args := range [][]string{{"status", "--url", s.url}, {"clear", "--url", "127.0.0.1:1"}, {"status", "--url", "http://%zz"}} {
		if status := run(t.Context(), args, &out, &log); status != 1 || !strings.Contains(log.String(), "operator") && !strings.Contains(log.String(), "address") && !strings.Contains(log.String(), "404") {
			t.Errorf("%v: %d %s", args, status, log.String())
		}
	}
}
