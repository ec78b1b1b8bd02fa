package pgquery

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	pgquery "github.com/wasilibs/go-pgquery"

	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/readset"
)

// names are the tables that statements here read. The schema w comes first in
// the search path.
var names = []string{"w.t0", "w.t1", "w.t2", "w.link", "w.p", "w.q", "w.e", "w.s", "w.v0", "w.v1"}

func schema() *readset.Schema {
	s := &readset.Schema{Dialect: "postgres", Encoding: "UTF-8", Path: []string{"pg_catalog", "w"}, Tables: map[string]*readset.Table{}, Functions: map[string]bool{}}
	for _, name := range names {
		s.Tables[name] = &readset.Table{Name: name, Columns: []readset.Column{{Name: "id", Type: "integer"}, {Name: "a", Type: "integer"}, {Name: "b", Type: "integer"}, {Name: "c", Type: "text"}}}
	}
	return s
}

// ours are the tables that package query finds. ok is false where it does not
// read the statement.
func ours(s *readset.Schema, text string) (found []string, ok bool) {
	if q := query.Read(&readset.Statement{Text: text, Schema: s}); q.Opaque != "" {
		return nil, false
	}
	for _, name := range names {
		if q := query.Read(&readset.Statement{Text: text, Schema: s, Reads: []readset.Read{{Table: name}}}); q.Opaque == "" {
			found = append(found, name)
		}
	}
	return found, true
}

// theirs are the tables that PostgreSQL's grammar finds.
func theirs(text string) (found []string, err error) {
	told, err := pgquery.ParseToJSON(text)
	if err != nil {
		return nil, err
	}
	var tree any
	if err := json.Unmarshal([]byte(told), &tree); err != nil {
		return nil, err
	}
	tables := map[string]bool{}
	walk(tree, nil, tables)
	for _, name := range names {
		if tables[name] {
			found = append(found, name)
		}
	}
	return found, nil
}

// walk finds tables; hidden are the names that WITH gives to others.
func walk(node any, hidden map[string]bool, tables map[string]bool) {
	switch node := node.(type) {
	case []any:
		for _, part := range node {
			walk(part, hidden, tables)
		}
	case map[string]any:
		if with, ok := node["withClause"].(map[string]any); ok {
			hidden = commons(with, hidden, tables)
		}
		for key, part := range node {
			if r, ok := part.(map[string]any); ok && key == "RangeVar" {
				table(r, hidden, tables)
			} else if key != "withClause" {
				walk(part, hidden, tables)
			}
		}
	}
}

func table(r map[string]any, hidden map[string]bool, tables map[string]bool) {
	name, _ := r["relname"].(string)
	if in, ok := r["schemaname"].(string); ok {
		tables[in+"."+name] = true
	} else if !hidden[name] {
		tables["w."+name] = true
	}
}

// commons reads what WITH names: each may name those before it, where it is
// recursive all.
func commons(with map[string]any, hidden map[string]bool, tables map[string]bool) map[string]bool {
	hidden = maps.Clone(hidden)
	if hidden == nil {
		hidden = map[string]bool{}
	}
	list, _ := with["ctes"].([]any)
	recursive, _ := with["recursive"].(bool)
	name := func(c any) string {
		return c.(map[string]any)["CommonTableExpr"].(map[string]any)["ctename"].(string)
	}
	if recursive {
		for _, c := range list {
			hidden[name(c)] = true
		}
	}
	for _, c := range list {
		walk(c, hidden, tables)
		hidden[name(c)] = true
	}
	return hidden
}

func statements(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, file := range []string{"testdata/generated.sql", "testdata/written.sql"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, strings.Split(strings.TrimSpace(string(text)), "\n")...)
	}
	return list
}

// TestStatements: what is read here is SQL to PostgreSQL's grammar, with the
// same tables.
func TestStatements(t *testing.T) {
	s := schema()
	for _, text := range statements(t) {
		found, ok := ours(s, text)
		if !ok {
			t.Errorf("not read: %s", text)
			continue
		}
		want, err := theirs(text)
		if err != nil {
			t.Errorf("no SQL to PostgreSQL: %s: %v", text, err)
		}
		if !slices.Equal(found, want) {
			t.Errorf("%s\nours %v\ntheirs %v", text, found, want)
		}
	}
}

// TestMutants: of statements that were cut up and put together in other ways,
// those that both read have no tables here that they have not there. What WITH
// names and nobody reads has none here: then the database's own word makes the
// statement opaque.
func TestMutants(t *testing.T) {
	s, list, random := schema(), statements(t), rand.New(rand.NewPCG(1, 2))
	both, one := 0, 0
	for range 4000 {
		words := strings.Fields(list[random.IntN(len(list))])
		other := strings.Fields(list[random.IntN(len(list))])
		for range 1 + random.IntN(2) {
			at, from := random.IntN(len(words)), random.IntN(len(other))
			switch random.IntN(4) {
			case 0:
				words = slices.Delete(words, at, at+1)
			case 1:
				words[at] = other[from]
			case 2:
				words = slices.Insert(words, at, other[from:min(len(other), from+1+random.IntN(4))]...)
			case 3:
				to := random.IntN(len(words))
				words[at], words[to] = words[to], words[at]
			}
			if len(words) == 0 {
				words = other
			}
		}
		text := strings.Join(words, " ")
		found, ok := ours(s, text)
		if !ok {
			continue
		}
		want, err := theirs(text)
		if err != nil {
			one++
			continue // no database takes it
		}
		both++
		if slices.ContainsFunc(found, func(name string) bool { return !slices.Contains(want, name) }) ||
			!slices.Equal(found, want) && !strings.Contains(text, "WITH ") {
			t.Errorf("%s\nours %v\ntheirs %v", text, found, want)
		}
	}
	t.Logf("%d read by both, %d by us alone", both, one)
	if both < 200 {
		t.Errorf("only %d mutants are SQL", both)
	}
}
