package wire_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

// held is the list of a client that does what the protocol says and no more.
type held struct {
	primaryKey string
	keys       []string
	items      []json.RawMessage
	epoch      string
	seq        uint64
	meta       json.RawMessage
}

// keyOf is the key that an item says itself.
func keyOf(t testing.TB, primaryKey string, item json.RawMessage) string {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(item, &fields); err != nil {
		t.Fatal(err)
	}
	var text string
	if json.Unmarshal(fields[primaryKey], &text) == nil {
		return text
	}
	return string(fields[primaryKey])
}

func (h *held) insert(at int, key string, item json.RawMessage) {
	h.keys = slices.Insert(h.keys, at, key)
	h.items = slices.Insert(h.items, at, item)
}

func (h *held) remove(at int) {
	h.keys = slices.Delete(h.keys, at, at+1)
	h.items = slices.Delete(h.items, at, at+1)
}

func (h *held) applyV2(t testing.TB, frame []byte) {
	t.Helper()
	m, err := wire.DecodeServer(frame)
	if err != nil {
		t.Fatal(err)
	}
	switch m := m.(type) {
	case *wire.SnapshotFrame:
		h.epoch, h.seq, h.primaryKey, h.items, h.keys, h.meta = m.Epoch, m.Seq, m.PrimaryKey, m.Items, m.Keys, m.Meta
		for i := len(h.keys); i < len(h.items); i++ {
			h.keys = append(h.keys, keyOf(t, h.primaryKey, h.items[i]))
		}
	case *wire.ChangesFrame:
		if m.Epoch == h.epoch && m.Seq <= h.seq {
			return
		}
		h.epoch, h.seq = m.Epoch, m.Seq
		for _, op := range m.Ops {
			h.applyOp(t, op)
		}
	}
}

func (h *held) applyOp(t testing.TB, op wire.FrameOp) {
	t.Helper()
	at := slices.Index(h.keys, op.Key)
	switch op.Op {
	case "added":
		h.insert(*op.Order, op.Key, op.Item)
	case "removed":
		h.remove(at)
	case "meta":
		h.meta = op.Meta
	case "changed":
		item := h.items[at]
		if op.Item != nil {
			item = op.Item
		} else if op.Set != nil || op.Unset != nil {
			item = applyFields(t, item, op)
		}
		h.items[at] = item
		if op.Order != nil {
			h.remove(at)
			h.insert(*op.Order, op.Key, item)
		}
	}
}

func applyFields(t testing.TB, item json.RawMessage, op wire.FrameOp) json.RawMessage {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(item, &fields); err != nil {
		t.Fatal(err)
	}
	for name, value := range op.Set {
		fields[name] = value
	}
	for _, name := range op.Unset {
		delete(fields, name)
	}
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (h *held) applyV1(t testing.TB, frame []byte) {
	t.Helper()
	m, err := wire.DecodeV1(frame)
	if err != nil {
		t.Fatal(err)
	}
	key := keyOf(t, m.PrimaryKey, m.Item)
	at := slices.Index(h.keys, key)
	switch {
	case m.Msg == "added":
		h.insert(m.Order, key, m.Item)
	case at < 0:
	case m.Msg == "removed":
		h.remove(at)
	case m.Msg == "changed":
		h.remove(at)
		h.insert(m.Order, key, m.Item)
	}
}

func TestApply(t *testing.T) {
	for file, apply := range map[string]func(*held, testing.TB, []byte){
		"apply_v1.json": (*held).applyV1,
		"apply_v2.json": (*held).applyV2,
	} {
		var vectors []struct {
			Name       string
			PrimaryKey string `json:"primary_key"`
			Keys       []string
			Before     []json.RawMessage
			Frames     []json.RawMessage
			After      []json.RawMessage
			Meta       json.RawMessage
		}
		load(t, file, &vectors)
		for _, v := range vectors {
			t.Run(file+"/"+v.Name, func(t *testing.T) {
				h := &held{primaryKey: v.PrimaryKey, keys: v.Keys, items: v.Before}
				for i := len(h.keys); i < len(h.items); i++ {
					h.keys = append(h.keys, keyOf(t, v.PrimaryKey, h.items[i]))
				}
				for _, f := range v.Frames {
					apply(h, t, f)
				}
				equalJSON(t, list(h.items), list(v.After))
				equalJSON(t, or(h.meta), or(v.Meta))
			})
		}
	}
}

func list(items []json.RawMessage) []byte {
	text := []byte{'['}
	for i, item := range items {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, item...)
	}
	return append(text, ']')
}

func or(meta json.RawMessage) []byte {
	if meta == nil {
		return []byte("null")
	}
	return meta
}

// FuzzItemChange checks that an op of a changes frame turns the old item into
// the new one, and that its frame is JSON and no longer than with the whole
// item.
func FuzzItemChange(f *testing.F) {
	seeds := [][2]string{
		{`{"id":1,"a":2}`, `{"id":1,"a":3}`},
		{`{"a":1,"a":2,"long":"xxxxxxxxxxxxxxxxxxx"}`, `{"a":1,"long":"xxxxxxxxxxxxxxxxxxx"}`},
		{`{"a":1,"long":"xxxxxxxxxxxxxxxxxxx"}`, `{"a":1,"a":2,"long":"xxxxxxxxxxxxxxxxxxx"}`},
		{`{"a":1,"b":2}`, `{"b":2,"a":1}`},
		{`{"\u0061":1,"long":"xxxxxxxxxxxxxxxx"}`, `{"a":1,"long":"xxxxxxxxxxxxxxxx"}`},
		{`{"a":{"b":[1,"}"]},"c":"\\\""}`, `{"a":{"b":[1,"]"]},"c":"\\\""}`},
		{`[1]`, `{"a":1}`}, {`{"a":1}`, `3`}, {`{}`, `{"a":1}`}, {`{"a":1}`, `{}`},
		{`{"":1,"long":"xxxxxxxxxxxxxxxx"}`, `{"":null,"long":"xxxxxxxxxxxxxxxx"}`},
		{wide(40, 0), wide(40, 1)}, {wide(33, 1), wide(40, 1)},
		{"{\"\xff\":1,\"long\":\"xxxxxxxxxxxxxxxx\"}", "{\"\xfe\":1,\"long\":\"xxxxxxxxxxxxxxxx\"}"},
	}
	for _, seed := range seeds {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, old, item []byte) {
		old, item = compact(old), compact(item)
		if old == nil || item == nil {
			t.Skip("not JSON")
		}
		c := &wire.Changes{Ops: []diff.Op{{Kind: diff.Changed, Key: "k", Old: old, Data: item}}}
		frame := wire.AppendChanges(nil, c)
		if !json.Valid(frame) {
			t.Fatalf("not JSON: %s", frame)
		}
		whole := &wire.Changes{Ops: []diff.Op{{Kind: diff.Changed, Key: "k", Data: item}}}
		if len(frame) > len(wire.AppendChanges(nil, whole)) {
			t.Errorf("longer than with the whole item: %s", frame)
		}
		h := &held{keys: []string{"k"}, items: []json.RawMessage{old}, seq: 0, epoch: "before"}
		h.applyV2(t, frame)
		equalJSON(t, h.items[0], item)
	})
}

func wide(n, value int) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range n {
		fmt.Fprintf(&b, `"field%d":%d,`, i, value*(i%3))
	}
	b.WriteString(`"last":0}`)
	return b.String()
}

func compact(text []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return nil
	}
	return b.Bytes()
}

// FuzzText checks that whatever the words in a frame are, it is JSON and says
// them, but for bytes that are not UTF-8.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"", `a"b\`, "\x00\x1f\x7f", "é\u2028😀", "\xff\xc3", "\xed\xa0\x80", "\ufffd"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want := string([]rune(text)) // each bad byte is one U+FFFD
		var got string
		if err := json.Unmarshal(wire.AppendString(nil, text), &got); err != nil || got != want {
			t.Errorf("AppendString(%q) reads as %q, %v", text, got, err)
		}
		s := &wire.Snapshot{Observer: text, PrimaryKey: text, Epoch: text, KeyType: wire.KeyNumber,
			Items: diff.NewList([]diff.Item{{Key: text, Data: []byte("1")}})}
		c := &wire.Changes{Observer: text, PrimaryKey: text, Ops: []diff.Op{{Kind: diff.Removed, Key: text}}}
		for _, frame := range [][]byte{
			wire.AppendSnapshot(nil, s, text), wire.AppendEnvelope(nil, s), wire.AppendChanges(nil, c),
			wire.AppendV1(nil, c, c.Ops[0]), wire.AppendV1Closed(nil, text, wire.Code(text)),
			wire.AppendHello(nil, &wire.Hello{Session: text}), wire.AppendSubscribed(nil, &wire.Subscribed{Observer: text, Epoch: text}),
			wire.AppendProgress(nil, &wire.Progress{Behind: []string{text, text}}), wire.AppendStale(nil, &wire.Stale{Reason: text}),
			wire.AppendClosed(nil, &wire.Closed{Observer: text, Detail: text}), wire.AppendError(nil, &wire.Error{Detail: text}),
			wire.AppendProblem(nil, wire.NewProblem(500, wire.Code(text), text)),
		} {
			if !json.Valid(frame) {
				t.Errorf("not JSON: %s", frame)
			}
		}
	})
}

// FuzzDecodeClient checks that no frame breaks the decoder, and that what it
// understands survives being written again.
func FuzzDecodeClient(f *testing.F) {
	for _, seed := range []string{
		`{"type":"subscribe","id":1,"url":"/a","since":null}`, `{"type":"resume","observers":{"a":{"seq":1}}}`,
		`{"type":"ping","id":"\ud800"}`, `{"type":"ping","id":"` + "\xff" + `"}`, `{"type":1}`, `[`, ``,
		`{"type":"authenticate","token":"t"}`, `{"type":"unsubscribe","observer":"o"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := wire.DecodeClient(frame)
		if err != nil {
			return
		}
		if _, ok := m.(*wire.Unknown); ok {
			return
		}
		again, err := wire.EncodeClient(m)
		if err != nil {
			t.Fatal(err)
		}
		same, err := wire.DecodeClient(again)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if third, _ := wire.EncodeClient(same); !bytes.Equal(third, again) {
			t.Errorf("%s is written again as %s", again, third)
		}
	})
}

// FuzzDecodePlainly checks that a frame is read the same however it is read: a
// space in front of it keeps DecodeClient from its short cuts.
func FuzzDecodePlainly(f *testing.F) {
	for _, seed := range []string{
		`{"type":"resume","id":1,"observers":{}}`, `{"type":"resume","observers":{"o":{"epoch":"e","seq":7,"url":"/a?b=c"},"p":{}}}`,
		`{"observers":{"o":{"seq":18446744073709551615}},"type":"resume"}`, `{"type":"resume","observers":{"o":{"seq":18446744073709551616}}}`,
		`{"type":"resume","observers":{"o":{"epoch":"\u0065"}}}`, `{"type":"resume","observers":{"o":{"seq":01}}}`,
		`{"type":"resume","observers":{"o":{"EPOCH":"e","epoch":"f"}}}`, `{"type":"resume","observers":{"o":{},"o":{"seq":2}}}`,
		`{"type":"resume","id":1e3,"observers":{}}`, `{"type":"resume","id":"a","observers":{}}`, `{"type":"resume"}`,
		`{"type":"resume","observers":{"o":{"epoch":"a"b"}}}`, `{"type":"ping","id":1,"type":"resume"}`, `{"type":"ping","Type":"resume"}`,
		`{"type":"subscribe","id":1,"url":"/a"}`, `{"type":"subscribe"}`, `{"type":"ping"}x`, `{"type":"resume","observers":{}}}`,
		`{"type":"resume","id":` + strings.Repeat("1", 200) + `,"observers":{}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		got, err := wire.DecodeClient(frame)
		want, wantErr := wire.DecodeClient(append([]byte(" "), frame...))
		if !reflect.DeepEqual(got, want) || (err == nil) != (wantErr == nil) {
			t.Errorf("%s\n got %#v, %v\nwant %#v, %v", frame, got, err, want, wantErr)
		}
	})
}

func equalJSON(t testing.TB, got, want []byte) {
	t.Helper()
	var a, b any
	if err := decodeNumbers(got, &a); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if err := decodeNumbers(want, &b); err != nil {
		t.Fatalf("%s: %v", want, err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func decodeNumbers(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}
