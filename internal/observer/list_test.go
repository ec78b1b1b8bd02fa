package observer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

func text(l *List) string {
	var b strings.Builder
	for _, item := range l.Items.All() {
		fmt.Fprintf(&b, "%s=%s ", item.Key, item.Data)
	}
	if l.Meta != nil {
		fmt.Fprintf(&b, "meta=%s", l.Meta)
	}
	return strings.TrimSpace(b.String())
}

func TestParseList(t *testing.T) {
	id, pair := []string{"id"}, []string{"org", "no"}
	tests := []struct {
		name, body string
		key        []string
		want       string
		keyType    wire.KeyType
	}{
		{"empty list", `[]`, id, ``, wire.KeyNone},
		{"list", `[{"id":1,"a":2},{"a":3,"id":2}]`, id, `1={"id":1,"a":2} 2={"a":3,"id":2}`, wire.KeyInteger},
		{"white space goes", "[\n  {\"id\": 1, \"t\": \"a b\"}\n]\n", id, `1={"id":1,"t":"a b"}`, wire.KeyInteger},
		{"string keys", `[{"id":"x y"},{"id":""}]`, id, `x y={"id":"x y"} ={"id":""}`, wire.KeyString},
		{"escapes in a key", `[{"id":"\u00e4\n"}]`, id, "ä\n={\"id\":\"\\u00e4\\n\"}", wire.KeyString},
		{"large integers", `[{"id":9007199254740993}]`, id, `9007199254740993={"id":9007199254740993}`, wire.KeyNumber},
		{"the last exact integer", `[{"id":-9007199254740992}]`, id, `-9007199254740992={"id":-9007199254740992}`, wire.KeyInteger},
		{"a fraction among integers", `[{"id":1},{"id":1.5}]`, id, `1={"id":1} 1.5={"id":1.5}`, wire.KeyNumber},
		{"a key inside is not the key", `[{"sub":{"id":7},"id":1}]`, id, `1={"sub":{"id":7},"id":1}`, wire.KeyInteger},
		{"page", `{"count":2,"next":null,"previous":null,"results":[{"id":1}]}`, id,
			`1={"id":1} meta={"count":2,"next":null,"previous":null}`, wire.KeyInteger},
		{"page with white space", "{\n \"results\": [ {\"id\": 1} ],\n \"count\": 2 }", id, `1={"id":1} meta={"count":2}`, wire.KeyInteger},
		{"results without a count is no page", `{"results":[{"id":1}]}`, id, `1={"results":[{"id":1}],"id":1}`, wire.KeyInteger},
		{"results that is no list is no page", `{"results":3,"count":1}`, id, `1={"results":3,"count":1,"id":1}`, wire.KeyInteger},
		{"object", `{"count":5}`, id, `1={"count":5,"id":1}`, wire.KeyInteger},
		{"empty object", `{}`, id, `1={"id":1}`, wire.KeyInteger},
		{"object with its own key", `{"id":7,"a":1}`, id, `7={"id":7,"a":1}`, wire.KeyInteger},
		{"composite", `[{"org":"a,b","no":1}]`, pair, `a%2Cb,1={"org":"a,b","no":1,"_key":"a%2Cb,1"}`, wire.KeyString},
		{"composite of an object", `{"n":1}`, pair, `1={"n":1,"_key":"1"}`, wire.KeyString},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list, err := ParseList([]byte(tt.body), tt.key, nil, 100)
			if err != nil {
				t.Fatal(err)
			}
			if got := text(list); got != tt.want || list.KeyType != tt.keyType {
				t.Errorf("ParseList(%s)\n got %s type %d\nwant %s type %d", tt.body, got, list.KeyType, tt.want, tt.keyType)
			}
		})
	}
}

func TestParseListRefuses(t *testing.T) {
	id, pair := []string{"id"}, []string{"org", "no"}
	tests := []struct {
		name, body string
		key        []string
		want       string
	}{
		{"empty", ` `, id, "empty"},
		{"text", `hello`, id, "not a JSON list or object"},
		{"string", `"x"`, id, "not a JSON list or object"},
		{"cut off", `[{"id":1`, id, "not valid JSON"},
		{"two values", `[] []`, id, "follows"},
		{"scalar item", `[3]`, id, `not an object`},
		{"missing", `[{"id":1},{}]`, id, `item 1: it has no key: the field "id" is missing`},
		{"null", `[{"id":null}]`, id, `"id" is null`},
		{"boolean", `[{"id":true}]`, id, `"id" is true`},
		{"object key", `[{"id":{"a":1}}]`, id, `"id" is {"a":1}`},
		{"twice", `[{"id":1},{"id":2},{"id":1}]`, id, `two items have the key "id" = "1"`},
		{"mixed", `[{"id":1},{"id":"2"}]`, id, "string in some items and a number in others"},
		{"part missing", `[{"org":1}]`, pair, `the field "no" is missing`},
		{"reserved", `[{"org":1,"no":2,"_key":3}]`, pair, `"_key" is reserved`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseList([]byte(tt.body), tt.key, nil, 100)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ParseList(%s) = %v, want %q", tt.body, err, tt.want)
			}
		})
	}
	if _, err := ParseList([]byte(`[{"id":1},{"id":2}]`), id, nil, 1); !errors.Is(err, ErrTooLarge) {
		t.Errorf("two items at a limit of one: %v", err)
	}
}

func TestKeyStaysForLife(t *testing.T) {
	id := []string{"id"}
	parse := func(body string, prior *List) (*List, error) { return ParseList([]byte(body), id, prior, 100) }
	tests := []struct {
		name, first, then string
		want              string // "" for an error
	}{
		{"number then string", `[{"id":1}]`, `[{"id":"1"}]`, ""},
		{"empty keeps the type", `[{"id":1}]`, `[]`, "empty"},
		{"an object numbered 1 stays so", `{"count":1}`, `{"count":1,"id":9}`, `1={"count":1,"id":1}`},
		{"an object loses its own key", `{"id":4}`, `{"count":1}`, ""},
		{"an object changes its own key", `{"id":4}`, `{"id":5}`, `5={"id":5}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			first, err := parse(tt.first, nil)
			if err != nil {
				t.Fatal(err)
			}
			then, err := parse(tt.then, first)
			switch {
			case tt.want == "" && err == nil:
				t.Errorf("no error: %s", text(then))
			case tt.want == "empty" && (err != nil || then.KeyType != first.KeyType):
				t.Errorf("%v, %+v", err, then)
			case tt.want != "" && tt.want != "empty" && (err != nil || text(then) != tt.want):
				t.Errorf("%v, got %s, want %s", err, text(then), tt.want)
			}
		})
	}
}

// TestAdopt: a list shares the data of equal items with the one before it, and
// never the body that it was parsed from.
func TestAdopt(t *testing.T) {
	prior, err := ParseList([]byte(`[{"id":1,"v":1},{"id":2,"v":2},{"id":3,"v":3}]`), []string{"id"}, nil, 9)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`[{"id":3,"v":3},{"id":1,"v":9},{"id":4,"v":4},{"id":2,"v":2}]`)
	list, err := ParseList(body, []string{"id"}, prior, 9)
	if err != nil {
		t.Fatal(err)
	}
	want := text(list)
	clear(body)
	if got := text(list); got != want {
		t.Errorf("after the body is gone: %s, want %s", got, want)
	}
	if &list.Items.At(0).Data[0] != &prior.Items.At(2).Data[0] {
		t.Error("an equal item does not share its data")
	}
}

// FuzzParseList: what is accepted is a list of distinct keys whose data are
// valid JSON on one line, and equal to what encoding/json makes of the body.
func FuzzParseList(f *testing.F) {
	for _, seed := range []string{`[]`, `[{"id":1,"a":[1,2]}]`, `{"count":1,"results":[{"id":"x"}]}`, `{"a":1}`, "[\n{\"id\": 2}\n]", `[{"id":1},{"id":1}]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := ParseList(body, []string{"id"}, nil, 50)
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Fatalf("accepted what is not JSON: %q", body)
		}
		seen := map[string]bool{}
		for _, item := range list.Items.All() {
			if seen[item.Key] {
				t.Fatalf("key %q twice", item.Key)
			}
			seen[item.Key] = true
			if !json.Valid(item.Data) || bytes.ContainsAny(item.Data, "\n\r") {
				t.Fatalf("data %q", item.Data)
			}
		}
		var plain []json.RawMessage
		if json.Unmarshal(body, &plain) == nil && plain != nil && len(plain) != list.Items.Len() {
			t.Fatalf("%d items of %d", list.Items.Len(), len(plain))
		}
		again, err := ParseList(body, []string{"id"}, list, 50)
		if err != nil || !slices.EqualFunc(again.Items.Slice(), list.Items.Slice(), func(a, b diff.Item) bool { return a.Key == b.Key && bytes.Equal(a.Data, b.Data) }) {
			t.Fatalf("the same body gives another list: %v", err)
		}
	})
}

func BenchmarkParseList(b *testing.B) {
	for _, n := range []int{10, 1000} {
		var body bytes.Buffer
		body.WriteByte('[')
		for i := range n {
			if i > 0 {
				body.WriteByte(',')
			}
			fmt.Fprintf(&body, `{"id":%d,"name":"ticket number %d","status":"open","votes":%d,"project":"wakeful"}`, i, i, i*7)
		}
		body.WriteByte(']')
		prior, err := ParseList(body.Bytes(), []string{"id"}, nil, n)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseList(body.Bytes(), []string{"id"}, prior, n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzUnchanged: reading a list with the help of the one before it gives what
// reading it alone gives, and refuses what that refuses.
func FuzzUnchanged(f *testing.F) {
	f.Add([]byte(`[{"id":1},{"id":2},{"id":3}]`), []byte(`[{"id":1},{"id":9},{"id":3}]`))
	f.Add([]byte(`[{"id":1},{"id":2},{"id":3}]`), []byte(`[{"id":2},{"id":3}]`))
	f.Add([]byte(`[{"id":1},{"id":2}]`), []byte(`[{"id":1},{"id":2},{"id":3},{"id":4}]`))
	f.Add([]byte(`[{"id":1},{"id":2}]`), []byte(`[{"id":1},{"id":2},]`))
	f.Add([]byte(`[{"id":1},{"id":2}]`), []byte(`[{"id":1},,{"id":2}]`))
	f.Add([]byte(`[{"id":1}]`), []byte(`[{"id":1},{"id":1}]`))
	f.Add([]byte(`[{"id":1}]`), []byte(`[{"id":0,"a":[2,{"id":1}]}]`))
	f.Add([]byte(`[{",":1,"id":1}]`), []byte(`[{"k":"x,{",":1,"id":1}]`))
	f.Add([]byte(`[{"id":1},{"id":2}]`), []byte(`[{"id":2}{"id":2}]`))
	f.Add([]byte(`[{"id":1},{"id":2}]`), []byte(`[]`))
	f.Fuzz(func(t *testing.T, before, after []byte) {
		prior, err := ParseList(before, []string{"id"}, nil, 20)
		if err != nil {
			return
		}
		alone, errAlone := ParseList(after, []string{"id"}, nil, 20)
		with, errWith := ParseList(after, []string{"id"}, prior, 20)
		if errAlone != nil {
			if errWith == nil {
				t.Fatalf("after %s, %s is accepted as %s, alone it is: %v", before, after, text(with), errAlone)
			}
			return
		}
		if errWith != nil {
			return // a key that changed its type, an object that lost its own key
		}
		if alone.single || prior.single {
			return // the prior one decides which key it has
		}
		if text(alone) != text(with) {
			t.Fatalf("after %s, %s is read as\n%s, alone as\n%s", before, after, text(with), text(alone))
		}
	})
}
