package worker

import (
	"slices"

	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/memory"
	"github.com/wakeful-dev/wakeful/internal/observer"
)

// Where a view is evaluated, the rows that it has read are those of its list's
// snapshot. Every change after that is looked at in its order, and the first one
// that alters what the view would read is of one of these rows, or makes a row
// meet a condition: so they need not be kept up in between.

// rowsKnown reports whether the rows that an evaluation has read, as it told
// them, may stand for the rows that there were. They may not where its list is
// kept by other means than evaluating, where it read in another state than that
// of its list, and where it writes itself: of that it is not told.
func (w *Worker) rowsKnown(o *live, outcome *observer.Outcome) bool {
	return o.planned == nil && outcome.Kept == nil && outcome.Reads.Unstamped() == "" && len(o.own) == 0 && w.cfg.Memory.Room()
}

// reread has the index know what a view has read.
func (w *Worker) reread(o *live, reads []affected.Dependency) {
	w.register(interest{o, ofView}, &o.reads, reads)
	bytes := heldBytes(o.reads)
	w.cfg.Memory.Add(memory.Lists, bytes-o.heldBytes)
	o.heldBytes = bytes
}

// heldBeside is about what is kept for a row held beside its key: in the list of
// them, and in the index.
const heldBeside = 128

// heldBytes is about what the rows take that are known to have been read.
func heldBytes(reads []affected.Dependency) (bytes int) {
	for _, d := range reads {
		if d.Held == nil {
			continue
		}
		bytes += heldBeside * len(d.Held.Keys)
		for _, key := range d.Held.Keys {
			bytes += len(key)
		}
	}
	return bytes
}

// withoutHeld is the same where it is not known which rows were read.
func withoutHeld(reads []affected.Dependency) []affected.Dependency {
	if !slices.ContainsFunc(reads, func(d affected.Dependency) bool { return d.Held != nil }) {
		return reads
	}
	reads = slices.Clone(reads)
	for i := range reads {
		reads[i].Held = nil
	}
	return reads
}
