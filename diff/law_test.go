package diff

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// client is what a client of version 1 of the protocol does with a message,
// written down apart from Apply so that the two can disagree.
type client struct {
	keys []string
	data map[string]string
}

func newClient(list []Item) *client {
	c := &client{data: map[string]string{}}
	for _, item := range list {
		c.keys = append(c.keys, item.Key)
		c.data[item.Key] = string(item.Data)
	}
	return c
}

func (c *client) insert(key string, order int) {
	order = min(order, len(c.keys))
	c.keys = append(c.keys[:order:order], append([]string{key}, c.keys[order:]...)...)
}

func (c *client) take(at int) {
	c.keys = append(c.keys[:at:at], c.keys[at+1:]...)
}

func (c *client) receive(op Op) {
	at := slices.Index(c.keys, op.Key)
	switch op.Kind {
	case Added:
		c.insert(op.Key, op.At)
		c.data[op.Key] = string(op.Data)
	case Removed:
		if at >= 0 {
			c.take(at)
		}
	case Changed:
		if at < 0 {
			return
		}
		if at != op.At {
			c.take(at)
			c.insert(op.Key, op.At)
		}
		c.data[op.Key] = string(op.Data)
	}
}

func (c *client) list() []Item {
	var list []Item
	for _, key := range c.keys {
		list = append(list, Item{key, []byte(c.data[key])})
	}
	return list
}

func equal(a, b []Item) bool {
	return slices.EqualFunc(a, b, func(x, y Item) bool {
		return x.Key == y.Key && bytes.Equal(x.Data, y.Data)
	})
}

// checkScript checks all that Between promises about its ops.
func checkScript(t *testing.T, old, new []Item, ops []Op) {
	t.Helper()
	if err := wrong(old, new, ops); err != nil {
		t.Fatalf("Between(%s, %s) = %s: %v", show(old), show(new), text(ops), err)
	}
}

func show(list []Item) string {
	var b bytes.Buffer
	for _, item := range list {
		fmt.Fprintf(&b, "%s%s ", item.Key, item.Data)
	}
	return "[" + string(bytes.TrimSpace(b.Bytes())) + "]"
}

func wrong(old, new []Item, ops []Op) error {
	c := newClient(old)
	for i, op := range ops {
		at := slices.Index(c.keys, op.Key)
		switch {
		case op.Kind == Added && (at >= 0 || op.At > len(c.keys)):
			return fmt.Errorf("op %d adds a key that is there, or beyond the end", i)
		case op.Kind == Removed && at != op.At:
			return fmt.Errorf("op %d removes at %d what is at %d", i, op.At, at)
		case op.Kind == Changed && (at < 0 || op.Moved != (at != op.At)):
			return fmt.Errorf("op %d says moved %t of an item at %d", i, op.Moved, at)
		case op.Kind != Added && string(op.Old) != c.data[op.Key]:
			return fmt.Errorf("op %d has the old item %q", i, op.Old)
		}
		c.receive(op)
	}
	if got := c.list(); !equal(got, new) {
		return fmt.Errorf("a client of version 1 ends with %s", show(got))
	}
	stepped, err := stepwise(old, ops)
	if err != nil {
		return err
	}
	merged, ok := merge(old, ops)
	if !ok || !equal(stepped, new) || !equal(merged, new) {
		return fmt.Errorf("step by step ends with %s, in one walk with %s (%t)", show(stepped), show(merged), ok)
	}
	return wrongShape(old, new, ops)
}

// wrongShape checks order and number of the ops, and that they name no more
// than they must.
func wrongShape(old, new []Item, ops []Op) error {
	oldPlace, newPlace := places(old), places(new)
	last, named := -1, map[string]Op{}
	for i, op := range ops {
		if _, twice := named[op.Key]; twice {
			return fmt.Errorf("op %d names %s again", i, op.Key)
		}
		named[op.Key] = op
		place, ok := newPlace[op.Key]
		if ok == (op.Kind == Removed) || (ok && place <= last) || (!ok && last >= 0) {
			return fmt.Errorf("op %d is out of order", i)
		}
		if ok {
			last = place
		}
	}
	var common []int // the places in old of what both have, in the order of new
	must := 0        // removed, added, changed in place
	for _, item := range new {
		place, ok := oldPlace[item.Key]
		if !ok {
			must++
			continue
		}
		common = append(common, place)
		if op, ok := named[item.Key]; ok && !op.Moved {
			must++
			if bytes.Equal(op.Data, op.Old) {
				return fmt.Errorf("%s is named and nothing of it changes", item.Key)
			}
		}
	}
	must += len(old) - len(common)
	if want := must + len(common) - longestByCounting(common); len(ops) != want {
		return fmt.Errorf("%d ops where %d do", len(ops), want)
	}
	return nil
}

func places(list []Item) map[string]int {
	m := map[string]int{}
	for i, item := range list {
		m[item.Key] = i
	}
	return m
}

// longestByCounting is the length of the longest increasing subsequence, by
// the plain quadratic way.
func longestByCounting(values []int) int {
	best := make([]int, len(values))
	longest := 0
	for i := range values {
		best[i] = 1
		for j := range i {
			if values[j] < values[i] {
				best[i] = max(best[i], best[j]+1)
			}
		}
		longest = max(longest, best[i])
	}
	return longest
}
