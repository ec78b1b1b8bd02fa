// Package index runs the index of observers and the parser of statements by
// themselves, in a process of their own: what they cost, and nothing around
// them. Conditions come out of statements and their arguments, as evaluations
// give them.
//
// Pipeline: bench → [index] → query → affected.
package index

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/wakeful-dev/wakeful/bench/role"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/readset"
)

// Entries asks for an index of N observers, of which each change is to touch
// Hits. Those of equality compare owner with one value that Hits have in common,
// those of ranges ask for prices between two: each in a range of its own, of
// which Hits lie over each price.
type Entries struct {
	N      int  `json:"n"`
	Hits   int  `json:"hits"`
	Ranges bool `json:"ranges"`
}

// Looks asks for N changes to be looked up.
type Looks struct {
	N int `json:"n"`
}

// index is one that was filled.
type index struct {
	entries Entries
	index   *affected.Index[int32]
	changes []change.Changeset
	next    int
}

// Verbs returns what can be measured.
func Verbs() map[string]role.Verb {
	x := &index{}
	return map[string]role.Verb{
		"fill":   role.Do(x.fill),
		"look":   role.Do(x.look),
		"read":   role.Do(read),
		"reread": role.Do(reread),
	}
}

// columns are those of the table good, in the order of its images.
var columns = []string{"id", "owner", "price", "name", "score"}

// schema is what the database tells of the tables of the statements.
func schema() *readset.Schema {
	return &readset.Schema{Dialect: "sqlite", Encoding: "UTF-8", Tables: map[string]*readset.Table{
		"good": {
			Name:       "good",
			Definition: "CREATE TABLE good (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, price INTEGER NOT NULL, name TEXT NOT NULL, score INTEGER NOT NULL)",
			Columns: []readset.Column{
				{Name: "id", Type: "INTEGER", Key: 1}, {Name: "owner", Type: "INTEGER"}, {Name: "price", Type: "INTEGER"},
				{Name: "name", Type: "TEXT"}, {Name: "score", Type: "INTEGER"},
			},
		},
		"person": {
			Name:       "person",
			Definition: "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, boss INTEGER)",
			Columns: []readset.Column{
				{Name: "id", Type: "INTEGER", Key: 1}, {Name: "name", Type: "TEXT"}, {Name: "boss", Type: "INTEGER"},
			},
		},
	}}
}

func (x *index) fill(e Entries) (any, error) {
	text := "SELECT id, name, score FROM good WHERE owner = ? ORDER BY id"
	if e.Ranges {
		text = "SELECT id, name, score FROM good WHERE price BETWEEN ? AND ? ORDER BY id"
	}
	statement := &readset.Statement{Text: text, Schema: schema(), Reads: []readset.Read{{Table: "good", Columns: []string{"id", "name", "owner", "price", "score"}}}}
	q := query.Read(statement)
	if q.Opaque != "" {
		return nil, errors.New(q.Opaque)
	}
	x.entries, x.index = e, affected.New[int32]()
	for i := range e.N {
		args := []any{int64(i / e.Hits)}
		if e.Ranges {
			args = []any{int64(10 * i), int64(10*(i+e.Hits) - 1)}
		}
		needs, dropped := q.Bind(statement, args, nil)
		if len(needs) != 1 || len(dropped) > 0 {
			return nil, fmt.Errorf("%d conditions, %d dropped", len(needs), len(dropped))
		}
		x.index.Replace(int32(i), []affected.Dependency{{Table: "good", Columns: needs[0].Columns, Where: needs[0].Where}})
	}
	return role.None{}, x.prepare()
}

// prepare makes changes of rows all over the index: more of them than a
// processor's cache has lines.
func (x *index) prepare() error {
	x.changes, x.next = make([]change.Changeset, 1<<17), 0
	for i := range x.changes {
		n := rand.IntN(x.entries.N-x.entries.Hits) + x.entries.Hits - 1
		owner, price := int64(n/x.entries.Hits), int64(10*n+rand.IntN(10))
		row := func(score int64) []any { return []any{int64(n), owner, price, "a good", score} }
		before := row(1)
		after := append([]any(nil), before...)
		after[4] = int64(2)
		x.changes[i].Changes = []change.Change{{Table: "good", Kind: change.Update, Columns: columns, Old: before, New: after}}
	}
	return nil
}

// look answers with the nanoseconds that all took together.
func (x *index) look(l Looks) (any, error) {
	hits := 0
	visit := func(int32) { hits++ }
	start := role.Now()
	for range l.N {
		x.index.Affected(&x.changes[x.next], visit)
		if x.next++; x.next == len(x.changes) {
			x.next = 0
		}
	}
	took := role.Now() - start
	if hits != l.N*x.entries.Hits {
		return nil, fmt.Errorf("%d changes hit %d, want %d each", l.N, hits, x.entries.Hits)
	}
	return took, nil
}
