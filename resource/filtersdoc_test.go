package resource_test

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/sqlite"
)

const filtersDoc = "../docs/filters.md"

// idsOnly is what the document sends most answers through.
const idsOnly = ` | jq -c '[.results[].id]'`

// TestFiltersDoc runs the lines of docs/filters.md, and writes what is answered
// in their place where WAKEFUL_WRITE_DOCS is set.
func TestFiltersDoc(t *testing.T) {
	text, err := os.ReadFile(filtersDoc)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	h := ofFiltersDoc(t, doc)
	is, lines := answered(t, doc, h)
	if lines < 30 {
		t.Fatalf("%s has %d lines to run", filtersDoc, lines)
	}
	for _, k := range resource.Every {
		if !strings.Contains(doc, "__"+string(k)+"=") {
			t.Errorf("%s has no line with the lookup %s", filtersDoc, k)
		}
	}
	switch {
	case is == doc:
	case os.Getenv("WAKEFUL_WRITE_DOCS") != "":
		if err := os.WriteFile(filtersDoc, []byte(is), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s says otherwise than the lines in it answer; with WAKEFUL_WRITE_DOCS=1 the test writes them", filtersDoc)
		have := strings.Split(doc, "\n")
		for i, line := range strings.Split(is, "\n") {
			if i >= len(have) || have[i] != line {
				t.Fatalf("line %d is %s", i+1, line)
			}
		}
	}
}

// TestFiltersDocPostgres: the lines are answered alike on PostgreSQL.
func TestFiltersDocPostgres(t *testing.T) {
	text, err := os.ReadFile(filtersDoc)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	db, source := postgresDatabase(t, schemaOfDoc(doc))
	is, _ := answered(t, doc, servedAsDoc(t, db, source))
	have := strings.Split(doc, "\n")
	for i, line := range strings.Split(is, "\n") {
		if i >= len(have) || have[i] != line {
			t.Errorf("line %d is %s", i+1, line)
		}
	}
}

// answered is the document with what is answered to its lines.
func answered(t *testing.T, doc string, h http.Handler) (is string, lines int) {
	t.Helper()
	is = regexp.MustCompile("(?s)```console\n(.*?)```").ReplaceAllStringFunc(doc, func(block string) string {
		var out strings.Builder
		out.WriteString("```console\n")
		for line := range strings.SplitSeq(block, "\n") {
			if command, ok := strings.CutPrefix(line, "$ curl 'localhost:8080"); ok {
				lines++
				out.WriteString(line + "\n" + ran(t, h, command) + "\n")
			}
		}
		return out.String() + "```"
	})
	return is, lines
}

// schemaOfDoc are the statements that make the tables of the document.
func schemaOfDoc(doc string) string {
	_, after, _ := strings.Cut(doc, "```sql\n")
	statements, _, _ := strings.Cut(after, "```")
	return statements
}

// ofFiltersDoc serves the tables of the document as it says.
func ofFiltersDoc(t *testing.T, doc string) http.Handler {
	t.Helper()
	db, source, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.Exec(schemaOfDoc(doc)); err != nil {
		t.Fatal(err)
	}
	return servedAsDoc(t, db, source)
}

func servedAsDoc(t *testing.T, db *sql.DB, source schema.Catalog) http.Handler {
	t.Helper()
	return mounted(t, resource.Config[resource.Record]{
		DB: db, Catalog: source, Table: "posts", Allow: permit.Public,
		Filters: resource.Filters{resource.AllColumns: resource.Every, "author__name": resource.Every},
		Search:  []string{"title"},
		Order:   resource.Order{Allow: []string{resource.AllColumns}},
	}, "/api/posts")
}

// ran is what a line of the document answers; line begins behind the host.
func ran(t *testing.T, h http.Handler, line string) string {
	t.Helper()
	target, pipe, _ := strings.Cut(line, "'")
	a := send(t, h, "GET", "http://localhost:8080"+target, "")
	switch pipe {
	case "":
		return a.body
	case idsOnly:
	default:
		t.Fatalf("a line that the test cannot run: %s", line)
	}
	var p page
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.status != 200 {
		t.Errorf("%s: %d %s", line, a.status, a.body)
	}
	ids, _ := json.Marshal(p.ids())
	return string(ids)
}
