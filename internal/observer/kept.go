package observer

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime/debug"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/wire"
)

// keep looks whether the list can be kept by the plan that its route gave: what
// the plan makes of the rows has to be the view's answer to the byte. Something
// on the way may have altered that; the list is then kept by evaluations.
func (v *Verdict) keep(o *Outcome) {
	if o.Kept == nil || v.List == nil {
		return
	}
	defer func() {
		if panicked := recover(); panicked != nil {
			v.Kept, v.Unkept, v.Fault = nil, "its plan panicked", fmt.Sprintf("%v\n%s", panicked, debug.Stack())
		}
	}()
	k := o.Kept
	if k.Plan == nil || k.Plan.Reader == nil || k.Plan.Item == nil || k.Rows == nil || k.Reads == nil {
		v.Unkept = "the route gave no whole plan"
		return
	}
	if !reflect.TypeOf(k.Plan.Reader).Comparable() {
		v.Unkept = "its reader does not compare with others: it has to be a pointer"
		return
	}
	result, err := ivm.New(k.Plan, k.Rows)
	if err != nil {
		v.Unkept, v.Fault = "its plan makes no list of its rows", err.Error()
		return
	}
	items := result.Items()
	if v.Unkept = v.List.Differs(items, result.Meta()); v.Unkept == "" {
		v.Kept, v.List.Items = result, items
	}
}

// Differs says how what a plan gave is not the list, "" where it is.
func (l *List) Differs(items *diff.List, meta []byte) string {
	switch {
	case l.numbered:
		return "the answer is an object without a key of its own"
	case l.Items.Len() != items.Len():
		return fmt.Sprintf("the answer has %d items, the plan gives %d", l.Items.Len(), items.Len())
	case !bytes.Equal(l.Meta, meta):
		return "the answer has something else beside its items than the plan gives"
	}
	for i, have := range l.Items.All() {
		if gives := items.At(i); have.Key != gives.Key || !bytes.Equal(have.Data, gives.Data) {
			return fmt.Sprintf("item %d of the answer is not what the plan gives", i)
		}
	}
	return ""
}

// sets are all that an evaluation has noted what it read in.
func (o *Outcome) sets() []*readset.Set {
	if o.Kept == nil || o.Kept.Reads == nil {
		return []*readset.Set{o.Reads}
	}
	return []*readset.Set{o.Reads, o.Kept.Reads}
}

// readNothing reports whether nothing was noted in any of them.
func (o *Outcome) readNothing() bool {
	for _, set := range o.sets() {
		if !set.Empty() {
			return false
		}
	}
	return true
}

// Step takes a list that was made without the view and the ops that lead to it,
// and returns the diff to send: nil where the list is as it was. An error says
// that the view would not be let have that list: nothing is altered then.
func (o *Observer) Step(items *diff.List, meta []byte, ops []diff.Op, at change.Position) (*wire.Changes, error) {
	list := &List{Items: items, Meta: meta, KeyType: o.list.KeyType, single: o.list.single}
	for i := range ops {
		if ops[i].Kind != diff.Added {
			continue
		}
		var err error
		if list.KeyType, err = typeWith(list.KeyType, ops[i].Data, o.View.Key); err != nil {
			return nil, err
		}
	}
	return o.Advance(list, ops, at), nil
}

// typeWith is the type of the keys of a list once an item is in it.
func typeWith(have wire.KeyType, item []byte, key []string) (wire.KeyType, error) {
	if len(key) > 1 {
		return wire.KeyString, nil
	}
	p := &parser{body: item, key: key, list: &List{KeyType: have}}
	if _, err := p.item(newDecoder(item), 0); err != nil {
		return have, err
	}
	return p.list.KeyType, nil
}
