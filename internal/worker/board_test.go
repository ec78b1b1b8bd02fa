package worker

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source/memsource"
)

// board is a rig with routes that give plans, and an account of every state of
// the database and of everything that a gateway was shown.
//
//	/top?min=&max=&offset=&limit=   items by score, kept by a plan
//	/wrapped?…                      the same, but its answer is not the plan's
//	/lying?…                        the same, but its steps leave item 7 out
//	/items                          all items, evaluated
//
// All of them but /items ask for row 1 of other first: their rights rest on it.
// Its name is the scope of the request, "no" refuses it.
type board struct {
	*rig
	random *rand.Rand
	slow   atomic.Int64 // most milliseconds that a view takes
	lag    atomic.Int64 // … that a read takes
	broken atomic.Int64 // reads that fail, of those to come
	lies   atomic.Bool  // steps of /lying leave item 7 out
	panics atomic.Bool  // steps of /lying panic
	stale  atomic.Bool  // plans are of a former schema
	reads  atomic.Int64 // statements of the reader
	plans  atomic.Int64 // lists that they read
	ran    atomic.Int64 // views that ran

	mu     sync.Mutex
	states map[change.Position]state
	shown  []shown
	metas  map[string]string // by observer
	doubts map[string]int    // Doubted, by observer
	last   map[string]shown  // since and doubted, by observer
	right  change.Position   // of the newest commit that changed other

	before string    // the rows of other
	log    *boardLog // where the database's log comes behind

	checked, whole int // lists, and all of them together
}

// state is the database after one commit.
type state struct {
	items []memsource.Row
	scope string
	at    int             // place of the commit
	right change.Position // of the newest commit that changed other
}

// shown is what a gateway holds after one message.
type shown struct {
	lists map[string]string // by observer
	at    change.Position   // at which they have to be right
	all   bool              // a progress says so of all of them
	// Of a diff: when the list began, and the newest commit when it was last
	// said to be in doubt.
	since, doubted change.Position
}

func newBoard(t *testing.T, seed uint64, cfg Config, adjust ...func(*rig, *Config)) *board {
	return newBoardOver(t, seed, nil, cfg, adjust...)
}

// newBoardOver makes a board over a database whose log is told of there, nil for
// one that is exact.
func newBoardOver(t *testing.T, seed uint64, log *boardLog, cfg Config, adjust ...func(*rig, *Config)) *board {
	b := &board{log: log, random: rand.New(rand.NewPCG(seed, 7)), states: map[change.Position]state{}, doubts: map[string]int{}, metas: map[string]string{}, last: map[string]shown{}}
	b.rig = newRig(t, cfg, append(adjust, func(r *rig, _ *Config) {
		r.heard = b.hear
		b.rig = r
		b.route("/top")
		b.route("/wrapped")
		b.route("/lying")
	})...)
	b.commit(func(tx *memsource.Tx) error {
		return tx.Put("other", memsource.Row{"id": 1, "name": "all"})
	})
	return b
}

// commit writes, and remembers the state that came of it.
func (b *board) commit(do func(tx *memsource.Tx) error) change.Position {
	b.t.Helper()
	at, err := b.db.Update(do)
	if err != nil {
		b.t.Fatal(err)
	}
	items, err := b.db.Read(context.Background(), "item")
	if err != nil {
		b.t.Fatal(err)
	}
	mine, err := b.db.Get(context.Background(), "other", int64(1))
	if err != nil {
		b.t.Fatal(err)
	}
	scope, _ := mine["name"].(string)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.log != nil {
		b.log.told = at
		return at
	}
	if _, known := b.states[at]; !known {
		if others := b.others(); others != b.before {
			b.before, b.right = others, at
		}
		b.states[at] = state{items, scope, len(b.states), b.right}
	}
	return at
}

// others are the rows of other, as text.
func (b *board) others() string {
	rows, err := b.db.Read(context.Background(), "other")
	if err != nil {
		b.t.Fatal(err)
	}
	return fmt.Sprint(rows)
}

// listing is what the URL of a list asks for.
type listing struct {
	b             *board
	min, max      int64
	offset, limit int
}

func (b *board) listing(u *url.URL) listing {
	number := func(name string, missing int64) int64 {
		if n, err := strconv.ParseInt(u.Query().Get(name), 10, 64); err == nil {
			return n
		}
		return missing
	}
	return listing{b: b, min: number("min", 0), max: number("max", 1<<40), offset: int(number("offset", 0)), limit: int(number("limit", 0))}
}

// matching are the rows that the list is a part of, in its order.
func (q listing) matching(items []memsource.Row) [][]any {
	var rows [][]any
	for _, item := range items {
		if score := item["score"].(int64); q.min <= score && score <= q.max {
			rows = append(rows, []any{item["id"], item["name"], score})
		}
	}
	slices.SortFunc(rows, func(a, b []any) int {
		return cmp.Or(cmp.Compare(b[2].(int64), a[2].(int64)), cmp.Compare(a[0].(int64), b[0].(int64)))
	})
	return rows
}

func (q listing) window(rows [][]any) [][]any {
	rows = rows[min(q.offset, len(rows)):]
	if q.limit > 0 {
		rows = rows[:min(q.limit, len(rows))]
	}
	return rows
}

func itemOf(row []any, _ [][][]any) (diff.Item, error) {
	data, err := json.Marshal(map[string]any{"id": row[0], "name": row[1], "score": row[2]})
	return diff.Item{Key: fmt.Sprint(row[0]), Data: data}, err
}

// answer is the whole answer to the query.
func (q listing) answer(items []memsource.Row) []byte {
	rows := q.matching(items)
	text := fmt.Appendf(nil, `{"count":%d,"results":[`, len(rows))
	for i, row := range q.window(rows) {
		item, _ := itemOf(row, nil)
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, item.Data...)
	}
	return append(text, "]}"...)
}

func (q listing) plan() *ivm.Plan {
	return &ivm.Plan{
		Reader: q.b, Shape: "top", Query: q, Table: "item", Columns: []string{"id", "name", "score"}, Key: []int{0},
		Match: func(row []any) ivm.Truth {
			if score, ok := row[2].(int64); !ok {
				return ivm.Ask
			} else if q.min <= score && score <= q.max {
				return ivm.True
			}
			return ivm.False
		},
		Order: []ivm.Term{
			{Column: 2, Desc: true, As: predicate.Column{Name: "score", Kind: predicate.Number, Collation: predicate.Binary}},
			{Column: 0, As: predicate.Column{Name: "id", Kind: predicate.Number, Collation: predicate.Binary}},
		},
		Offset: q.offset, Limit: q.limit, Counted: true, Item: itemOf,
		Meta: func(s ivm.State) []byte { return fmt.Appendf(nil, `{"count":%d}`, s.Total) },
	}
}

// rows are what is read for the query: the window, and a little more.
func (q listing) rows(items []memsource.Row) *ivm.Rows {
	all := q.matching(items)
	from, to := 0, len(all)
	if q.limit > 0 {
		from = min(max(q.offset-4, 0), len(all))
		to = min(q.offset+q.limit+4, len(all))
	}
	rows := &ivm.Rows{Before: from, Total: len(all), More: to < len(all)}
	for _, row := range all[from:max(from, to)] {
		rows.List = append(rows.List, ivm.Row{Values: row})
	}
	return rows
}

// Read implements ivm.Reader.
func (b *board) Read(ctx context.Context, plans []*ivm.Plan) ([]*ivm.Rows, error) {
	b.reads.Add(1)
	b.plans.Add(int64(len(plans)))
	b.dally(ctx, &b.lag)
	if b.stale.Load() {
		return nil, ivm.ErrStale
	}
	if b.broken.Add(-1) >= 0 {
		return nil, errors.New("no reads today")
	}
	items, err := b.db.Read(ctx, "item")
	if err != nil {
		return nil, err
	}
	rows := make([]*ivm.Rows, len(plans))
	for i, plan := range plans {
		rows[i] = plan.Query.(listing).rows(items)
	}
	return rows, nil
}

// dally takes a time that is different each time.
func (b *board) dally(ctx context.Context, most *atomic.Int64) {
	if ms := most.Load(); ms > 0 {
		select {
		case <-time.After(time.Duration(b.ran.Load()*37%ms+1) * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func (b *board) route(path string) {
	b.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		b.ran.Add(1)
		mine, err := b.db.Get(r.Context(), "other", int64(1))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		scope, _ := mine["name"].(string)
		if scope == "no" {
			http.Error(w, "not yours", http.StatusForbidden)
			return
		}
		m := mark.From(r.Context())
		m.Set(&mark.View{Name: path, Key: []string{"id"}, Headers: []string{}, Scope: scope})
		b.dally(r.Context(), &b.slow)
		ctx, reads := readset.Apart(r.Context())
		items, err := b.db.Read(ctx, "item")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		q := b.listing(r.URL)
		body := q.answer(items)
		plan := q.plan()
		switch path {
		case "/wrapped":
			body = bytes.ReplaceAll(body, []byte(`"name":"`), []byte(`"name":"wrapped `))
		case "/lying":
			match := plan.Match
			plan.Match = func(row []any) ivm.Truth {
				if b.panics.Load() {
					panic("no match today")
				}
				if row[0] == int64(7) && b.lies.Load() {
					return ivm.False
				}
				return match(row)
			}
		}
		m.Keep(&mark.Kept{Plan: plan, Rows: q.rows(items), Reads: reads})
		_, _ = w.Write(body)
	})
}

// top observes a list of the board.
func (b *board) top(url string) { b.ask(url, func(m *bus.Observe) { m.Scope = "all" }) }

// want is what an observer has to be in a state.
func (b *board) want(observer string, s state) string {
	u, err := url.Parse(observer[len("o:"):])
	if err != nil {
		b.t.Fatal(err)
	}
	if u.Path == "/items" || u.Path == "/held" {
		text := []byte(`{"results":[`)
		for i, item := range s.items {
			if i > 0 {
				text = append(text, ',')
			}
			data, _ := json.Marshal(item)
			text = append(text, data...)
		}
		return string(text) + "]}"
	}
	q := b.listing(u)
	text := string(q.answer(s.items))
	if u.Path == "/wrapped" {
		text = string(bytes.ReplaceAll([]byte(text), []byte(`"name":"`), []byte(`"name":"wrapped `)))
	}
	return text
}

// hear notes what a gateway holds after a message.
func (b *board) hear(body bus.Body) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch m := body.(type) {
	case *bus.Observed:
		if m.Snapshot != nil {
			b.metas[m.Snapshot.Observer] = string(m.Snapshot.Meta)
			b.last[m.Snapshot.Observer] = shown{since: m.Snapshot.Position}
			b.note(m.Snapshot.Position, nil, m.Snapshot.Observer)
			b.log.answered(b.t, m.ID, m.Snapshot)
		}
	case *bus.Round:
		for _, d := range m.Doubted {
			id := d.Observer
			b.doubts[id]++
			b.last[id] = shown{since: b.last[id].since, doubted: b.db.Position()}
		}
		for _, c := range m.Changes {
			if c.MetaChanged {
				b.metas[c.Observer] = string(c.Meta)
			}
			one := b.last[c.Observer]
			one.lists, one.at = map[string]string{c.Observer: b.text(c.Observer, c.List)}, c.Position
			b.shown = append(b.shown, one)
		}
		for _, c := range m.Closed {
			delete(b.lists, c.Observer)
		}
		if m.Progress != nil && m.Progress.Whole {
			b.note(m.Progress.Position, m.Progress.Behind)
		}
	}
}

// note notes the lists of some observers, of all but those that are behind
// where none is named.
func (b *board) note(at change.Position, behind []string, observers ...string) {
	one := shown{lists: map[string]string{}, at: at, all: len(observers) == 0}
	for id, items := range b.lists {
		list := diff.NewList(items)
		if len(observers) > 0 && !slices.Contains(observers, id) || slices.Contains(behind, id) {
			continue
		}
		one.lists[id] = b.text(id, list)
	}
	b.shown = append(b.shown, one)
}

func (b *board) textOf(id string, items []diff.Item) string { return b.text(id, diff.NewList(items)) }

func (b *board) text(id string, list *diff.List) string {
	var text []byte
	for i, item := range list.All() {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, item.Data...)
	}
	meta := "{"
	if b.metas[id] != "" {
		meta = b.metas[id][:len(b.metas[id])-1] + ","
	}
	return meta + `"results":[` + string(text) + "]}"
}

// check holds all that was shown against the states of the database.
func (b *board) check() error {
	if b.log != nil {
		return nil // what was shown may be ahead of the log: it is looked at in the end
	}
	return b.judge()
}

func (b *board) judge() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, one := range b.shown {
		states := b.log.states(&one)
		if b.log == nil {
			s, ok := b.states[one.at]
			if !ok {
				continue // the beginning, before anything was written
			}
			states = []state{s}
		}
		for id, have := range one.lists {
			free := id == "o:/items" || id == "o:/held"
			i := slices.IndexFunc(states, func(s state) bool { return (free || s.scope == "all") && b.want(id, s) == have })
			if i < 0 {
				i = slices.IndexFunc(states, func(s state) bool { return b.want(id, s) == have })
			}
			if i < 0 {
				s := states[0]
				return fmt.Errorf("%s at %s (%d, all lists: %t, %d states) is\n\t%s, want\n\t%s", id, one.at, s.at, one.all, len(states), have, b.want(id, s))
			}
			s := states[i]
			if free {
				continue
			}
			if s.scope != "all" {
				return fmt.Errorf("%s at %s shows what its scope is not any more: %s", id, one.at, s.scope)
			}
			if one.since != "" && s.right > one.since && s.right > one.doubted {
				return fmt.Errorf("%s at %s: of the rights that changed at %s nobody was told (doubted last at %q)", id, one.at, s.right, one.doubted)
			}
			b.checked++
		}
		if one.all {
			b.whole++
		}
	}
	b.shown = nil
	return nil
}
