package follow

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/wakeful-dev/wakeful/change"
)

// List is what a client holds of one observer. Watch functions get it while
// the client is locked: they must not keep it, but may keep Items, which is
// never altered in place.
type List struct {
	URL        string // as it was asked for, without observe
	Observer   string
	PrimaryKey string
	Epoch      string
	Seq        uint64
	// Position of the newest snapshot, answer or changes.
	Position change.Position
	Items    []Item
	Meta     []byte // canonical, nil where there is none
	// ByHTTP: the state came with an HTTP answer, so frames already on their
	// way may be older.
	ByHTTP bool
	// Ended: the server has closed the observer; Why is its code and detail.
	Ended bool
	Why   string

	again    bool   // it is observed again
	unclear  bool   // version 1: perhaps it has not ended
	asked    int    // streams asked for when its GET was sent
	leaving  bool   // an unsubscribe is on its way: nobody vouches for the list
	answered bool   // its GET or subscribe, or else what comes is held
	sent     bool   // the socket has sent sentSeq
	sentSeq  uint64 // of the newest frame on this socket
	sentIn   string // and its epoch
}

// Sum is a hash of the list as it stands.
func (l *List) Sum() uint64 { return Sum(l.Items, l.Meta) }

// state is what a GET answer and a snapshot frame have in common.
type state struct {
	Observer   string            `json:"observer"`
	Epoch      string            `json:"epoch"`
	Seq        *uint64           `json:"seq"`
	Position   change.Position   `json:"position"`
	PrimaryKey string            `json:"primary_key"`
	Items      []json.RawMessage `json:"items"`
	Keys       []string          `json:"keys"`
	Meta       json.RawMessage   `json:"meta"`
}

// items checks a full list: every item has its key, none twice, and keys,
// where they are given, name the same.
func (s *state) items() ([]Item, error) {
	items := make([]Item, 0, len(s.Items))
	seen := make(map[string]bool, len(s.Items))
	for i, data := range s.Items {
		item, err := NewItem(data, s.PrimaryKey)
		if err != nil {
			return nil, err
		}
		if seen[item.Key] {
			return nil, fmt.Errorf("follow: key %s twice in one list", item.Key)
		}
		if s.Keys != nil && (len(s.Keys) != len(s.Items) || s.Keys[i] != item.KeyText()) {
			return nil, fmt.Errorf("follow: keys beside the items do not name them: %q", s.Keys)
		}
		seen[item.Key] = true
		items = append(items, item)
	}
	return items, nil
}

// replace makes the list what s says.
func (l *List) replace(s *state) error {
	items, err := s.items()
	if err != nil {
		return err
	}
	meta, err := canonicalMeta(s.Meta)
	if err != nil {
		return err
	}
	if s.Seq == nil || s.Epoch == "" || s.PrimaryKey == "" {
		return fmt.Errorf("follow: list of %s without epoch, seq or primary_key", l.URL)
	}
	l.Epoch, l.Seq, l.Position, l.PrimaryKey = s.Epoch, *s.Seq, s.Position, s.PrimaryKey
	l.Items, l.Meta, l.Ended = items, meta, false
	return nil
}

func canonicalMeta(meta json.RawMessage) ([]byte, error) {
	if len(meta) == 0 || string(meta) == "null" {
		return nil, nil
	}
	return Canonical(meta)
}

// op is one step of a changes frame.
type op struct {
	Op    string                     `json:"op"`
	Key   *string                    `json:"key"`
	Order *int                       `json:"order"`
	Item  json.RawMessage            `json:"item"`
	Set   map[string]json.RawMessage `json:"set"`
	Unset []string                   `json:"unset"`
	Meta  json.RawMessage            `json:"meta"`
}

// apply carries ops out in order; after an error the list is as before.
func (l *List) apply(ops []op) error {
	items, meta := slices.Clone(l.Items), l.Meta
	for i := range ops {
		var err error
		if ops[i].Op == "meta" {
			meta, err = canonicalMeta(ops[i].Meta)
		} else {
			items, err = step(items, &ops[i], l.PrimaryKey)
		}
		if err != nil {
			return fmt.Errorf("op %d of %d: %w", i, len(ops), err)
		}
	}
	l.Items, l.Meta = items, meta
	return nil
}

func step(items []Item, o *op, primaryKey string) ([]Item, error) {
	if o.Key == nil {
		return nil, fmt.Errorf("follow: op %q without key", o.Op)
	}
	at := indexOfKey(items, *o.Key)
	switch o.Op {
	case "added":
		if at >= 0 {
			return nil, fmt.Errorf("follow: added %q is in the list", *o.Key)
		}
		return insert(items, o, primaryKey)
	case "removed":
		if at < 0 {
			return nil, fmt.Errorf("follow: removed %q is not in the list", *o.Key)
		}
		return slices.Delete(items, at, at+1), nil
	case "changed":
		if at < 0 {
			return nil, fmt.Errorf("follow: changed %q is not in the list", *o.Key)
		}
		return alter(items, o, at, primaryKey)
	}
	return items, nil // unknown ops are for clients newer than this
}

func insert(items []Item, o *op, primaryKey string) ([]Item, error) {
	if o.Order == nil || *o.Order < 0 || *o.Order > len(items) {
		return nil, fmt.Errorf("follow: added %q has no place in a list of %d", *o.Key, len(items))
	}
	item, err := NewItem(o.Item, primaryKey)
	if err != nil {
		return nil, err
	}
	if item.KeyText() != *o.Key {
		return nil, fmt.Errorf("follow: added %q holds key %s", *o.Key, item.Key)
	}
	return slices.Insert(items, *o.Order, item), nil
}

func alter(items []Item, o *op, at int, primaryKey string) ([]Item, error) {
	item, err := o.changed(items[at], primaryKey)
	if err != nil {
		return nil, err
	}
	if item.Key != items[at].Key {
		return nil, fmt.Errorf("follow: changed %q turned key %s into %s", *o.Key, items[at].Key, item.Key)
	}
	if o.Order == nil {
		items[at] = item
		return items, nil
	}
	items = slices.Delete(items, at, at+1)
	if *o.Order < 0 || *o.Order > len(items) {
		return nil, fmt.Errorf("follow: changed %q has no place %d in a list of %d", *o.Key, *o.Order, len(items))
	}
	return slices.Insert(items, *o.Order, item), nil
}

func (o *op) changed(old Item, primaryKey string) (Item, error) {
	if o.Item != nil {
		return NewItem(o.Item, primaryKey)
	}
	if len(o.Set) == 0 && len(o.Unset) == 0 {
		return old, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(old.Data, &fields); err != nil {
		return Item{}, fmt.Errorf("follow: item %s: %w", old.Key, err)
	}
	for _, name := range o.Unset {
		delete(fields, name)
	}
	for name, value := range o.Set {
		fields[name] = value
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return Item{}, fmt.Errorf("follow: item %s: %w", old.Key, err)
	}
	return NewItem(data, primaryKey)
}
