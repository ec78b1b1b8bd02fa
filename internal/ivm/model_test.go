package ivm_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/predicate"
)

// model is a table of small integers in memory, and what a plan makes of it by
// sorting and cutting.
type model struct {
	random *rand.Rand
	rows   map[int64][]any // id → id, a, b
	masked bool            // of rows before a change the key alone is told
	plan   *ivm.Plan
}

var modelColumns = []string{"id", "a", "b"}

func plain(name string) predicate.Column {
	return predicate.Column{Name: name, Kind: predicate.Plain, Collation: predicate.Binary}
}

func newModel(seed uint64) *model {
	m := &model{random: rand.New(rand.NewPCG(seed, 7)), rows: map[int64][]any{}, masked: seed%2 == 1}
	n := m.random.IntN
	m.plan = &ivm.Plan{Table: "t", Columns: modelColumns, Key: []int{0}, Counted: n(2) == 0}
	for _, column := range [][]int{{}, {1}, {1, 2}}[n(3)] {
		m.plan.Order = append(m.plan.Order, ivm.Term{Column: column, Desc: n(2) == 0, NullsLast: n(2) == 0, As: plain(modelColumns[column])})
	}
	m.plan.Order = append(m.plan.Order, ivm.Term{Column: 0, Desc: n(2) == 0, As: plain("id")})
	if n(3) > 0 {
		m.plan.Limit = 1 + n(6)
		m.plan.Offset = n(3) * n(8)
	}
	m.plan.Item = func(row []any, _ [][][]any) (diff.Item, error) {
		return diff.Item{Key: fmt.Sprint(row[0]), Data: fmt.Appendf(nil, `{"id":%v,"a":%v,"b":%v}`, row...)}, nil
	}
	if n(2) == 0 {
		m.plan.Meta = func(s ivm.State) []byte { return fmt.Appendf(nil, "%+v", s) }
	}
	if n(2) == 0 {
		m.plan.Match = func(row []any) ivm.Truth {
			switch {
			case row[1] == change.Unknown:
				return ivm.Ask
			case row[1] == nil:
				return ivm.Null
			case row[1].(int64)%2 == 0:
				return ivm.True
			}
			return ivm.False
		}
	}
	return m
}

// result is the whole of it, in order.
func (m *model) result() [][]any {
	var rows [][]any
	for _, row := range m.rows {
		if m.plan.Match == nil || m.plan.Match(row) == ivm.True {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b []any) int { return compareRows(m.plan.Order, a, b) })
	return rows
}

func compareRows(order []ivm.Term, a, b []any) int {
	for _, t := range order {
		x, y := a[t.Column], b[t.Column]
		if (x == nil) != (y == nil) {
			if (x == nil) == t.NullsLast {
				return 1
			}
			return -1
		}
		sign, known := predicate.Compare(x, y, t.As)
		if !known {
			panic(fmt.Sprint(x, " and ", y))
		}
		if t.Desc {
			sign = -sign
		}
		if sign != 0 {
			return sign
		}
	}
	return 0
}

// read is what a Reader would return.
func (m *model) read() *ivm.Rows {
	return cut(m.plan, m.result(), m.random.IntN(4))
}

func cut(p *ivm.Plan, all [][]any, reserve int) *ivm.Rows {
	from, to := max(0, p.Offset-reserve), len(all)
	if p.Limit > 0 {
		to = min(len(all), p.Offset+p.Limit+reserve)
	}
	rows := &ivm.Rows{Before: from, More: to < len(all)}
	if p.Counted {
		rows.Total = len(all)
	}
	for _, row := range all[min(from, to):to] {
		rows.List = append(rows.List, ivm.Row{Values: row})
	}
	return rows
}

// items and meta are what a page of the result shows.
func (m *model) items(t *testing.T) (items []diff.Item, meta []byte) {
	all := m.result()
	page := all[min(m.plan.Offset, len(all)):]
	if m.plan.Limit > 0 {
		page = page[:min(m.plan.Limit, len(page))]
	}
	for _, row := range page {
		item, err := m.plan.Item(row, nil)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item)
	}
	if m.plan.Meta != nil {
		state := ivm.State{More: m.plan.Offset+len(page) < len(all) && m.plan.Offset < len(all)}
		if m.plan.Counted {
			state.Total = len(all)
		}
		if len(page) > 0 {
			state.First, state.Last = page[0], page[len(page)-1]
		}
		meta = m.plan.Meta(state)
	}
	return items, meta
}

// write alters a row, and says so.
func (m *model) write() change.Change {
	n := m.random.IntN
	value := func() any {
		if n(6) == 0 {
			return nil
		}
		return int64(n(6))
	}
	id := int64(n(24))
	row := []any{id, value(), value()}
	c := change.Change{Table: "t", Columns: modelColumns}
	old, there := m.rows[id]
	if !there {
		m.rows[id] = row
		c.Kind, c.New = change.Insert, row
		return c
	}
	if c.Old = old; m.masked {
		c.Old = []any{old[0], change.Unknown, change.Unknown}
	}
	if n(3) == 0 {
		delete(m.rows, id)
		c.Kind = change.Delete
		return c
	}
	c.Kind, c.New = change.Update, row
	if moved := int64(n(24)); n(4) == 0 && m.rows[moved] == nil {
		delete(m.rows, id)
		row[0], id = moved, moved
	}
	m.rows[id] = row
	return c
}

// TestModel is the law without a database: the stepped list is the list that
// sorting gives, and the ops lead there.
func TestModel(t *testing.T) {
	steps, reads := 0, 0
	for seed := range uint64(many(2000)) {
		m := newModel(seed)
		for range m.random.IntN(20) {
			m.write()
		}
		r, err := ivm.New(m.plan, m.read())
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for step := range 20 {
			set := &change.Changeset{}
			var hits []int
			for i := range 1 + m.random.IntN(1+m.random.IntN(12)) {
				set.Changes, hits = append(set.Changes, m.write()), append(hits, i)
			}
			before, meta := r.Items().Slice(), r.Meta()
			v := r.Step(set, hits)
			if steps++; v.Read != "" {
				reads++
				if v, err = r.Load(m.read()); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
			items, page := m.items(t)
			what := fmt.Sprintf("seed %d step %d, offset %d limit %d, %+v", seed, step, m.plan.Offset, m.plan.Limit, set.Changes)
			if wrong := wrongOps(before, items, v.Ops, len(set.Changes) == 1); wrong != "" {
				t.Fatalf("%s: %s", what, wrong)
			}
			if !slices.EqualFunc(r.Items().Slice(), items, sameItem) {
				t.Fatalf("%s:\ngot  %s\nwant %s\nhad  %s", what, show(r.Items().Slice()), show(items), show(before))
			}
			if !bytes.Equal(r.Meta(), page) || v.Meta == bytes.Equal(meta, page) {
				t.Fatalf("%s: meta is %s, want %s, was %s, and said to be another: %t", what, r.Meta(), page, meta, v.Meta)
			}
		}
	}
	t.Logf("%d steps, %d reads", steps, reads)
}

func sameItem(a, b diff.Item) bool { return a.Key == b.Key && bytes.Equal(a.Data, b.Data) }

func show(items []diff.Item) string {
	var b bytes.Buffer
	for _, item := range items {
		fmt.Fprintf(&b, "%s ", item.Data)
	}
	return b.String()
}

// wrongOps says what is wrong with ops that lead from one list to the other:
// each is valid where it stands, and names what it must and no more.
func wrongOps(before, after []diff.Item, ops []diff.Op, single bool) string {
	if len(ops)*(len(before)+len(after)) > 50_000 {
		if list, err := diff.Apply(before, ops); err != nil || !slices.EqualFunc(list, after, sameItem) {
			return fmt.Sprintf("%d ops do not lead to the list: %v", len(ops), err)
		}
		return ""
	}
	list := before
	removing := true
	named := map[string]bool{}
	for i, op := range ops {
		at := slices.IndexFunc(list, func(item diff.Item) bool { return item.Key == op.Key })
		switch {
		case named[op.Key]:
			return fmt.Sprintf("op %d names %s again", i, op.Key)
		case op.Kind == diff.Removed && !removing:
			return fmt.Sprintf("op %d removes after others", i)
		case op.Kind == diff.Changed && op.Moved != (at != op.At):
			return fmt.Sprintf("op %d says moved %t of what is at %d, to %d", i, op.Moved, at, op.At)
		case op.Moved && op.From > 0 && op.From != at+1:
			return fmt.Sprintf("op %d moves from %d what is at %d", i, op.From-1, at)
		case op.Kind == diff.Changed && !op.Moved && bytes.Equal(op.Data, op.Old):
			return fmt.Sprintf("op %d changes nothing of %s", i, op.Key)
		case op.Kind != diff.Added && (at < 0 || !bytes.Equal(list[at].Data, op.Old)):
			return fmt.Sprintf("op %d has %s as the old item", i, op.Old)
		}
		named[op.Key] = true
		removing = op.Kind == diff.Removed
		var err error
		if list, err = diff.Apply(list, ops[i:i+1]); err != nil {
			return fmt.Sprintf("op %d: %v", i, err)
		}
	}
	if !slices.EqualFunc(list, after, sameItem) {
		return fmt.Sprintf("%+v\nlead to %s\nwant    %s\nfrom    %s", ops, show(list), show(after), show(before))
	}
	if least := diff.Between(before, after); single && len(ops) > len(least) {
		return fmt.Sprintf("%d ops where %d do", len(ops), len(least))
	}
	return ""
}
