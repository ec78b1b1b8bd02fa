package index

import (
	"errors"
	"fmt"

	"github.com/wakeful-dev/wakeful/bench/role"
	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/readset"
)

// Kinds are the statements that are read: as handlers run them. A number in
// each makes as many different texts of it as are wanted.
var Kinds = []string{
	"SELECT id, name FROM good WHERE owner = %d ORDER BY id",
	"SELECT g.id, g.name, p.name FROM good g JOIN person p ON p.id = g.owner WHERE g.owner = ? AND g.price BETWEEN ? AND ? ORDER BY g.id DESC LIMIT %d",
	"WITH RECURSIVE up(id) AS (SELECT boss FROM person WHERE id = %d UNION SELECT p.boss FROM person p JOIN up ON p.id = up.id) SELECT * FROM up",
	"SELECT owner, count(*) AS n, max(price) FROM good WHERE name LIKE ? || '%%' GROUP BY owner HAVING count(*) > %d",
	"SELECT id FROM good g WHERE NOT EXISTS (SELECT 1 FROM person p WHERE p.id = g.owner AND p.name IN ('a', 'b', 'c')) AND score > %d",
}

// Texts returns n different ones of each kind, in turn.
func Texts(n int) []string {
	texts := make([]string, 0, n*len(Kinds))
	for i := range n {
		for _, kind := range Kinds {
			texts = append(texts, fmt.Sprintf(kind, i))
		}
	}
	return texts
}

// Reads asks for N different statements of each kind to be read.
type Reads struct {
	N int `json:"n"`
}

// read answers with the nanoseconds that statements take that were never seen
// before.
func read(r Reads) (any, error) {
	statements := statementsOf(r.N)
	var cache query.Cache
	cache.Read(&readset.Statement{Text: "SELECT 1", Schema: statements[0].Schema}) // the schema is read once, not for each
	queries := make([]*query.Query, len(statements))
	start := role.Now()
	for i, s := range statements {
		queries[i] = cache.Read(s)
	}
	took := role.Now() - start
	for i, q := range queries {
		if q.Opaque != "" {
			return nil, errors.New(statements[i].Text + ": " + q.Opaque)
		}
	}
	return took, nil
}

// reread answers with the nanoseconds that the same statements take again.
func reread(r Reads) (any, error) {
	statements := statementsOf(r.N)
	var cache query.Cache
	queries := make([]*query.Query, len(statements))
	for i, s := range statements {
		queries[i] = cache.Read(s)
	}
	again := make([]*query.Query, len(statements))
	start := role.Now()
	for i, s := range statements {
		again[i] = cache.Read(s)
	}
	took := role.Now() - start
	for i := range again {
		if again[i] != queries[i] {
			return nil, errors.New("not from the cache: " + statements[i].Text)
		}
	}
	return took, nil
}

func statementsOf(n int) []*readset.Statement {
	schema := schema()
	var statements []*readset.Statement
	for _, text := range Texts(n) {
		statements = append(statements, &readset.Statement{Text: text, Schema: schema})
	}
	return statements
}
