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
	bytes int
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
	k.sets[(k.first+k.n)%maxKept] = keptSet{explain.Seen{Set: c, At: seen}, size}
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
