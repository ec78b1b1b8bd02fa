package pgoutput

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
)

// frames cuts a capture into its frames: each has its length before it.
func frames(capture []byte) [][]byte {
	var all [][]byte
	for len(capture) >= 2 {
		n := min(int(binary.BigEndian.Uint16(capture)), len(capture)-2)
		all = append(all, capture[2:2+n])
		capture = capture[2+n:]
	}
	return all
}

// captured is the reverse of frames.
func captured(all ...[]byte) []byte {
	var capture []byte
	for _, f := range all {
		capture = append(binary.BigEndian.AppendUint16(capture, uint16(len(f))), f...)
	}
	return capture
}

// FuzzTake: whatever comes, there is no panic, memory is bounded by what came,
// what is held adds up, and what is published is whole.
func FuzzTake(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*.frames")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range seeds {
		seed, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Add(captured(begin(1), describeItem(), insertItem(tuple{"1", nil, "a"}), commit()))
	f.Add(captured(streamStart(10, 1), describeItem(10), insertItem(10, tuple{"1", nil, "a"}), insertItem(11, tuple{"2", nil, "a"}),
		streamStop(), streamAbort(10, 11), streamCommit(10)))
	f.Fuzz(func(t *testing.T, capture []byte) {
		if len(capture) > 1<<16 {
			t.Skip("longer than is worth its time")
		}
		d := New(Config{MaxRows: 20, MaxBytes: 4096, Prefix: "wakeful"})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, frame := range frames(capture) {
			given := bytes.Clone(frame)
			tx, err := d.Take(frame)
			if err != nil {
				d.Reset()
				continue
			}
			clear(frame) // nothing of it may be kept
			checkHeld(t, d)
			if tx != nil {
				checkTransaction(t, tx)
			}
			copy(frame, given)
		}
		runtime.ReadMemStats(&after)
		if got, most := after.TotalAlloc-before.TotalAlloc, uint64(1<<20+400*len(capture)); got > most {
			t.Errorf("%d bytes allocated for %d bytes of frames", got, len(capture))
		}
	})
}

// checkHeld: what is counted is what is held, and within the bounds.
func checkHeld(t *testing.T, d *Decoder) {
	t.Helper()
	total := 0
	all := []*held{&d.plain}
	for _, h := range d.streams {
		all = append(all, h)
		total += h.bytes
	}
	if total != d.bytes || total > 2*d.cfg.MaxBytes {
		t.Fatalf("%d bytes are held, counted %d", total, d.bytes)
	}
	for _, h := range all {
		rows, sum := 0, 0
		for _, c := range h.tables {
			rows, sum = rows+c.rows, sum+c.bytes
			if c.rows > d.cfg.MaxRows {
				t.Fatalf("%d rows of a table", c.rows)
			}
		}
		if sum != h.bytes || h.bytes > d.cfg.MaxBytes {
			t.Fatalf("%d bytes of tables, %d of the transaction", sum, h.bytes)
		}
		if h == d.current && rows != len(h.changes) {
			t.Fatalf("%d rows counted, %d held", rows, len(h.changes))
		}
	}
}

func checkTransaction(t *testing.T, tx *Transaction) {
	t.Helper()
	for _, c := range tx.Changes {
		for _, image := range [][]any{c.Old, c.New} {
			if image != nil && len(image) != len(c.Columns) {
				t.Fatalf("%d values for columns %q", len(image), c.Columns)
			}
		}
		if (c.Old != nil) != (c.Kind == change.Update || c.Kind == change.Delete) ||
			(c.New != nil) != (c.Kind == change.Update || c.Kind == change.Insert) {
			t.Fatalf("images of %+v", c)
		}
	}
}
