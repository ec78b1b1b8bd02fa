package pgoutput

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
)

// build writes a frame by hand: bytes, strings (with their zero), integers by
// their size, and tuples.
func build(kind byte, parts ...any) []byte {
	b := []byte{kind}
	for _, part := range parts {
		switch v := part.(type) {
		case byte:
			b = append(b, v)
		case uint16:
			b = binary.BigEndian.AppendUint16(b, v)
		case int:
			b = binary.BigEndian.AppendUint32(b, uint32(v))
		case uint64:
			b = binary.BigEndian.AppendUint64(b, v)
		case string:
			b = append(append(b, v...), 0)
		case tuple:
			b = v.append(b)
		case []byte:
			b = append(b, v...)
		default:
			panic("build: a part of an unknown type")
		}
	}
	return b
}

// tuple is a row: texts, nil for NULL, change.Unknown for a value not sent.
type tuple []any

func (u tuple) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(u)))
	for _, value := range u {
		switch v := value.(type) {
		case nil:
			b = append(b, 'n')
		case string:
			b = append(binary.BigEndian.AppendUint32(append(b, 't'), uint32(len(v))), v...)
		default:
			b = append(b, 'u')
		}
	}
	return b
}

const (
	itemID = 16400
	fullID = 16410
)

// description of a table with a key, an int4 and a text.
func describeItem(xid ...any) []byte {
	return build('R', append(xid, itemID, "public", "item", byte('d'), uint16(3),
		byte(1), "id", 20, math.MaxUint32, byte(0), "n", 23, math.MaxUint32, byte(0), "name", 25, math.MaxUint32)...)
}

func describeFull(xid ...any) []byte {
	return build('R', append(xid, fullID, "app", "whole", byte('f'), uint16(2),
		byte(1), "id", 20, math.MaxUint32, byte(1), "name", 25, math.MaxUint32)...)
}

func begin(xid int) []byte { return build('B', uint64(0x100), uint64(0), xid) }
func commit() []byte       { return build('C', byte(0), uint64(0x100), uint64(0x130), uint64(0)) }

func insertItem(parts ...any) []byte {
	row := parts[len(parts)-1]
	return build('I', append(parts[:len(parts)-1:len(parts)-1], itemID, byte('N'), row)...)
}

func streamStart(xid int, first byte) []byte { return build('S', xid, first) }
func streamStop() []byte                     { return build('E') }
func streamAbort(xid, sub int) []byte        { return build('A', xid, sub) }
func streamCommit(xid int) []byte {
	return build('c', xid, byte(0), uint64(0x200), uint64(0x230), uint64(0))
}

// feed takes frames, none of which may be wrong, and returns what the last
// committed transaction was.
func feed(t testing.TB, d *Decoder, frames ...[]byte) *Transaction {
	t.Helper()
	var last *Transaction
	for _, f := range frames {
		tx, err := d.Take(f)
		if err != nil {
			t.Fatalf("frame %q: %v", f, err)
		}
		if tx != nil {
			last = tx
		}
	}
	return last
}

// ids lists the first value of each row that was inserted, and what is
// everything of.
func ids(tx *Transaction) (rows []int64, everything []string) {
	for _, c := range tx.Changes {
		if c.Kind == change.Everything {
			everything = append(everything, c.Table)
			continue
		}
		rows = append(rows, c.New[0].(int64))
	}
	return rows, everything
}
