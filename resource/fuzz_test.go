package resource_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/schema"
)

// lexicon is all that statements are made of: quoted names, fixed words and
// marks, placeholders.
var (
	lexicon = regexp.MustCompile(`^(?:"((?:[^"]|"")*)"|([A-Za-z][A-Za-z0-9]*|[(),.?=*+]|<>|<=|>=|<|>|'\\')| )`)
	fixed   = strings.Fields(`SELECT FROM AS WHERE AND OR NOT IS NULL IN LIKE GLOB ESCAPE COLLATE NOCASE EXISTS TRUE FALSE
		UNION ALL ORDER BY DESC LIMIT OFFSET count t n ( ) , . ? = * + < > <= >= <> '\'`)
	alias = regexp.MustCompile(`^(?:[tn]|via[0-9]+)$`)
)

// foreignTo returns the first thing in a statement that is none of the fixed
// words, names of the schema and placeholders; "" where there is none.
func foreignTo(s *schema.Schema, text string) string {
	for text != "" {
		part := lexicon.FindStringSubmatch(text)
		switch {
		case part == nil:
			return text
		case part[0][0] == '"':
			name := strings.ReplaceAll(part[1], `""`, `"`)
			if !alias.MatchString(name) && !slices.ContainsFunc(s.Tables, func(t *schema.Table) bool {
				return t.Name == name || t.Column(name) != nil
			}) {
				return part[0]
			}
		case part[2] != "" && !slices.Contains(fixed, part[2]):
			return part[0]
		}
		text = text[len(part[0]):]
	}
	return ""
}

// FuzzURL: whatever a URL says, no byte of it is in a statement, the answer is
// a list, a row or a problem, and the plan says what the answer does.
func FuzzURL(f *testing.F) {
	db, source := database(f)
	if _, err := db.Exec(`CREATE TABLE "odd ""name" ("a ""b" TEXT PRIMARY KEY, "limit" INTEGER, "x__gt" INTEGER, "SELECT" TEXT COLLATE NOCASE);
		INSERT INTO "odd ""name" VALUES ('1', 2, 3, '4'), ('x', NULL, 5, 'Y')`); err != nil {
		f.Fatal(err)
	}
	posts := whole(db, source, "posts")
	posts.Filters["author__name"] = resource.Every
	posts.Filters["author__boss__boss__secret"] = resource.Every
	posts.Nested = []resource.Nested{{Name: "author", Via: "author_id"}, {Name: "comments", Table: "comments", By: "post_id"}}
	mux := http.NewServeMux()
	make1(f, posts).Mount(mux, "/posts")
	make1(f, whole(db, source, "seats")).Mount(mux, "/seats")
	make1(f, whole(db, source, `odd "name`)).Mount(mux, "/odd")
	now, err := source.Schema(context.Background())
	if err != nil {
		f.Fatal(err)
	}
	next := getPage(f, mux, "/posts?cursor=&limit=2&ordering=-score,title").Next
	_, cursor, _ := strings.Cut(*next, "?")
	for _, seed := range [][2]string{
		{"/posts", ""}, {"/posts", cursor}, {"/posts", "title=%27%3B+DROP+TABLE+posts%3B--"}, {"/posts", `author__name__in=a,"b",%00`},
		{"/posts/1", ""}, {"/posts/1%27", ""}, {"/posts", "search=%25+_+%5C+%2A+%5B&ordering=title"}, {"/seats/a%252Cb,1", ""},
		{"/seats", "hall__gt=%ff&ordering=-seat"}, {"/posts", "score__range=-inf,nan"}, {"/posts", "created__gt=2026-01-01T00:00:00Z&page=2&page_size=1"},
		{"/posts", "author__boss__boss__secret__icontains=%5C%27&tags=%7B%7D&raw=AA%3D%3D"}, {"/odd", "limit__exact=2&x__gt__gt=1&SELECT=y"},
		{"/odd/1", ""}, {"/odd", "a+%22b__startswith=x&limit=1&offset=3"}, {"/posts", "big__in=1,9223372036854775807&done=1&id__ne=0x10"},
		{"/posts", "score=1e400&score__lt=-0&title__iexact=%C3%89&title__contains=%F0%9F%98%80"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, path, raw string) {
		if r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + path + "?" + raw + " HTTP/1.0\r\n\r\n"))); err != nil || r.URL.Host != "" {
			return // no such request arrives
		}
		e := evaluate(mux, path+"?"+raw)
		if !slices.Contains([]int{200, 301, 307, 400, 404}, e.status) || e.status == 200 && !json.Valid([]byte(e.body)) {
			t.Fatalf("%d %s", e.status, e.body)
		}
		kept := e.mark.Kept()
		if kept == nil {
			checkStatements(t, now, e.own)
			return
		}
		checkStatements(t, now, kept.Reads)
		compare(t, e, kept.Plan, kept.Rows)
		all := &readset.Set{}
		both, err := kept.Plan.Reader.Read(readset.NewContext(context.Background(), all), []*ivm.Plan{kept.Plan, kept.Plan})
		if err != nil {
			t.Fatal(err)
		}
		checkStatements(t, now, all)
		compare(t, e, kept.Plan, both[1])
	})
}

func checkStatements(t *testing.T, s *schema.Schema, reads *readset.Set) {
	t.Helper()
	for _, use := range reads.Uses() {
		if found := foreignTo(s, use.Statement.Text); found != "" {
			t.Fatalf("%q is no word of ours: %s", found, use.Statement.Text)
		}
		if n := strings.Count(use.Statement.Text, "?"); n != len(use.Args) {
			t.Fatalf("%d arguments for %d placeholders: %s", len(use.Args), n, use.Statement.Text)
		}
	}
}
