package pgoutput

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
)

func TestImages(t *testing.T) {
	unknown := change.Unknown
	tests := []struct {
		name     string
		frame    []byte
		mixed    bool
		old, new []any
	}{
		{"insert", build('I', itemID, byte('N'), tuple{"-5", nil, "a\x00"}), false, nil, []any{int64(-5), nil, "a\x00"}},
		{"update", build('U', itemID, byte('N'), tuple{"1", "2", "b"}), false,
			[]any{int64(1), unknown, unknown}, []any{int64(1), int64(2), "b"}},
		{"update of a mixed table", build('U', itemID, byte('N'), tuple{"1", "2", "b"}), true,
			[]any{unknown, unknown, unknown}, []any{int64(1), int64(2), "b"}},
		{"update of the key", build('U', itemID, byte('K'), tuple{"1", nil, nil}, byte('N'), tuple{"2", nil, unknown}), false,
			[]any{int64(1), unknown, unknown}, []any{int64(2), nil, unknown}},
		{"delete", build('D', itemID, byte('K'), tuple{"1", nil, nil}), false, []any{int64(1), unknown, unknown}, nil},
		{"delete of a mixed table", build('D', itemID, byte('K'), tuple{nil, "1", nil}), true, []any{unknown, unknown, unknown}, nil},
		{"full update", build('U', fullID, byte('O'), tuple{"1", nil}, byte('N'), tuple{"1", "b"}), false,
			[]any{int64(1), nil}, []any{int64(1), "b"}},
		{"full update of a mixed table", build('U', fullID, byte('O'), tuple{"1", nil}, byte('N'), tuple{"1", "b"}), true,
			[]any{int64(1), unknown}, []any{int64(1), "b"}},
		{"full update, no old row", build('U', fullID, byte('N'), tuple{"1", "b"}), false,
			[]any{unknown, unknown}, []any{int64(1), "b"}},
		{"large value untouched", build('U', fullID, byte('O'), tuple{"1", "large"}, byte('N'), tuple{"2", unknown}), false,
			[]any{int64(1), "large"}, []any{int64(2), "large"}},
		{"full delete", build('D', fullID, byte('O'), tuple{"1", nil}), false, []any{int64(1), nil}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := New(Config{Mixed: func(string) bool { return tt.mixed }})
			tx := feed(t, d, begin(7), describeItem(), describeFull(), tt.frame, commit())
			if tx.Xid != 7 || tx.Commit != 0x100 || tx.End != 0x130 || len(tx.Changes) != 1 {
				t.Fatalf("%+v", tx)
			}
			c := tx.Changes[0]
			if !reflect.DeepEqual(c.Old, tt.old) || !reflect.DeepEqual(c.New, tt.new) {
				t.Errorf("old %#v, new %#v; want %#v, %#v", c.Old, c.New, tt.old, tt.new)
			}
			if c.Table != "public.item" && c.Table != "app.whole" {
				t.Errorf("table %q", c.Table)
			}
		})
	}
}

func TestValues(t *testing.T) {
	for _, tt := range []struct {
		oid  int
		text string
		want any // nil: refused
	}{
		{20, "-9223372036854775808", int64(math.MinInt64)},
		{20, "9223372036854775807", int64(math.MaxInt64)},
		{20, "9223372036854775808", nil},
		{20, "-9223372036854775809", nil},
		{20, "99999999999999999999", nil},
		{20, "", nil},
		{20, "-", nil},
		{23, "1x", nil},
		{26, "4294967295", int64(math.MaxUint32)},
		{16, "t", true},
		{16, "f", false},
		{16, "true", nil},
		{700, "0.1", float64(float32(0.1))},
		{700, "Infinity", math.Inf(1)},
		{701, "0.1", 0.1},
		{701, "-Infinity", math.Inf(-1)},
		{701, "x", nil},
		{17, `\x00ff`, []byte{0, 255}},
		{17, `\x`, []byte{}},
		{17, `\x0`, nil},
		{17, `a\\b\000\377`, []byte("a\\b\x00\xff")},
		{17, `a\400`, nil},
		{17, `a\`, nil},
		{1700, "1.50", "1.50"},
		{99999, "{a}", "{a}"},
	} {
		d := New(Config{})
		feed(t, d, begin(1), build('R', 1, "s", "t", byte('d'), uint16(1), byte(1), "v", tt.oid, 0))
		_, err := d.Take(build('I', 1, byte('N'), tuple{tt.text}))
		if (err == nil) != (tt.want != nil) {
			t.Errorf("%d %q: error %v", tt.oid, tt.text, err)
			continue
		}
		if err != nil {
			continue
		}
		if got := feed(t, d, commit()).Changes[0].New[0]; !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%d %q is %#v, want %#v", tt.oid, tt.text, got, tt.want)
		}
	}
	if x, _ := isFloat8.parse([]byte("-0")); !math.Signbit(x.(float64)) {
		t.Error("-0 lost its sign")
	}
	if x, _ := isFloat4.parse([]byte("NaN")); !math.IsNaN(x.(float64)) {
		t.Error("NaN is a number")
	}
}

// TestStreaming: subtransactions of interleaved streamed transactions are cut
// back exactly, and transactions come when they commit.
func TestStreaming(t *testing.T) {
	d := New(Config{Prefix: "wakeful"})
	if tx := feed(t, d,
		streamStart(10, 1), describeItem(10), insertItem(10, tuple{"1", nil, "a"}), insertItem(11, tuple{"2", nil, "a"}),
		build('M', 11, byte(1), uint64(9), "wakeful", 3, []byte("cut")),
		build('M', 10, byte(1), uint64(9), "wakeful", 4, []byte("kept")), streamStop(),
		streamStart(20, 1), describeItem(20), insertItem(20, tuple{"100", nil, "a"}), streamStop(),
		begin(30), describeItem(), insertItem(tuple{"200", nil, "a"}),
	); tx != nil {
		t.Fatalf("%+v before any commit", tx)
	}
	if !d.Inside() {
		t.Error("not inside between Begin and Commit")
	}
	if rows, _ := ids(feed(t, d, commit())); !slices.Equal(rows, []int64{200}) {
		t.Errorf("rows %v between blocks", rows)
	}
	if d.Inside() {
		t.Error("inside between blocks of a stream")
	}
	feed(t, d, streamStart(10, 0), insertItem(12, tuple{"3", nil, "a"}), insertItem(10, tuple{"4", nil, "a"}))
	if !d.Inside() {
		t.Error("not inside of a block")
	}
	tx := feed(t, d, streamStop(), streamAbort(10, 11), streamAbort(10, 99), streamAbort(20, 20), streamAbort(77, 78), streamCommit(10))
	if rows, everything := ids(tx); !slices.Equal(rows, []int64{1, 3, 4}) || everything != nil {
		t.Errorf("rows %v, everything of %v; want 1, 3, 4", rows, everything)
	}
	if tx.Xid != 10 || tx.Commit != 0x200 || tx.End != 0x230 {
		t.Errorf("%+v", tx)
	}
	if len(tx.Messages) != 1 || tx.Messages[0].Content != "kept" {
		t.Errorf("messages %+v", tx.Messages)
	}
	if len(d.streams) != 0 || d.bytes != 0 {
		t.Errorf("%d transactions and %d bytes are still held", len(d.streams), d.bytes)
	}
	if _, err := d.Take(streamCommit(20)); err == nil {
		t.Error("a transaction that was rolled back commits")
	}
}

// TestManySmallAborts: rows of rolled back savepoints neither stay nor count.
func TestManySmallAborts(t *testing.T) {
	d := New(Config{MaxRows: 100})
	feed(t, d, streamStart(10, 1), describeItem(10), insertItem(10, tuple{"1", nil, "a"}))
	for i := range 1000 {
		feed(t, d, insertItem(11+i, tuple{"5", nil, "a"}), streamStop(), streamAbort(10, 11+i), streamStart(10, 0))
		if h := d.streams[10]; len(h.changes) > 20 {
			t.Fatalf("%d rows are held after %d rollbacks", len(h.changes), i+1)
		}
	}
	if rows, everything := ids(feed(t, d, streamStop(), streamCommit(10))); !slices.Equal(rows, []int64{1}) || everything != nil {
		t.Errorf("rows %v, everything of %v; want 1", rows, everything)
	}
}

func TestFolds(t *testing.T) {
	row := func(xid ...any) []byte { return insertItem(append(xid, tuple{"1", nil, strings.Repeat("x", 1000)})...) }
	t.Run("rows", func(t *testing.T) {
		d := New(Config{MaxRows: 2})
		full := build('I', fullID, byte('N'), tuple{"9", nil})
		tx := feed(t, d, begin(1), describeItem(), describeFull(), full, row(), row(), row(), row(), full, commit())
		if rows, everything := ids(tx); !slices.Equal(rows, []int64{9, 9}) || !slices.Equal(everything, []string{"public.item"}) {
			t.Errorf("rows %v, everything of %v", rows, everything)
		}
	})
	t.Run("bytes fold what takes most", func(t *testing.T) {
		d := New(Config{MaxBytes: 10_000})
		frames := [][]byte{begin(1), describeItem(), describeFull()}
		for range 9 {
			frames = append(frames, row())
		}
		frames = append(frames, build('I', fullID, byte('N'), tuple{"9", nil}), commit())
		if rows, everything := ids(feed(t, d, frames...)); !slices.Equal(rows, []int64{9}) || !slices.Equal(everything, []string{"public.item"}) {
			t.Errorf("rows %v, everything of %v", rows, everything)
		}
	})
	t.Run("open transactions together", func(t *testing.T) {
		d := New(Config{MaxBytes: 10_000})
		for xid := range 50 {
			feed(t, d, streamStart(100+xid, 1), describeItem(100+xid), row(100+xid), row(100+xid), streamStop())
			if d.bytes > 20_000 {
				t.Fatalf("%d bytes are held", d.bytes)
			}
		}
		whole := 0
		for xid := range 50 {
			if rows, _ := ids(feed(t, d, streamCommit(100+xid))); len(rows) == 2 {
				whole++
			}
		}
		if whole == 0 || whole == 50 || d.bytes != 0 {
			t.Errorf("%d of 50 transactions kept their rows; %d bytes are still held", whole, d.bytes)
		}
	})
	t.Run("a fold outlives its subtransaction", func(t *testing.T) {
		d := New(Config{MaxRows: 2})
		tx := feed(t, d, streamStart(10, 1), describeItem(10), row(10), row(11), row(11), streamStop(), streamAbort(10, 11), streamCommit(10))
		if rows, everything := ids(tx); rows != nil || !slices.Equal(everything, []string{"public.item"}) {
			t.Errorf("rows %v, everything of %v", rows, everything)
		}
	})
	t.Run("truncate", func(t *testing.T) {
		d := New(Config{})
		tx := feed(t, d, begin(1), describeItem(), describeFull(), row(), build('T', 2, byte(0), itemID, fullID), row(), commit())
		if rows, everything := ids(tx); rows != nil || !slices.Equal(everything, []string{"public.item", "app.whole"}) {
			t.Errorf("rows %v, everything of %v", rows, everything)
		}
	})
	t.Run("unwanted", func(t *testing.T) {
		asked := 0
		d := New(Config{Wanted: func(name string) bool { asked++; return name != "public.item" }})
		tx := feed(t, d, begin(1), describeItem(), row(), row(), row(), commit())
		if rows, everything := ids(tx); rows != nil || !slices.Equal(everything, []string{"public.item"}) || asked != 1 {
			t.Errorf("rows %v, everything of %v, asked %d times", rows, everything, asked)
		}
	})
	t.Run("messages", func(t *testing.T) {
		d := New(Config{Prefix: "wakeful"})
		feed(t, d, begin(1), build('M', byte(1), uint64(9), "other", 1, []byte("x")))
		for range maxMessages + 1 {
			feed(t, d, build('M', byte(1), uint64(9), "wakeful", 1, []byte("x")))
		}
		if tx := feed(t, d, commit()); !tx.Everything || len(tx.Messages) != maxMessages {
			t.Errorf("everything %t, %d messages", tx.Everything, len(tx.Messages))
		}
	})
}

func TestAltered(t *testing.T) {
	named := func(name, column string, xid ...any) []byte {
		return build('R', append(xid, itemID, "public", name, byte('d'), uint16(1), byte(1), column, 20, 0)...)
	}
	row := func(xid ...any) []byte { return insertItem(append(xid, tuple{"1"})...) }
	t.Run("renamed", func(t *testing.T) {
		d := New(Config{})
		if tx := feed(t, d, begin(1), named("a", "id"), row(), commit()); tx.Altered != nil {
			t.Errorf("altered %v at first sight", tx.Altered)
		}
		if tx := feed(t, d, begin(1), named("a", "id"), row(), commit()); tx.Altered != nil {
			t.Errorf("altered %v by saying the same", tx.Altered)
		}
		tx := feed(t, d, begin(1), named("b", "id"), row(), commit())
		if _, everything := ids(tx); !slices.Equal(tx.Altered, []string{"public.a", "public.b"}) || !slices.Equal(everything, tx.Altered) {
			t.Errorf("altered %v, everything of %v", tx.Altered, everything)
		}
	})
	t.Run("over a lost connection", func(t *testing.T) {
		d := New(Config{})
		feed(t, d, begin(1), named("a", "id"), row(), commit())
		d.Reset()
		if _, err := d.Take(begin(1)); err != nil {
			t.Fatal(err)
		}
		if tx := feed(t, d, named("a", "key"), row(), commit()); !slices.Equal(tx.Altered, []string{"public.a"}) {
			t.Errorf("altered %v", tx.Altered)
		}
		d.Reset()
		feed(t, d, begin(1))
		if _, err := d.Take(row()); err == nil {
			t.Error("a row of a table that this connection did not describe")
		}
	})
	t.Run("columns are shared", func(t *testing.T) {
		d := New(Config{})
		a := feed(t, d, begin(1), named("a", "id"), row(), commit())
		b := feed(t, d, begin(1), named("a", "id"), row(), commit())
		if &a.Changes[0].Columns[0] != &b.Changes[0].Columns[0] {
			t.Error("two slices for one version of a table")
		}
	})
	t.Run("rolled back", func(t *testing.T) {
		d := New(Config{})
		feed(t, d, begin(1), named("a", "id"), row(), commit())
		feed(t, d, streamStart(5, 1), named("a", "other", 5), row(5), streamStop())
		tx := feed(t, d, begin(2), row(), commit())
		if got := tx.Changes[0].Columns; tx.Altered != nil || got[0] != "id" {
			t.Errorf("altered %v, columns %v, by an open transaction", tx.Altered, got)
		}
		feed(t, d, streamAbort(5, 5))
		if tx := feed(t, d, begin(2), row(), commit()); tx.Changes[0].Columns[0] != "id" {
			t.Error("a transaction that was rolled back altered a table")
		}
	})
	t.Run("committed", func(t *testing.T) {
		d := New(Config{})
		feed(t, d, begin(1), named("a", "id"), row(), commit())
		tx := feed(t, d, streamStart(5, 1), named("a", "other", 5), row(5), streamStop(), streamCommit(5))
		if !slices.Equal(tx.Altered, []string{"public.a"}) {
			t.Errorf("altered %v", tx.Altered)
		}
		if tx := feed(t, d, begin(2), row(), commit()); tx.Changes[0].Columns[0] != "other" {
			t.Error("the next transaction sees the former columns")
		}
	})
	t.Run("what is newer stays", func(t *testing.T) {
		d := New(Config{})
		feed(t, d, streamStart(5, 1), named("a", "old", 5), row(5), streamStop(), begin(2), named("a", "new"), row(), commit(), streamCommit(5))
		if tx := feed(t, d, begin(2), row(), commit()); tx.Changes[0].Columns[0] != "new" {
			t.Error("an older description came back")
		}
	})
}

// TestMalformed: what is wrong is said, and ends the connection.
func TestMalformed(t *testing.T) {
	for _, whole := range [][]byte{
		describeItem(), insertItem(tuple{"1", "2", "name"}), build('O', uint64(1), "origin"), build('Y', 5, "s", "t"),
		build('U', itemID, byte('K'), tuple{"1", nil, nil}, byte('N'), tuple{"1", nil, change.Unknown}),
		build('D', itemID, byte('K'), tuple{"1", nil, nil}), build('T', 1, byte(0), itemID),
		build('M', byte(1), uint64(9), "wakeful", 1, []byte("x")), commit(),
	} {
		for n := range whole {
			d := New(Config{Prefix: "wakeful"})
			feed(t, d, begin(1), describeItem())
			if _, err := d.Take(whole[:n]); err == nil {
				t.Errorf("%q, the start of a frame, is taken", whole[:n])
			}
			if _, err := d.Take(commit()); err == nil {
				t.Errorf("after %q a frame is taken", whole[:n])
			}
		}
	}
	for _, tt := range []struct {
		name   string
		frames [][]byte
	}{
		{"begin twice", [][]byte{begin(1), begin(1)}},
		{"commit of nothing", [][]byte{commit()}},
		{"commit in a block", [][]byte{streamStart(1, 1), commit()}},
		{"a block in a transaction", [][]byte{begin(1), streamStart(2, 1)}},
		{"a block that never began", [][]byte{streamStart(2, 0)}},
		{"the end of no block", [][]byte{streamStop()}},
		{"the end of a block in a transaction", [][]byte{begin(1), streamStop()}},
		{"stream commit in a block", [][]byte{streamStart(1, 1), streamCommit(1)}},
		{"stream abort in a block", [][]byte{streamStart(1, 1), streamAbort(1, 1)}},
		{"a row outside", [][]byte{insertItem(tuple{"1"})}},
		{"a description outside", [][]byte{describeItem()}},
		{"a transactional message outside", [][]byte{build('M', byte(1), uint64(9), "wakeful", 1, []byte("x"))}},
		{"a row of an unknown table", [][]byte{begin(1), insertItem(tuple{"1"})}},
		{"too few values", [][]byte{begin(1), describeItem(), insertItem(tuple{"1"})}},
		{"too many bytes", [][]byte{append(begin(1), 0)}},
		{"no such mark", [][]byte{begin(1), describeItem(), build('I', itemID, byte('X'), tuple{"1", nil, nil})}},
		{"no such mark of an old row", [][]byte{begin(1), describeItem(), build('D', itemID, byte('N'), tuple{"1", nil, nil})}},
		{"binary", [][]byte{begin(1), describeItem(), build('I', itemID, byte('N'), uint16(3), byte('b'), 1, byte(1))}},
		{"many columns in few bytes", [][]byte{begin(1), build('R', itemID, "public", "item", byte('d'), uint16(65535))}},
		{"many tables in few bytes", [][]byte{begin(1), build('T', math.MaxUint32, byte(0))}},
		{"truncate of an unknown table", [][]byte{begin(1), build('T', 1, byte(0), 1)}},
		{"a large value", [][]byte{begin(1), describeItem(), build('I', itemID, byte('N'), uint16(3), byte('t'), math.MaxUint32)}},
		{"no such frame", [][]byte{{'Z'}}},
		{"empty", [][]byte{{}}},
	} {
		d := New(Config{})
		feed(t, d, tt.frames[:len(tt.frames)-1]...)
		if _, err := d.Take(tt.frames[len(tt.frames)-1]); err == nil || !strings.HasPrefix(err.Error(), "pgoutput: ") {
			t.Errorf("%s: error %v", tt.name, err)
		}
	}
	d := New(Config{})
	feed(t, d, build('M', byte(0), uint64(9), "any", 1, []byte("x"))) // belongs to no transaction
}

func BenchmarkOneRow(b *testing.B) {
	d := New(Config{Wanted: func(string) bool { return true }})
	feed(b, d, begin(1), describeItem(), commit())
	run(b, d, begin(7), insertItem(tuple{"12345", "42", "some name"}), commit())
}

func BenchmarkRows(b *testing.B) {
	const rows = 1000
	var plain, streamed [][]byte
	for range rows {
		plain = append(plain, build('U', itemID, byte('N'), tuple{"12345", "42", "some name"}))
		streamed = append(streamed, build('U', 7, itemID, byte('N'), tuple{"12345", "42", "some name"}))
	}
	for name, frames := range map[string][][]byte{
		"plain":    slices.Concat([][]byte{begin(7)}, plain, [][]byte{commit()}),
		"streamed": slices.Concat([][]byte{streamStart(7, 1), describeItem(7)}, streamed, [][]byte{streamStop(), streamCommit(7)}),
	} {
		b.Run(name, func(b *testing.B) {
			d := New(Config{})
			feed(b, d, begin(1), describeItem(), commit())
			run(b, d, frames...)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}

// run takes frames again and again.
func run(b *testing.B, d *Decoder, frames ...[]byte) {
	b.ReportAllocs()
	for b.Loop() {
		for _, f := range frames {
			if _, err := d.Take(f); err != nil {
				b.Fatal(err)
			}
		}
	}
}
