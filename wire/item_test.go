package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/wakeful-dev/wakeful/wire"
)

func TestChangedItem(t *testing.T) {
	tests := []struct {
		name, old string
		op        wire.FrameOp
		want      string
	}{
		{"nothing", `{"a":1}`, wire.FrameOp{}, `{"a":1}`},
		{"the whole item", `{"a":1}`, wire.FrameOp{Item: raw(`{"b":2}`), Set: fields("c", "3")}, `{"b":2}`},
		{"set keeps the order", `{"a":1,"b":2,"c":3}`, wire.FrameOp{Set: fields("b", "[1.0]")}, `{"a":1,"b":[1.0],"c":3}`},
		{"new fields", `{"b":2}`, wire.FrameOp{Set: fields("z", "1", "a", "0")}, `{"b":2,"a":0,"z":1}`},
		{"unset", `{"a":1,"b":2,"c":3}`, wire.FrameOp{Unset: []string{"a", "c", "d"}}, `{"b":2}`},
		{"of an empty one", `{}`, wire.FrameOp{Set: fields("a", "1")}, `{"a":1}`},
		{"an escaped name", `{"\u0061":1,"b":2}`, wire.FrameOp{Set: fields("a", "3"), Unset: []string{"b"}}, `{"a":3}`},
		{"spaces", "{ \"a\": 1 }", wire.FrameOp{Set: fields("b", "3")}, `{"a":1,"b":3}`},
		{"a name of other letters", `{"é":1}`, wire.FrameOp{Set: fields("é", "2")}, `{"é":2}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.op.Changed(raw(tt.old))
			if err != nil || string(got) != tt.want || !json.Valid(got) {
				t.Errorf("%s, %v, want %s", got, err, tt.want)
			}
		})
	}
	for _, old := range []string{`[]`, `7`, `null`} {
		if got, err := (&wire.FrameOp{Set: fields("a", "1")}).Changed(raw(old)); err == nil {
			t.Errorf("%s becomes %s", old, got)
		}
	}
}

func TestItemKey(t *testing.T) {
	tests := []struct{ item, want string }{
		{`{"id":7}`, "7"}, {`{"a":{"id":1},"id":"x\ny"}`, "x\ny"}, {`{"id":1.50}`, "1.50"}, {`{ "id" : -3 }`, "-3"},
		{`{"\u0069d":"k"}`, "k"}, {`{"id":""}`, ""},
	}
	for _, tt := range tests {
		if got, err := wire.ItemKey(raw(tt.item), "id"); err != nil || got != tt.want {
			t.Errorf("%s: %q, %v, want %q", tt.item, got, err, tt.want)
		}
	}
	for _, item := range []string{`{}`, `{"id":null}`, `{"id":true}`, `{"id":[]}`, `[]`, `7`, `{"Id":1}`} {
		if got, err := wire.ItemKey(raw(item), "id"); err == nil {
			t.Errorf("%s has key %q", item, got)
		}
	}
}
