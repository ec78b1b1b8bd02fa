package diff

import (
	"fmt"
	"slices"
)

// Apply runs a script on the list and returns the list after it, and the ops
// with the Old that they lack: those that came from another process lack all.
// The list and the ops given are not altered; each is returned where nothing
// is to be done to it.
//
// A few ops cost O(log n) each, if moved ones say From. An op whose index is
// out of bounds or not its key's is an error; that an added key is there
// already is not always noticed.
func (l *List) Apply(ops []Op) (*List, []Op, error) {
	if len(ops) == 0 {
		return l, ops, nil
	}
	if n := l.Len(); n <= shortest || len(ops) > n/perItem || !placed(ops) {
		return l.rebuild(ops)
	}
	e := editing{list: l, ops: ops}
	for i := range ops {
		if err := e.step(i); err != nil {
			return nil, nil, unfit(i, ops, err)
		}
	}
	return e.list, e.ops, nil
}

// perItem is how many items of a list are walked along in the time of one op
// in the tree, about.
const perItem = 32

// placed reports whether every op says where its item stands.
func placed(ops []Op) bool {
	return !slices.ContainsFunc(ops, func(op Op) bool { return op.Moved && op.From == 0 })
}

// rebuild is Apply in one slice.
func (l *List) rebuild(ops []Op) (*List, []Op, error) {
	before := l.Slice()
	ops, err := fill(before, ops)
	if err != nil {
		return nil, nil, err
	}
	after, err := Apply(before, ops)
	if err != nil {
		return nil, nil, err
	}
	return NewList(after), ops, nil
}

// editing is the way from one list to the next.
type editing struct {
	list *List
	ops  []Op
	own  bool // ops are a copy
}

func (e *editing) step(i int) error {
	op := &e.ops[i]
	if op.Kind == Added {
		if op.At < 0 || op.At > e.list.Len() {
			return fmt.Errorf("added %.100q at %d of %d", op.Key, op.At, e.list.Len())
		}
		e.list = e.list.Insert(op.At, Item{op.Key, op.Data})
		return nil
	}
	if op.Kind != Changed && op.Kind != Removed {
		return fmt.Errorf("kind %d is unknown", op.Kind)
	}
	from := op.At
	if op.Moved && op.Kind == Changed {
		from = op.From - 1
	}
	if n := e.list.Len(); op.At < 0 || op.At >= n || from < 0 || from >= n {
		return fmt.Errorf("%.100q at %d of %d", op.Key, op.At, n)
	}
	old := e.list.At(from)
	if old.Key != op.Key {
		return fmt.Errorf("%.100q is not there", op.Key)
	}
	if op.Old == nil {
		e.fill(i, old.Data)
	}
	if op.Kind == Removed {
		e.list = e.list.Remove(from)
	} else {
		e.list = e.list.Move(from, op.At, Item{op.Key, op.Data})
	}
	return nil
}

func (e *editing) fill(i int, old []byte) {
	if !e.own {
		e.ops, e.own = slices.Clone(e.ops), true
	}
	e.ops[i].Old = old
}
