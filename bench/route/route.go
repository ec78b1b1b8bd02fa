// Package route runs what a change passes before anybody is evaluated, in a
// process of its own: PostgreSQL's log is read and decoded, commits wait until the
// database shows them, and the index marks the observers that each may touch.
//
// Pipeline: bench → [route] → postgres → affected.
package route

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/wakeful-dev/wakeful/bench/floor"
	"github.com/wakeful-dev/wakeful/bench/role"
	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/postgres"
)

// Open says which database to follow, and for whom: so many observers, each of
// one owner's goods or of those in one range of prices.
type Open struct {
	URL    string `json:"url"`
	N      int    `json:"n"`
	Ranges bool   `json:"ranges"`
}

// router is one that was opened.
type router struct {
	index *affected.Index[int32]
	marks []uint32 // by observer

	mu      sync.Mutex
	commits int
	hits    int
	failed  error
	moved   chan struct{} // closed when something came
}

// Verbs returns what can be measured.
func Verbs() map[string]role.Verb {
	r := &router{index: affected.New[int32](), moved: make(chan struct{})}
	return map[string]role.Verb{
		"open":  role.Do(r.open),
		"begin": role.Do(r.begin),
		"took":  role.Do(r.took),
	}
}

func (r *router) open(o Open) (any, error) {
	_, source, err := postgres.Open(o.URL)
	if err != nil {
		return nil, err
	}
	text := "SELECT id, name, score FROM good WHERE owner = $1 ORDER BY id"
	if o.Ranges {
		text = "SELECT id, name, score FROM good WHERE price BETWEEN $1 AND $2 ORDER BY id"
	}
	statement, err := source.Describe(context.Background(), text)
	if err != nil {
		return nil, err
	}
	q := query.Read(statement)
	if q.Opaque != "" {
		return nil, errors.New(q.Opaque)
	}
	for i := range o.N {
		args := []any{int64(i + 1)}
		if o.Ranges {
			args = []any{int64(10 * (i + 1)), int64(10*(i+1) + 9)}
		}
		needs, dropped := q.Bind(statement, args, nil)
		if len(needs) != 1 || len(dropped) > 0 {
			return nil, fmt.Errorf("%d conditions, dropped: %+v", len(needs), dropped)
		}
		r.index.Replace(int32(i), []affected.Dependency{{Table: "good", Columns: needs[0].Columns, Where: needs[0].Where}})
	}
	r.marks = make([]uint32, o.N)
	source.Focus([]string{"good"})
	go r.read(source)
	return role.None{}, nil
}

// read routes for as long as the process lives.
func (r *router) read(source *postgres.Source) {
	hits := 0
	mark := func(o int32) { r.marks[o]++; hits++ }
	for set, err := range source.Stream(context.Background(), source.Position()) {
		if err != nil {
			r.note(0, 0, err)
			return
		}
		if len(set.Changes) == 0 {
			continue
		}
		hits = 0
		r.index.Affected(&set, mark)
		r.note(1, hits, nil)
	}
}

func (r *router) note(commits, hits int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.commits += commits
	r.hits += hits
	r.failed = err
	close(r.moved)
	r.moved = make(chan struct{})
}

// begin forgets what came so far.
func (r *router) begin(role.None) (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.commits, r.hits = 0, 0
	return role.Spent(), r.failed
}

// took waits until so many commits have been routed.
func (r *router) took(wanted floor.Read) (any, error) {
	overdue := time.After(time.Minute)
	for {
		r.mu.Lock()
		commits, hits, moved, err := r.commits, r.hits, r.moved, r.failed
		r.mu.Unlock()
		if err != nil || commits >= wanted.Commits {
			return floor.Took{CPU: role.Spent(), Hits: hits}, err
		}
		select {
		case <-moved:
		case <-overdue:
			return nil, fmt.Errorf("route: %d of %d commits came", commits, wanted.Commits)
		}
	}
}
