package worker

import (
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/explain"
)

// Bounds of the changesets remembered for whoever asks why.
const (
	maxKept      = 64
	maxKeptBytes = 1 << 20
	maxKeptRows  = 256 // of one changeset: a larger one is not kept
)

// kept holds the newest changesets of the source, within bounds, so that it can
// be told afterwards what they were to an observer.
type kept struct {
	sets  [maxKept]keptSet
	first int // the oldest
	n     int
	bytes int
}

type keptSet struct {
	explain.Seen
	bytes   int
	touched int // observers that read what it changed
}

func (k *kept) add(c *change.Changeset, seen time.Time) {
	if len(c.Changes) > maxKeptRows {
		return
	}
	size := sizeOf(c)
	if size > maxKeptBytes {
		return
	}
	for k.n == maxKept || k.bytes+size > maxKeptBytes {
		k.bytes -= k.sets[k.first].bytes
		k.sets[k.first] = keptSet{}
		k.first = (k.first + 1) % maxKept
		k.n--
	}
	k.sets[(k.first+k.n)%maxKept] = keptSet{Seen: explain.Seen{Set: c, At: seen}, bytes: size}
	k.n++
	k.bytes += size
}

// newest returns what is kept, newest first.
func (k *kept) newest() []explain.Seen {
	list := make([]explain.Seen, k.n)
	for i := range list {
		list[i] = k.sets[(k.first+k.n-1-i)%maxKept].Seen
	}
	return list
}

// newestSets is newest with what is known of each.
func (k *kept) newestSets() []keptSet {
	list := make([]keptSet, k.n)
	for i := range list {
		list[i] = k.sets[(k.first+k.n-1-i)%maxKept]
	}
	return list
}

// touch notes how many observers the newest changeset touched, if it is kept.
func (k *kept) touch(c *change.Changeset, observers int) {
	if k.n == 0 {
		return
	}
	if last := &k.sets[(k.first+k.n-1)%maxKept]; last.Set == c {
		last.touched = observers
	}
}

// sizeOf is roughly what a changeset takes in memory, in bytes.
func sizeOf(c *change.Changeset) int {
	size := 128
	for i := range c.Changes {
		size += 128 + sizeOfRow(c.Changes[i].Old) + sizeOfRow(c.Changes[i].New)
	}
	return size
}

func sizeOfRow(row []any) int {
	size := 16 * len(row)
	for _, v := range row {
		switch v := v.(type) {
		case string:
			size += len(v)
		case []byte:
			size += len(v)
		}
	}
	return size
}
