package diff

import (
	"fmt"
	"slices"
)

// Apply runs a script on a list and returns the list after it. The list itself
// is not altered; it is returned where there are no ops. An op that does not
// fit the list as it then stands (no such key, a key that is there already, an
// index out of bounds or not the item's) is an error, and the script was made
// for another list.
func Apply(list []Item, ops []Op) ([]Item, error) {
	if len(ops) == 0 {
		return list, nil
	}
	if len(ops) >= many {
		if out, ok := merge(list, ops); ok {
			return out, nil
		}
	}
	return stepwise(list, ops)
}

// many is the number of ops from which a walk along the whole list costs less
// than a search for each.
const many = 16

func stepwise(list []Item, ops []Op) ([]Item, error) {
	out := make([]Item, len(list), len(list)+len(ops))
	copy(out, list)
	for i := range ops {
		var err error
		if out, err = step(out, &ops[i]); err != nil {
			return nil, unfit(i, ops, err)
		}
	}
	return out, nil
}

func unfit(i int, ops []Op, err error) error {
	return fmt.Errorf("diff: op %d of %d does not fit: %w", i+1, len(ops), err)
}

func step(list []Item, op *Op) ([]Item, error) {
	switch op.Kind {
	case Added:
		if find(list, op.Key) >= 0 {
			return nil, fmt.Errorf("added %.100q is there already", op.Key)
		}
		if op.At < 0 || op.At > len(list) {
			return nil, fmt.Errorf("added %.100q at %d of %d", op.Key, op.At, len(list))
		}
		return slices.Insert(list, op.At, Item{op.Key, op.Data}), nil
	case Changed, Removed:
		if op.At < 0 || op.At >= len(list) {
			return nil, fmt.Errorf("%.100q at %d of %d", op.Key, op.At, len(list))
		}
		from := op.At
		if op.Moved {
			from = find(list, op.Key)
		}
		if from < 0 || list[from].Key != op.Key {
			return nil, fmt.Errorf("%.100q is not there", op.Key)
		}
		if op.Kind == Removed {
			return slices.Delete(list, from, from+1), nil
		}
		move(list, from, op.At)
		list[op.At].Data = op.Data
		return list, nil
	}
	return nil, fmt.Errorf("kind %d is unknown", op.Kind)
}

func find(list []Item, key string) int {
	return slices.IndexFunc(list, func(item Item) bool { return item.Key == key })
}

// move takes out the item at from and inserts it at to.
func move(list []Item, from, to int) {
	item := list[from]
	if from < to {
		copy(list[from:to], list[from+1:to+1])
	} else {
		copy(list[to+1:from+1], list[to:from])
	}
	list[to] = item
}

// fill returns the ops with Old as list has it, which is the list before the
// first of them. Ops that came from another process lack it. The ops given are
// not altered; they are returned where none lacks Old. A key that the list
// does not have is an error.
func fill(list []Item, ops []Op) ([]Op, error) {
	lacking := map[string]int{}
	for i := range ops {
		if ops[i].Kind != Added && ops[i].Old == nil {
			lacking[ops[i].Key] = i
		}
	}
	if len(lacking) == 0 {
		return ops, nil
	}
	ops = slices.Clone(ops)
	for i := range list {
		if at, ok := lacking[list[i].Key]; ok {
			ops[at].Old = list[i].Data
			delete(lacking, list[i].Key)
		}
	}
	for key := range lacking {
		return nil, fmt.Errorf("diff: %.100q has no old item", key)
	}
	return ops, nil
}
