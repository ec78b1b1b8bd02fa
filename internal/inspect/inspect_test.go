package inspect

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/change"
)

// TestQuantiles are bounds below which that part lies.
func TestQuantiles(t *testing.T) {
	var h Histogram
	if _, ok := h.Buckets().Quantile(0.5); ok {
		t.Error("nothing has a quantile")
	}
	for range 90 {
		h.Observe(time.Millisecond)
	}
	before := h.Buckets()
	for range 9 {
		h.Observe(time.Millisecond + 1)
	}
	h.Observe(time.Minute)
	b := h.Buckets()
	for q, want := range map[float64]time.Duration{0.01: time.Millisecond, 0.9: time.Millisecond, 0.91: 2 * time.Millisecond, 0.99: 2 * time.Millisecond} {
		if got, ok := b.Quantile(q); !ok || got != want {
			t.Errorf("%v: %v, want %v", q, got, want)
		}
	}
	if got, ok := b.Quantile(1); ok {
		t.Errorf("the largest lies above all bounds, not below %v", got)
	}
	if since := b.Since(before); since.Count() != 10 || since.Plus(before) != b {
		t.Errorf("since then %v", since)
	}
}

// TestMarks: equal for what is equal and of one kind, others for other servers,
// and a bounded number of them, with no value in them.
func TestMarks(t *testing.T) {
	m, other := NewMarks(), NewMarks()
	first, again := m.Of("a", "x"), m.Of("a", "x")
	if first != again || m.Of("a", "x") == m.Of("b", "x") || m.Of("a", "bx") == m.Of("ab", "x") || m.Of("a", "x") == other.Of("a", "x") || m.Of("a", "") != "" {
		t.Error("marks are not what they should be")
	}
	set := &change.Changeset{}
	for i := range 1000 {
		set.Changes = append(set.Changes, change.Change{
			Table: fmt.Sprint("t", i%40), Kind: change.Update, Columns: []string{"name", "id"},
			Old: []any{"canary", int64(i)}, New: []any{"canary", int64(i)},
		})
	}
	set.Changes = append(set.Changes, change.Change{Table: "t0", Kind: change.Delete, Columns: []string{"name", "id"}},
		change.Change{Table: "t1", Kind: change.Everything})
	tables, more := m.Tables(set)
	if len(tables) != maxTables || more != 40-maxTables || tables[0].Updated != 25 || tables[0].Deleted != 1 || len(tables[0].Rows) != maxRows || !tables[1].Everything {
		t.Errorf("%+v and %d more", tables, more)
	}
	if strings.Contains(fmt.Sprint(tables), "canary") {
		t.Errorf("a value is shown: %v", tables)
	}
	row := set.Changes[0]
	row.Old = nil
	if mark := m.row(&row); mark != tables[0].Rows[0] {
		t.Errorf("the same row is %s and %s", mark, tables[0].Rows[0])
	}
}
