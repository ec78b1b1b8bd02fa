package liveclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/wakeful-dev/wakeful/wire"
)

// item is one element of a list. It is never altered once made, so versions of
// a list share it.
type item struct {
	key     string
	data    json.RawMessage
	decoded atomic.Pointer[any] // data as the type that was asked for last
}

// errFit says that a frame cannot be of the list that is held.
var errFit = errors.New("liveclient: it does not fit the list")

// fullList reads a whole list: each item has its key, none twice.
func fullList(e *wire.Envelope) ([]*item, error) {
	if e.Keys != nil && len(e.Keys) != len(e.Items) {
		return nil, fmt.Errorf("%w: %d keys of %d items", errFit, len(e.Keys), len(e.Items))
	}
	items := make([]*item, len(e.Items))
	seen := make(map[string]struct{}, len(e.Items))
	for i, data := range e.Items {
		made := &item{data: data}
		if e.Keys != nil {
			made.key = e.Keys[i]
		} else {
			key, err := wire.ItemKey(data, e.PrimaryKey)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errFit, err)
			}
			made.key = key
		}
		if _, twice := seen[made.key]; twice {
			return nil, fmt.Errorf("%w: key %.100q twice", errFit, made.key)
		}
		seen[made.key] = struct{}{}
		items[i] = made
	}
	return items, nil
}

// edit carries out the ops of one diff, and returns the list and the object
// beside it as they are then. What is given is not altered.
func edit(before []*item, meta json.RawMessage, ops []wire.FrameOp) ([]*item, json.RawMessage, error) {
	after := make([]*item, len(before), len(before)+len(ops))
	copy(after, before)
	for i := range ops {
		op := &ops[i]
		if op.Op == "meta" {
			meta = objectOrNil(op.Meta)
			continue
		}
		var err error
		if after, err = step(after, op); err != nil {
			return nil, nil, fmt.Errorf("op %d of %d: %w", i+1, len(ops), err)
		}
	}
	return after, meta, nil
}

func step(list []*item, op *wire.FrameOp) ([]*item, error) {
	at := slices.IndexFunc(list, func(i *item) bool { return i.key == op.Key })
	if (at >= 0) == (op.Op == "added") {
		return nil, fmt.Errorf("%w: %s %.100q, in the list: %t", errFit, op.Op, op.Key, at >= 0)
	}
	switch op.Op {
	case "added":
		if op.Order == nil || *op.Order < 0 || *op.Order > len(list) || op.Item == nil {
			return nil, fmt.Errorf("%w: added %.100q has no item, or no place in a list of %d", errFit, op.Key, len(list))
		}
		return slices.Insert(list, *op.Order, &item{key: op.Key, data: op.Item}), nil
	case "removed":
		return slices.Delete(list, at, at+1), nil
	case "changed":
		return alter(list, at, op)
	}
	return nil, fmt.Errorf("%w: op %.40q is of a newer version", errFit, op.Op)
}

func alter(list []*item, at int, op *wire.FrameOp) ([]*item, error) {
	made := list[at]
	if op.Item != nil || len(op.Set) > 0 || len(op.Unset) > 0 {
		data, err := op.Changed(made.data)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errFit, err)
		}
		made = &item{key: op.Key, data: data}
	}
	if op.Order == nil {
		list[at] = made
		return list, nil
	}
	if *op.Order < 0 || *op.Order >= len(list) {
		return nil, fmt.Errorf("%w: changed %.100q has no place %d in a list of %d", errFit, op.Key, *op.Order, len(list))
	}
	return slices.Insert(slices.Delete(list, at, at+1), *op.Order, made), nil
}

func objectOrNil(meta json.RawMessage) json.RawMessage {
	if len(meta) == 0 || string(meta) == "null" {
		return nil
	}
	return meta
}

// decode returns an item as a T: what was decoded before where it is one.
func decode[T any](i *item) (value T, err error) {
	if had := i.decoded.Load(); had != nil {
		if value, ok := (*had).(T); ok {
			return value, nil
		}
	}
	if err := json.Unmarshal(i.data, &value); err != nil {
		return value, err
	}
	boxed := any(value)
	i.decoded.Store(&boxed)
	return value, nil
}
