package ivm

import "github.com/wakeful-dev/wakeful/diff"

// list is the list of items.
type list []diff.Item

func (l list) at(i int) diff.Item { return l[i] }

func (l list) apply(ops []diff.Op) (list, error) { return diff.Apply(l, ops) }
