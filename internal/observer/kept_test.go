package observer

import (
	"testing"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/wire"
)

// TestStepKeyTypes: a step heeds the type of keys as an answer of the view
// would: that of the first items is found, and it never changes between string
// and number.
func TestStepKeyTypes(t *testing.T) {
	o := New("o", "", &bus.Request{}, 10, 1<<20, nil)
	o.Begin(&mark.View{Key: []string{"id"}}, &List{Items: diff.NewList(nil), Meta: []byte(`{"count":0}`)}, "")
	add := func(items *diff.List, key, data string) (*diff.List, []diff.Op) {
		item := diff.Item{Key: key, Data: []byte(data)}
		return items.Insert(items.Len(), item), []diff.Op{{Kind: diff.Added, Key: key, At: items.Len(), Data: item.Data}}
	}
	items := o.List().Items
	for i, tt := range []struct {
		key, data string
		want      wire.KeyType // KeyNone: refused
	}{
		{"7", `{"id":7}`, wire.KeyInteger},
		{"9007199254740993", `{"id":9007199254740993}`, wire.KeyNumber},
		{"x", `{"id":"x"}`, wire.KeyNone},
		{"8", `{"name":"without"}`, wire.KeyNone},
		{"9", `{"id":9}`, wire.KeyNumber},
	} {
		next, ops := add(items, tt.key, tt.data)
		at := change.NewPosition("testtest", uint64(i+1))
		seq := o.Seq
		c, err := o.Step(next, []byte(`{"count":1}`), ops, at)
		if tt.want == wire.KeyNone {
			if err == nil || o.Seq != seq || o.List().Items != items {
				t.Errorf("%s: error %v, seq %d after %d", tt.data, err, o.Seq, seq)
			}
			continue
		}
		if err != nil || c == nil || c.KeyType != tt.want || c.Position != at || o.List().Items.Len() != next.Len() {
			t.Fatalf("%s: got %+v, %v", tt.data, c, err)
		}
		items = o.List().Items
	}
}
