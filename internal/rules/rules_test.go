package rules

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/internal/yamldoc"
	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/where"
)

var world = &schema.Schema{Version: "1", Dialect: "sqlite", Encoding: "UTF-8", Tables: []*schema.Table{
	{
		Name: "posts", Key: []string{"id"},
		Columns: []schema.Column{
			{Name: "id", Type: schema.Integer, Collation: "BINARY", Declared: "INTEGER"},
			{Name: "owner_id", Type: schema.Text, Collation: "BINARY", Declared: "TEXT", Nullable: true},
			{Name: "score", Type: schema.Integer, Collation: "BINARY", Declared: "INTEGER", Nullable: true},
			{Name: "team_id", Type: schema.Integer, Collation: "BINARY", Declared: "INTEGER", Nullable: true},
			{Name: "public", Type: schema.Boolean, Collation: "BINARY", Declared: "BOOLEAN"},
		},
		Foreign: []schema.ForeignKey{{Columns: []string{"team_id"}, Table: "teams", To: []string{"id"}}},
	},
	{
		Name: "teams", Key: []string{"id"},
		Columns: []schema.Column{
			{Name: "id", Type: schema.Integer, Collation: "BINARY", Declared: "INTEGER"},
			{Name: "lead", Type: schema.Text, Collation: "BINARY", Declared: "TEXT", Nullable: true},
		},
	},
}}

func parsed(t *testing.T, text string) (*Rules, error) {
	t.Helper()
	root, _, err := yamldoc.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	var otherwise, tables *yamldoc.Node
	err = root.Each(map[string]func(yamldoc.Node) error{
		"default": func(n yamldoc.Node) error { otherwise = &n; return nil },
		"tables":  func(n yamldoc.Node) error { tables = &n; return nil },
	})
	if err != nil {
		return nil, err
	}
	return Parse(otherwise, tables)
}

func bound(t *testing.T, text string) *Bound {
	t.Helper()
	r, err := parsed(t, text)
	if err != nil {
		t.Fatal(err)
	}
	b := r.Bind(world)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	return b
}

// as makes the request of an identity; nil claims: of nobody.
func as(claims map[string]any) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if claims == nil {
		return r
	}
	subject, _ := claims["sub"].(string)
	return r.WithContext(permit.NewContext(r.Context(), permit.Identity{Subject: subject, Claims: claims}))
}

// says is what a table's rules come to: the status of who may not call, else
// the scope.
func says(t *testing.T, table *Table, r *http.Request, action permit.Action) string {
	t.Helper()
	if err := table.Allow(r, action); err != nil {
		denied, ok := err.(*permit.Denied)
		if !ok {
			t.Fatal(err)
		}
		return fmt.Sprint(denied.Status)
	}
	scope, err := table.Scope(r, action)
	if err != nil {
		t.Fatal(err)
	}
	switch scope.Canonical() {
	case where.All().Canonical():
		return "all"
	case where.None().Canonical():
		return "none"
	}
	if _, err := where.Bind(scope, table.Table, world); err != nil {
		t.Errorf("the scope does not fit the table: %v", err)
	}
	return scope.Canonical()
}

func TestConditions(t *testing.T) {
	ada := map[string]any{
		"sub": "ada", "role": "admin", "teams": []any{int64(1), int64(2)}, "scope": "posts:read posts:write",
		"level": int64(7), "app": map[string]any{"tenant": "t1"}, "strange name": "x", "nothing": nil, "ok": true,
		"https://a.example/role": "boss",
	}
	owner := where.Eq("owner_id", "ada").Canonical()
	for _, tt := range []struct{ condition, ada, nobody string }{
		{"public", "all", "all"},
		{"PUBLIC", "all", "all"},
		{"nobody", "403", "403"},
		{"not nobody", "all", "all"},
		{"signed_in", "all", "401"},
		{"not signed_in", "403", "all"},
		{"claims.role = 'admin'", "all", "401"},
		{"claims.role == \"admin\"", "all", "401"},
		{"'admin' = claims.role", "all", "401"},
		{"claims.role != 'admin'", "403", "401"},
		{"claims.role = 'it''s'", "403", "401"},
		{"claims.rank = 1", "403", "401"},
		{"not claims.rank = 1", "403", "401"}, // what is not known allows nothing
		{"claims.rank != 1", "403", "401"},
		{"claims.rank is null", "all", "all"},
		{"claims.nothing is null", "all", "all"},
		{"claims.nothing = 'x'", "403", "401"},
		{"claims.role is not null", "all", "401"},
		{"claims.role = 7", "403", "401"},
		{"claims.role != 7", "403", "401"},
		{"claims.level >= 7 and claims.level < 7.5", "all", "401"},
		{"claims.ok = true", "all", "401"},
		{"claims.app.tenant = 't1'", "all", "401"},
		{"claims.app = 't1'", "403", "401"},
		{"claims.`strange name` = 'x'", "all", "401"},
		{"claims.'https://a.example/role' = 'boss'", "all", "401"},
		{"claims.role in ('editor', 'admin')", "all", "401"},
		{"claims.role not in ['editor', 'admin']", "403", "401"},
		{"'posts:write' in claims.scope", "all", "401"},
		{"'posts:writ' in claims.scope", "403", "401"},
		{"2 in claims.teams", "all", "401"},
		{"3 in claims.teams", "403", "401"},
		{"not 3 in claims.teams", "all", "401"},
		{"not 3 in claims.missing", "403", "401"},

		{"owner_id = claims.sub", owner, "401"},
		{"claims.sub = owner_id", owner, "401"},
		{"OWNER_ID = claims.sub", owner, "401"},
		{"`owner_id` = claims.sub", owner, "401"},
		{"not owner_id = claims.sub", where.Ne("owner_id", "ada").Canonical(), "401"},
		{"5 < score", where.Gt("score", int64(5)).Canonical(), where.Gt("score", int64(5)).Canonical()},
		{"not (5 < score or score is null)", where.And(where.Le("score", int64(5)), where.NotNull("score")).Canonical(),
			where.And(where.Le("score", int64(5)), where.NotNull("score")).Canonical()},
		{"claims.role = 'admin' or owner_id = claims.sub", "all", "401"},
		{"claims.role = 'editor' or owner_id = claims.sub", owner, "401"},
		{"claims.role = 'editor' and owner_id = claims.sub", "403", "401"},
		{"team_id in claims.teams", where.In("team_id", int64(1), int64(2)).Canonical(), "401"},
		{"team_id__lead = claims.sub", where.Via("team_id", where.Eq("lead", "ada")).Canonical(), "401"},
		{"not team_id__lead = claims.sub", where.Via("team_id", where.Ne("lead", "ada")).Canonical(), "401"},
		{"`public` = true", where.Eq("public", true).Canonical(), where.Eq("public", true).Canonical()},
		{"score = claims.sub", "403", "401"}, // ada is no number
		{"not score = claims.sub", "403", "401"},
		{"owner_id = claims.level", where.Eq("owner_id", "7").Canonical(), "401"},
	} {
		text := "tables: {posts: {read: " + quoteYAML(tt.condition) + "}}"
		r, err := parsed(t, text)
		if err != nil {
			t.Errorf("%s: %v", tt.condition, err)
			continue
		}
		b := r.Bind(world)
		table := b.Find("posts")
		if table == nil {
			if tt.condition != "nobody" || b.Err() != nil {
				t.Errorf("%s: %v", tt.condition, b.Err())
			}
			continue
		}
		got := says(t, table, as(ada), permit.Read)
		nobody := says(t, table, as(nil), permit.Read)
		want := tt.ada
		if tt.condition == "`public` = true" {
			want, tt.nobody = got, nobody
			if !strings.Contains(got, "public") {
				t.Errorf("%s: %s", tt.condition, got)
			}
		}
		if got != want || nobody != tt.nobody {
			t.Errorf("%s: ada %s, want %s; nobody %s, want %s", tt.condition, got, want, nobody, tt.nobody)
		}
	}
}

func quoteYAML(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// TestNumbersThatAreNone: a subject that is written otherwise is another one.
func TestNumbersThatAreNone(t *testing.T) {
	table := bound(t, "tables: {posts: {read: score = claims.sub}}").Find("posts")
	for subject, want := range map[string]string{
		"7": where.Eq("score", int64(7)).Canonical(), "007": "403", "+7": "403", " 7": "403", "7.0": "403", "1e1": "403", "": "403",
		"9223372036854775807": where.Eq("score", int64(9223372036854775807)).Canonical(), "9223372036854775808": "403",
	} {
		if got := says(t, table, as(map[string]any{"sub": subject}), permit.Read); got != want {
			t.Errorf("sub %q: %s, want %s", subject, got, want)
		}
	}
}

func TestActions(t *testing.T) {
	b := bound(t, strings.ReplaceAll(`
default:
  read: signed_in
tables:
  posts:
    read: ["'public' = true", "owner_id = claims.sub"]
    update: owner_id = claims.sub
    create: signed_in
    scope: team_id = 1
`, "'public'", "`public`"))
	posts, teams := b.Find("posts"), b.Find("teams")
	ada := as(map[string]any{"sub": "ada"})
	for _, tt := range []struct {
		table  *Table
		action permit.Action
		want   string
	}{
		{teams, permit.Read, "all"},
		{teams, permit.Create, "403"},
		{posts, permit.Create, where.Eq("team_id", int64(1)).Canonical()},
		{posts, permit.Delete, "403"},
	} {
		if got := says(t, tt.table, ada, tt.action); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.action, tt.table.Name, got, tt.want)
		}
	}
	// What is altered must be seen.
	for _, part := range []string{"team_id", "owner_id", "public"} {
		if got := says(t, posts, ada, permit.Update); !strings.Contains(got, part) {
			t.Errorf("update posts: %s, want %s in it", got, part)
		}
	}
	if reach, err := b.Reach(as(nil), "teams"); err != nil || reach.Canonical() != where.None().Canonical() {
		t.Errorf("nobody reaches teams: %v, %v", reach, err)
	}
	if reach, err := b.Reach(ada, "no such"); err != nil || reach.Canonical() != where.None().Canonical() {
		t.Errorf("a table that is not there is reached: %v, %v", reach, err)
	}
}

func TestClosedTablesAreNotThere(t *testing.T) {
	b := bound(t, "default: {read: public}\ntables: {posts: {read: nobody}}")
	if b.Find("posts") != nil || b.Find("teams") == nil {
		t.Errorf("tables: %v", b.Tables)
	}
	if b := bound(t, "tables: {posts: }"); len(b.Tables) != 0 {
		t.Errorf("without a default: %v", b.Tables)
	}
	if b := Open().Bind(world); len(b.Tables) != 2 || b.Tables[0].Scoped() || says(t, b.Tables[0], as(nil), permit.Delete) != "all" {
		t.Errorf("open: %v", b.Tables)
	}
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"tables:\n  posts:\n    reed: public", `line 3: tables.posts: unknown key "reed"; there are create, delete, hidden, key,`},
		{"tables:\n  posts:\n    read: public\n    read: nobody", `line 4: tables.posts: "read" is there twice, first in line 3`},
		{"tables:\n  posts: {read: public}\n  POSTS: {read: public}", `line 3: tables.POSTS: the table "posts" is there already`},
		{"tables:\n  postz:\n    read: public", `line 2: tables.postz: there is no table or view "postz"; there are posts, teams`},
		{"tables:\n  posts:\n    hidden: [secret]", `line 3: tables.posts.hidden: posts has no column "secret"; it has id, owner_id, score`},
		{"tables:\n  posts:\n    hidden: [score]\n    ordering: [-score]", `line 4: tables.posts.ordering: "score" is hidden`},
		{"tables:\n  posts:\n    ordering: [-scor]", `line 3: tables.posts.ordering: posts has no column "scor"`},
		{"tables:\n  posts:\n    read: owner = claims.sub", `line 3: tables.posts.read: posts has no column "owner"; it has`},
		{"tables:\n  posts:\n    read: owner_id__x = claims.sub", `owner_id of posts is no foreign key; there are team_id`},
		{"tables:\n  posts:\n    read: team_id__x = 1", `teams has no column "x"; it has id, lead`},
		{"tables:\n  posts:\n    read: score = 'many'", `line 3: tables.posts.read: 'many' is not a value of score, which is integer`},
		{"tables:\n  posts:\n    read: sub = 1", `posts has no column "sub"`},
		{"default:\n  scope: tenant = claims.sub\ntables: {teams: {scope: all}}", `line 2: default.scope: posts has no column "tenant"`},
		{"default:\n  hidden: [id]", `unknown key "hidden"; there are create, delete, max_page_size, numbers, page_size, read, scope, update`},
		{"tables:\n  posts:\n    read:", "line 3: tables.posts.read: want a list, got nothing"},
		{"tables:\n  posts:\n    read: []", "an empty list; write nobody"},
		{"tables:\n  posts:\n    read: {a: b}", "want a list, got keys with values"},
		{"tables:\n  posts: [read]", "line 2: tables.posts: want keys with values, got a list"},
		{"tables:\n  posts:\n    page_size: many", `line 3: tables.posts.page_size: want a number above 0, got "many"`},
		{"tables:\n  posts:\n    page_size: 0", `want a number above 0`},
		{"tables:\n  posts:\n    page_size: 9\n    max_page_size: 8", `page_size 9 is more than max_page_size 8`},
		{"tables:\n  posts:\n    numbers: text", `unknown "text"; there are all_as_text, big_as_text, plain`},
		{"tables:\n  posts:\n\tread: public", "line 3: found character that cannot start any token"},
		{"tables: [", "line 1:"},
		{"other: 1", `line 1: unknown key "other"; there are default, tables`},
		{"tables:\n  ? [a]\n  : 1", "want a name as the key"},
	} {
		r, err := parsed(t, tt.text)
		if err == nil {
			err = r.Bind(world).Err()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s\n  %v\n  want %s", tt.text, err, tt.want)
		}
	}
	for _, tt := range []struct{ condition, want string }{
		{"", "it ends too early"},
		{" ", "it ends too early"},
		{"publik", "it ends too early: want =, !="},
		{"public or", "it ends too early: want a condition"},
		{"public and and", `unexpected "and" at character 12`},
		{"(public", "want )"},
		{"public)", `unexpected ")" at character 7: want and, or, or the end`},
		{"public signed_in", `unexpected "signed_in"`},
		{"owner_id = ", "want a claim or a value"},
		{"owner_id = null", "is null"},
		{"owner_id = score", "a column is compared with a claim or a value"},
		{"1 = 1", "needs a column or a claim"},
		{"1 in (1, 2)", "needs a column or a claim"},
		{"1 is null", "asks for a column or a claim"},
		{"claims = 1", "one by one"},
		{"claims. = 1", "comes the name of a claim"},
		{"owner_id in score", "want a claim, or a list"},
		{"owner_id in (score)", "values or claims"},
		{"owner_id in ()", "want a value"},
		{"owner_id in (1", "a comma or )"},
		{"owner_id in 'x'", "want a claim, or a list"},
		{"owner_id not = 1", `want in`},
		{"owner_id is 1", "want null"},
		{"owner_id = 'x", "closing ' is missing"},
		{"owner_id = 1.2.3", "is no number"},
		{"owner_id = -", "is no number"},
		{"owner_id; drop table posts", "the signs are"},
		{"owner_id = claims.sub -- x", `unexpected "-"`},
		{strings.Repeat("not ", 100) + "public", "nested deeper"},
		{strings.Repeat("(", 100) + "public", "nested deeper"},
	} {
		_, err := parsed(t, "tables: {posts: {read: "+quoteYAML(tt.condition)+"}}")
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %s", tt.condition, err, tt.want)
		}
	}
}

// TestNothingIsMetBothWays is the law of conditions: of a row and an identity, a
// condition and its opposite are never both met, and where nothing is unknown
// exactly one is.
func TestNothingIsMetBothWays(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	var make func(depth int) string
	make = func(depth int) string {
		if depth > 0 {
			switch random.IntN(4) {
			case 0:
				return "(" + make(depth-1) + " and " + make(depth-1) + ")"
			case 1:
				return "(" + make(depth-1) + " or " + make(depth-1) + ")"
			case 2:
				return "not " + make(depth-1)
			}
		}
		value := pick("claims.n", "claims.gone", "1", "2", "3")
		switch random.IntN(5) {
		case 0:
			return pick("public", "nobody", "signed_in")
		case 1:
			return "claims.n " + pick("=", "!=", "<", "<=", ">", ">=") + " " + pick("1", "2", "3", "claims.gone")
		case 2:
			return "score " + pick("in", "not in") + " (" + value + ", " + pick("1", "2", "claims.n") + ")"
		case 3:
			return pick("score", "claims.gone", "claims.n") + " is " + pick("", "not ") + "null"
		}
		return "score " + pick("=", "!=", "<", "<=", ">", ">=") + " " + value
	}
	met := func(condition string, claims map[string]any, row []any) bool {
		table := bound(t, "tables: {posts: {read: "+quoteYAML(condition)+", create: public}}").Find("posts")
		r := as(claims)
		if table.Allow(r, permit.Read) != nil {
			return false
		}
		scope, err := table.Scope(r, permit.Read)
		if err != nil {
			t.Fatal(err)
		}
		b, err := where.Bind(scope, table.Table, world)
		if err != nil {
			t.Fatal(err)
		}
		return b.Match([]string{"id", "owner_id", "score", "team_id", "public"})(row) == ivm.True
	}
	rounds, once := 2000, 0
	if os.Getenv("WAKEFUL_RACE") != "" {
		rounds = 200 // nothing here is concurrent
	}
	for range rounds {
		condition := make(3)
		claims := map[string]any{"n": int64(random.IntN(4))}
		row := []any{int64(1), nil, int64(random.IntN(4)), nil, int64(1)}
		unknown := strings.Contains(condition, "gone")
		if random.IntN(4) == 0 {
			row[2], unknown = nil, true
		}
		yes, no := met(condition, claims, row), met("not ("+condition+")", claims, row)
		if yes && no {
			t.Fatalf("%s is met both ways by %v, %v", condition, claims, row)
		}
		if !yes && !no && !unknown {
			t.Fatalf("%s is met neither way by %v, %v", condition, claims, row)
		}
		if yes != no {
			once++
		}
	}
	if once < rounds/2 {
		t.Errorf("only %d of %d conditions were decided: the test tests nothing", once, rounds)
	}
}

func FuzzCondition(f *testing.F) {
	for _, seed := range []string{"public", "owner_id = claims.sub or 'a' in claims.b", "not (score in [1, 2.5, -3] and `x` is not null)"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parse(text)
		if (c == nil) == (err == nil) {
			t.Errorf("%q: %v, %v", text, c, err)
		}
	})
}
