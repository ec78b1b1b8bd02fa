package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/wire"
)

func TestEvents(t *testing.T) {
	var vectors []struct{ Name, ID, Message, Text string }
	load(t, "events.json", &vectors)
	if len(vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			var got []byte
			if v.ID != "" {
				got = wire.AppendEventID(got, v.ID)
			}
			got = wire.AppendEvent(got, []byte(v.Message))
			equalFrame(t, got, []byte(v.Text))
			name, data := readEvent(t, v.Text)
			var arrived, sent map[string]any
			for into, text := range map[*map[string]any]string{&arrived: data, &sent: v.Message} {
				if err := json.Unmarshal([]byte(text), into); err != nil {
					t.Fatal(err)
				}
			}
			equalValue(t, arrived, sent)
			equalValue(t, any(name), sent["type"])
		})
	}
}

// readEvent reads one event as the standard says.
func readEvent(t *testing.T, text string) (name, data string) {
	t.Helper()
	var lines []string
	body, ok := strings.CutSuffix(text, "\n\n")
	if !ok || strings.Contains(text, "\r") {
		t.Fatalf("not one event: %q", text)
	}
	for line := range strings.SplitSeq(body, "\n") {
		field, value, ok := strings.Cut(line, ": ")
		switch {
		case !ok:
			t.Fatalf("line %q", line)
		case field == "event":
			name = value
		case field == "data":
			lines = append(lines, value)
		}
	}
	return name, strings.Join(lines, "\n")
}

func TestPointOfAnEvent(t *testing.T) {
	for _, p := range []wire.Point{{Epoch: "e1", Seq: 0}, {Epoch: "a:b", Seq: 1<<64 - 1}} {
		equalValue(t, wire.ParsePoint(p.String()), p)
	}
	for _, id := range []string{"", ":", ":1", "e", "e:", "e:x", "e:-1", "e:1 ", "e:99999999999999999999", strings.Repeat("e", 65) + ":1"} {
		equalValue(t, wire.ParsePoint(id), wire.Point{})
	}
}
