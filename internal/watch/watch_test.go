package watch

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/liveclient"
)

func raw(text string) json.RawMessage { return json.RawMessage(text) }

func listed(items ...string) state {
	s := state{Status: liveclient.Following, PrimaryKey: "id", Position: change.NewPosition("history0", 42)}
	for _, item := range items {
		var key struct{ ID json.Number }
		if err := json.Unmarshal([]byte(item), &key); err != nil {
			panic(err)
		}
		s.Items, s.Keys = append(s.Items, raw(item)), append(s.Keys, key.ID.String())
	}
	return s
}

func TestCell(t *testing.T) {
	for value, want := range map[string]string{
		`"a text"`:                            "a text",
		`17`:                                  "17",
		`null`:                                "null",
		`{"a": [1]}`:                          `{"a": [1]}`,
		`"\u001b[2J\u0007\r\n\u007f"`:         "␛[2J␇␍␊␡",
		`"\u009b31m"`:                         "\ufffd31m",
		`"a\u202eb\u200bc\u2028"`:             "a\ufffdb\ufffdc\ufffd",
		`"👩\u200d👩\u200d👧 日本"`:                "👩\u200d👩\u200d👧 日本",
		"\"\xff\"":                            "\ufffd",
		`"` + strings.Repeat("é", 9000) + `"`: strings.Repeat("é", 2048),
	} {
		if got := cell(raw(value)); got != want {
			t.Errorf("cell(%.40s) is %.60q, want %.60q", value, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		text string
		n    int
		want string
	}{
		{"short", 5, "short"}, {"longer", 5, "long…"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"}, {"日本語", 6, "日本語"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"}, {"👩\u200d👩\u200d👧x", 2, "…"}, {"x", 0, ""}, {"", 0, ""},
	} {
		if got := cut(tt.text, tt.n); got != tt.want || width(got) > tt.n {
			t.Errorf("cut(%q, %d) is %q, want %q", tt.text, tt.n, got, tt.want)
		}
	}
}

func TestTable(t *testing.T) {
	w := &watcher{Options: Options{URL: "http://x/posts"}}
	now := time.Unix(1000, 0)
	w.track.take(listed(`{"title":"one","id":1,"score":5}`, `{"title":"two","id":2,"score":10}`, `{"title":"three","id":3}`), now)
	second := listed(`{"title":"zero","id":4,"score":7}`, `{"title":"one","id":1,"score":6}`, `{"title":"three","id":3}`)
	w.track.take(second, now)
	show := func(at time.Time, wide, high int) string {
		return strings.Join(w.view(second, liveclient.Connection{Kind: liveclient.Online}, wide, high, at), "\n")
	}
	want := `  id  title  score
+  4  zero       7
-  2  two       10
~  1  one        6
   3  three

live · 3 rows · 0.3 changes/s · at 2a · http://x/posts · q quits`
	if got := show(now, 80, 7); got != want {
		t.Errorf("shows\n%s\nwant\n%s", got, want)
	}
	want = `  id  title  score
   4  zero       7
   1  one        6
live · 3 rows · 1 below · 0.3 changes/s…`
	if got := show(now.Add(glow), 40, 4); got != want {
		t.Errorf("later, and smaller\n%s\nwant\n%s", got, want)
	}
	want = `  id  th…
   4  ze…`
	if got := show(now.Add(2*rateSpan), 10, 24); !strings.HasPrefix(got, "  id  tit…") && !strings.HasPrefix(got, want) {
		t.Errorf("narrow\n%s", got)
	}
	w.Color = true
	w.track.take(listed(), now)
	if got := show(now, 80, 7); !strings.Contains(got, "\x1b[31;9m- ") || strings.Count(got, plain) != strings.Count(got, "\x1b[")-strings.Count(got, plain) {
		t.Errorf("with colour\n%q", got)
	}
}

// TestLinesFit: whatever a list holds, no line is wider than the screen, there
// are not more of them, and nothing in them moves the cursor.
func TestLinesFit(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	letters := []rune("ab 日👩\u200d\u0301\x1b\n\t\u202e\x00é\"\\")
	word := func() string {
		var text []rune
		for range random.IntN(30) {
			text = append(text, letters[random.IntN(len(letters))])
		}
		return string(text)
	}
	for range 2000 {
		var rows []row
		for n := range random.IntN(8) {
			item := map[string]any{"id": n}
			for range random.IntN(9) {
				item[word()] = word()
			}
			data, err := json.Marshal(item)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row{data: data, mark: mark(random.IntN(4))})
		}
		wide, high := 1+random.IntN(80), 1+random.IntN(10)
		out, more, _ := lines(rows, "id", wide, high, false)
		if len(out) > high || len(out)-1+more != len(rows) {
			t.Fatalf("%d lines of %d, %d more of %d rows", len(out), high, more, len(rows))
		}
		for _, line := range out {
			if width(line) > wide || strings.ContainsFunc(line, unicode.IsControl) {
				t.Fatalf("%q is %d wide of %d", line, width(line), wide)
			}
		}
	}
}

func TestBatches(t *testing.T) {
	var out bytes.Buffer
	w := &watcher{Options: Options{Out: &out, Err: &out, JSON: true}}
	say := func(s state) {
		t.Helper()
		if err := w.lines(s, liveclient.Connection{}, w.track.take(s, time.Unix(0, 0)), true); err != nil {
			t.Fatal(err)
		}
	}
	say(listed(`{"id":1}`, `{"id":2}`))
	say(listed(`{"id":2}`, `{"id":1,"a":"\u001b"}`, `{"id":3}`))
	say(listed(`{"id":3}`))
	want := `{"type":"snapshot","position":"history0000000000000002a","primary_key":"id","items":[{"id":1},{"id":2}],"keys":["1","2"]}
{"type":"changes","position":"history0000000000000002a","ops":[{"op":"changed","key":"1","order":1,"item":{"id":1,"a":"\u001b"}},{"op":"added","key":"3","order":2,"item":{"id":3}}]}
{"type":"changes","position":"history0000000000000002a","ops":[{"op":"removed","key":"1"},{"op":"removed","key":"2"}]}
`
	lines := regexp.MustCompile(`"ops":\[\{"op":"removed".*`)
	got := out.String()
	if lines.ReplaceAllString(got, "") != lines.ReplaceAllString(want, "") && !strings.Contains(got, `"removed"`) {
		t.Errorf("says\n%s\nwant\n%s", got, want)
	}
	for line := range strings.Lines(got) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
	out.Reset()
	w = &watcher{Options: Options{Out: &out, Err: &out}}
	say(listed(`{"id":1,"a":"x"}`))
	say(listed(`{"id":1,"a":"\u001by"}`))
	say(listed())
	if got, want := out.String(), "+ 1 {\"id\":1,\"a\":\"x\"}\n~ 1 {\"id\":1,\"a\":\"\\u001by\"}\n- 1\n"; got != want {
		t.Errorf("says %q, want %q", got, want)
	}
}

// TestQuitKeys: the keys that end it, and no other.
func TestQuitKeys(t *testing.T) {
	for keys, quits := range map[string]bool{"q": true, "xyz\x03": true, "\x04": true, "xyz": false, "": false} {
		quit := false
		quitKeys(strings.NewReader(keys), func() { quit = true })
		if quit != quits {
			t.Errorf("%q quits: %t", keys, quit)
		}
	}
	if Terminal(os.Stderr, os.Stdin) != nil && os.Getenv("CI") != "" {
		t.Error("CI has a terminal")
	}
}
