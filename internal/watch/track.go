package watch

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/liveclient"
)

// state is what a list is at a moment.
type state = liveclient.State[json.RawMessage]

// itemsOf is a state's list for package diff.
func itemsOf(s state) []diff.Item {
	items := make([]diff.Item, len(s.Items))
	for i := range items {
		items[i] = diff.Item{Key: s.Keys[i], Data: s.Items[i]}
	}
	return items
}

// glow is how long a change is shown as one.
const glow = 1500 * time.Millisecond

// lit is a row that has changed.
type lit struct {
	mark  mark
	until time.Time
	at    int // where it stood, of a row that is gone
	data  json.RawMessage
}

// track follows what becomes of rows.
type track struct {
	began   bool
	items   []diff.Item
	lit     map[string]lit
	changes []time.Time // of the last rateSpan, the oldest first
}

const (
	rateSpan = 10 * time.Second
	maxRates = 100_000 // changes that are counted
)

// take notes a new state, and returns what turns the one before into it.
func (t *track) take(s state, now time.Time) []diff.Op {
	items := itemsOf(s)
	ops := diff.Between(t.items, items)
	if t.lit == nil {
		t.lit = map[string]lit{}
	}
	for _, op := range ops {
		if !t.began {
			break
		}
		made := lit{mark: changed, until: now.Add(glow)}
		switch op.Kind {
		case diff.Added:
			made.mark = added
		case diff.Removed:
			made.mark, made.data = removed, op.Old
			made.at = slices.IndexFunc(t.items, func(i diff.Item) bool { return i.Key == op.Key })
		}
		t.lit[op.Key] = made
		if len(t.changes) < maxRates {
			t.changes = append(t.changes, now)
		}
	}
	t.items, t.began = items, true
	return ops
}

// rows are the rows to show now, with those that have just gone.
func (t *track) rows(now time.Time) []row {
	rows := make([]row, 0, len(t.items)+len(t.lit))
	for _, i := range t.items {
		r := row{key: i.Key, data: i.Data}
		if l, ok := t.lit[i.Key]; ok && l.mark != removed && now.Before(l.until) {
			r.mark = l.mark
		}
		rows = append(rows, r)
	}
	var gone []row
	at := map[string]int{}
	for key, l := range t.lit {
		switch {
		case !now.Before(l.until):
			delete(t.lit, key)
		case l.mark == removed:
			gone = append(gone, row{key: key, data: l.data, mark: removed})
			at[key] = l.at
		}
	}
	slices.SortFunc(gone, func(a, b row) int { return at[a.key] - at[b.key] })
	for _, r := range gone {
		rows = slices.Insert(rows, min(at[r.key], len(rows)), r)
	}
	return rows
}

// rate is how many rows changed in a second, lately.
func (t *track) rate(now time.Time) float64 {
	from := now.Add(-rateSpan)
	t.changes = slices.DeleteFunc(t.changes, func(at time.Time) bool { return at.Before(from) })
	return float64(len(t.changes)) / rateSpan.Seconds()
}
