package wire_test

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

const observer = "5f1c0de5a7b94e0d8c3f6a2b1908e7d65c4b3a29180f7e6d5c4b3a2918070605"

type vector struct {
	Name  string          `json:"name"`
	Frame json.RawMessage `json:"frame"`
}

func load(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// eachVector runs check for every vector of a file and fails where the file
// and the values do not have the same names.
func eachVector[V any](t *testing.T, file string, values map[string]V, check func(*testing.T, V, []byte)) {
	t.Helper()
	var vectors []vector
	load(t, file, &vectors)
	if len(vectors) != len(values) {
		t.Errorf("%s: %d vectors for %d values", file, len(vectors), len(values))
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			value, ok := values[v.Name]
			if !ok {
				t.Fatal("no value for this vector")
			}
			check(t, value, v.Frame)
		})
	}
}

func equalFrame(t *testing.T, got, want []byte) {
	t.Helper()
	if string(got) != string(want) {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func equalValue(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %#v\nwant %#v", got, want)
	}
}

// frame is an encoder's call and, where they differ from what was encoded, the
// values that a decoder gives.
type frame struct {
	encode  func([]byte) []byte
	decoded any
}

func hello(h *wire.Hello) frame {
	return frame{func(dst []byte) []byte { return wire.AppendHello(dst, h) }, h}
}

func subscribed(s *wire.Subscribed) frame {
	return frame{func(dst []byte) []byte { return wire.AppendSubscribed(dst, s) }, s}
}

func progress(p *wire.Progress) frame {
	return frame{func(dst []byte) []byte { return wire.AppendProgress(dst, p) }, p}
}

func failure(e *wire.Error) frame {
	return frame{func(dst []byte) []byte { return wire.AppendError(dst, e) }, e}
}

func pong(p *wire.Pong) frame {
	return frame{func(dst []byte) []byte { return wire.AppendPong(dst, p) }, p}
}

func closing(c *wire.Close) frame {
	return frame{func(dst []byte) []byte { return wire.AppendClose(dst, c) }, c}
}

func at(n string) change.Position { return change.Position("sqlite01000000000000000000" + n) }

func changes(seq uint64, position change.Position, c wire.Changes, ops ...wire.FrameOp) frame {
	c.Observer, c.Epoch, c.Seq, c.Position = observer, "e1", seq, position
	return frame{
		func(dst []byte) []byte { return wire.AppendChanges(dst, &c) },
		&wire.ChangesFrame{Observer: observer, Epoch: "e1", Seq: seq, Position: position, Ops: ops},
	}
}

func snapshot(s wire.Snapshot, reason string, keys ...string) frame {
	s.Observer, s.Epoch, s.PrimaryKey = observer, "e2", "id"
	return frame{
		func(dst []byte) []byte { return wire.AppendSnapshot(dst, &s, reason) },
		&wire.SnapshotFrame{Envelope: envelopeOf(s, keys), Reason: reason},
	}
}

func envelopeOf(s wire.Snapshot, keys []string) wire.Envelope {
	e := wire.Envelope{
		Observer: s.Observer, Items: []json.RawMessage{}, PrimaryKey: s.PrimaryKey,
		Epoch: s.Epoch, Seq: s.Seq, Position: s.Position, Keys: keys, Meta: s.Meta,
	}
	for _, item := range s.Items.All() {
		e.Items = append(e.Items, item.Data)
	}
	return e
}

func item(key, data string) diff.Item { return diff.Item{Key: key, Data: []byte(data)} }

func listed(items ...diff.Item) *diff.List { return diff.NewList(items) }

func order(n int) *int { return &n }

func changed(key, old, data string) diff.Op {
	return diff.Op{Kind: diff.Changed, Key: key, Old: []byte(old), Data: []byte(data)}
}

func moved(op diff.Op, to int) diff.Op {
	op.Moved, op.At = true, to
	return op
}

func raw(text string) json.RawMessage { return json.RawMessage(text) }

func TestServerV2(t *testing.T) {
	eachVector(t, "v2_server.json", serverFrames(), func(t *testing.T, f frame, want []byte) {
		equalFrame(t, f.encode(nil), want)
		got, err := wire.DecodeServer(want)
		if err != nil {
			t.Fatal(err)
		}
		equalValue(t, got, f.decoded)
	})
}

func serverFrames() map[string]frame {
	frames := map[string]frame{
		"hello": hello(&wire.Hello{Session: "s-1_A", Heartbeat: 15 * time.Second, Limits: wire.Limits{
			Subscriptions: 1000, Items: 10000, FrameBytes: 65536, FramesPerSecond: 50, FrameBurst: 200}}),
		"hello of an event stream":                      hello(&wire.Hello{Session: "s", Heartbeat: 500 * time.Millisecond, Observers: []string{observer}}),
		"hello of an event stream that follows nothing": hello(&wire.Hello{Session: "s", Heartbeat: 500 * time.Millisecond, Observers: []string{}}),
		"close":                          closing(&wire.Close{Code: wire.CloseReplaced, Reason: "another socket took over"}),
		"hello without limits":           hello(&wire.Hello{Session: "s", Heartbeat: 500 * time.Millisecond}),
		"subscribed":                     subscribed(&wire.Subscribed{ID: "7", Observer: observer, Epoch: "e1", Seq: 41, PrimaryKey: "id"}),
		"subscribed under a new id":      subscribed(&wire.Subscribed{ID: "8", Observer: observer, Epoch: "e1", Seq: 41, PrimaryKey: "id", Replaces: "a7" + observer[2:]}),
		"subscribed with a text id":      subscribed(&wire.Subscribed{ID: `"q \"1\""`, Observer: observer, Epoch: "e1", PrimaryKey: "_key"}),
		"progress":                       progress(&wire.Progress{Position: at("56"), Whole: true}),
		"progress with observers behind": progress(&wire.Progress{Position: at("57"), Behind: []string{observer, "0a"}}),
		"error":                          failure(&wire.Error{ID: "8", Code: wire.CodeNotObservable, Detail: "GET /static is not observable"}),
		"error without an id":            failure(&wire.Error{Code: wire.CodeBadRequest, Detail: "not a JSON object"}),
		"pong":                           pong(&wire.Pong{ID: `"p1"`}),
		"pong without an id":             pong(&wire.Pong{}),
		"snapshot": snapshot(wire.Snapshot{Position: at("52"), KeyType: wire.KeyInteger, Items: listed(
			item("1", `{"id":1,"name":"Ada"}`), item("2", `{"id":2,"name":"Bob"}`))}, wire.ReasonSubscribe),
		"snapshot of a page": snapshot(wire.Snapshot{Seq: 9, Position: at("53"), KeyType: wire.KeyInteger,
			Items: listed(item("1", `{"id":1}`)),
			Meta:  []byte(`{"count":31,"next":"/posts?page=2","previous":null}`)}, wire.ReasonResumeGap),
		"snapshot with keys": snapshot(wire.Snapshot{Seq: 3, Position: at("54"), KeyType: wire.KeyNumber, Items: listed(
			item("9007199254740993", `{"id":9007199254740993}`), item("1.50", `{"id":1.50}`))},
			wire.ReasonEpoch, "9007199254740993", "1.50"),
		"snapshot of nothing": snapshot(wire.Snapshot{Seq: 1, Position: at("55")}, wire.ReasonSlowConsumer),
	}
	stale := &wire.Stale{Since: time.Date(2026, 11, 23, 8, 15, 30, 250e6, time.UTC), Reason: "the source has not answered"}
	frames["stale"] = frame{func(dst []byte) []byte { return wire.AppendStale(dst, stale) }, stale}
	closed := &wire.Closed{Observer: observer, Code: wire.CodePermissionRevoked, Detail: "the view answered 403"}
	frames["closed"] = frame{func(dst []byte) []byte { return wire.AppendClosed(dst, closed) }, closed}
	moved := &wire.Closed{Observer: observer, Code: wire.CodeScopeChanged, Detail: "other rows are to be seen now: observe again"}
	frames["closed by another scope"] = frame{func(dst []byte) []byte { return wire.AppendClosed(dst, moved) }, moved}
	for name, f := range changesFrames() {
		frames[name] = f
	}
	return frames
}

func changesFrames() map[string]frame {
	op := func(op diff.Op) wire.Changes { return wire.Changes{Ops: []diff.Op{op}} }
	long := `"a text so long that two small members beat the whole item"`
	every := wire.Changes{
		Ops: []diff.Op{
			{Kind: diff.Removed, Key: "b", At: 1},
			moved(changed("c", `{"id":"c","n":1,"text":`+long+`}`, `{"id":"c","n":2,"text":`+long+`}`), 0),
			{Kind: diff.Added, Key: "d", At: 1, Data: []byte(`{"id":"d","n":4}`)},
		},
		MetaChanged: true, Meta: []byte(`{"count":3}`),
	}
	return map[string]frame{
		"changes added": changes(42, at("42"),
			op(diff.Op{Kind: diff.Added, Key: "17", At: 3, Data: []byte(`{"id":17,"name":"Ada"}`)}),
			wire.FrameOp{Op: "added", Key: "17", Order: order(3), Item: raw(`{"id":17,"name":"Ada"}`)}),
		"changes set and unset": changes(43, at("43"),
			op(moved(changed("9", `{"id":9,"note":1,"score":6,"text":`+long+`}`, `{"id":9,"score":7,"text":`+long+`}`), 0)),
			wire.FrameOp{Op: "changed", Key: "9", Order: order(0), Set: fields("score", "7"), Unset: []string{"note"}}),
		"changes set only": changes(44, at("44"),
			op(changed("9", `{"id":9,"score":7,"text":`+long+`}`, `{"id":9,"score":8,"text":`+long+`,"tags":["a",{"b":1}]}`)),
			wire.FrameOp{Op: "changed", Key: "9", Set: fields("score", "8", "tags", `["a",{"b":1}]`)}),
		"changes unset only": changes(45, at("45"),
			op(changed("9", `{"id":9,"note":"}","text":`+long+`,"seen":[{}]}`, `{"id":9,"text":`+long+`}`)),
			wire.FrameOp{Op: "changed", Key: "9", Unset: []string{"note", "seen"}}),
		"changes whole item where it is smaller": changes(46, at("46"),
			op(changed("9", `{"id":9,"note":"","seen":[]}`, `{"id":9}`)),
			wire.FrameOp{Op: "changed", Key: "9", Item: raw(`{"id":9}`)}),
		"changes pure move": changes(47, at("47"),
			op(moved(changed("9", `{"id":9}`, `{"id":9}`), 2)),
			wire.FrameOp{Op: "changed", Key: "9", Order: order(2)}),
		"changes removed": changes(48, at("48"),
			op(diff.Op{Kind: diff.Removed, Key: "3", At: 4}),
			wire.FrameOp{Op: "removed", Key: "3"}),
		"changes meta": changes(49, at("49"),
			wire.Changes{MetaChanged: true, Meta: []byte(`{"count":12,"next":null}`)},
			wire.FrameOp{Op: "meta", Meta: raw(`{"count":12,"next":null}`)}),
		"changes meta gone": changes(50, at("50"),
			wire.Changes{MetaChanged: true},
			wire.FrameOp{Op: "meta", Meta: raw("null")}),
		"changes of every kind": changes(51, at("51"), every,
			wire.FrameOp{Op: "removed", Key: "b"},
			wire.FrameOp{Op: "changed", Key: "c", Set: fields("n", "2"), Order: order(0)},
			wire.FrameOp{Op: "added", Key: "d", Order: order(1), Item: raw(`{"id":"d","n":4}`)},
			wire.FrameOp{Op: "meta", Meta: raw(`{"count":3}`)}),
		"changes of a key to be escaped": changes(52, at("52"),
			op(diff.Op{Kind: diff.Removed, Key: "a\"b\\c\n\t\r\x01é😀"}),
			wire.FrameOp{Op: "removed", Key: "a\"b\\c\n\t\r\x01é😀"}),
	}
}

func fields(pairs ...string) map[string]json.RawMessage {
	set := map[string]json.RawMessage{}
	for i := 0; i < len(pairs); i += 2 {
		set[pairs[i]] = raw(pairs[i+1])
	}
	return set
}

func TestClientV2(t *testing.T) {
	values := map[string]wire.ClientMessage{
		"subscribe": &wire.Subscribe{ID: "1", URL: "/posts?author=7"},
		"subscribe with everything": &wire.Subscribe{ID: `"a"`, URL: "/posts",
			Headers: map[string]string{"Accept-Language": "de", "X-Org": "4"}, Since: &wire.Point{Epoch: "e1", Seq: 41}},
		"unsubscribe":       &wire.Unsubscribe{Observer: observer},
		"resume of nothing": &wire.Resume{Observers: map[string]wire.Resuming{}},
		"resume":            &wire.Resume{ID: "2", Observers: map[string]wire.Resuming{observer: {Epoch: "e1", Seq: 41, URL: "/posts"}}},
		"resume without urls": &wire.Resume{ID: "3", Observers: map[string]wire.Resuming{
			"0a": {Epoch: "e2"}, "0b": {Epoch: "e3", Seq: 1<<64 - 1}}},
		"authenticate":       &wire.Authenticate{Token: "abc.def"},
		"ping":               &wire.Ping{ID: "3.5"},
		"ping without an id": &wire.Ping{},
	}
	eachVector(t, "v2_client.json", values, func(t *testing.T, m wire.ClientMessage, want []byte) {
		encoded, err := wire.EncodeClient(m)
		if err != nil {
			t.Fatal(err)
		}
		equalFrame(t, encoded, want)
		got, err := wire.DecodeClient(want)
		if err != nil {
			t.Fatal(err)
		}
		equalValue(t, got, m)
	})
}

func TestBadClientV2(t *testing.T) {
	var vectors []struct {
		Name, Text string
		Ignored    bool
	}
	load(t, "v2_bad.json", &vectors)
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			m, err := wire.DecodeClient([]byte(v.Text))
			if v.Ignored {
				if _, ok := m.(*wire.Unknown); !ok || err != nil {
					t.Errorf("DecodeClient(%s) = %#v, %v; want *Unknown", v.Text, m, err)
				}
				return
			}
			var frameErr *wire.FrameError
			if !errors.As(err, &frameErr) {
				t.Errorf("DecodeClient(%s) = %#v, %v; want a *FrameError", v.Text, m, err)
			}
		})
	}
}

func TestServerV1(t *testing.T) {
	c := &wire.Changes{Observer: observer, PrimaryKey: "id"}
	removed := func(pk string, kt wire.KeyType, op diff.Op) []byte {
		return wire.AppendV1(nil, &wire.Changes{Observer: observer, PrimaryKey: pk, KeyType: kt}, op)
	}
	values := map[string][]byte{
		"added":                              wire.AppendV1(nil, c, diff.Op{Kind: diff.Added, Key: "17", At: 3, Data: []byte(`{"id":17,"name":"Ada"}`)}),
		"changed":                            wire.AppendV1(nil, c, diff.Op{Kind: diff.Changed, Key: "9", At: 0, Data: []byte(`{"id":9,"score":7}`)}),
		"removed with a text key":            removed("slug", wire.KeyString, diff.Op{Kind: diff.Removed, Key: `a"b`, At: 2}),
		"removed with an integer key":        removed("id", wire.KeyInteger, diff.Op{Kind: diff.Removed, Key: "-3", At: 1}),
		"removed with another number as key": removed("id", wire.KeyNumber, diff.Op{Kind: diff.Removed, Key: "9007199254740993"}),
		"removed of a make-good":             wire.AppendV1Removed(nil, observer, "_key", wire.KeyString, "a,b%2C", 0),
		"closed":                             wire.AppendV1Closed(nil, observer, wire.CodeViewError),
		"closed by another scope":            wire.AppendV1Closed(nil, observer, wire.CodeScopeChanged),
	}
	eachVector(t, "v1_server.json", values, func(t *testing.T, got, want []byte) {
		equalFrame(t, got, want)
		var plain struct {
			Msg, Observer string
			PrimaryKey    string `json:"primary_key"`
			Order         int
			Item          json.RawMessage
			Code          wire.Code
		}
		if err := json.Unmarshal(want, &plain); err != nil {
			t.Fatal(err)
		}
		m, err := wire.DecodeV1(want)
		if err != nil {
			t.Fatal(err)
		}
		equalValue(t, *m, wire.V1Message(plain))
	})
}

func TestHTTP(t *testing.T) {
	page := wire.Snapshot{Observer: observer, PrimaryKey: "id", Epoch: "e1", Position: at("42")}
	plain, keyed, poll := page, page, page
	plain.KeyType, plain.Items = wire.KeyInteger, listed(item("1", `{"id":1,"name":"Ada"}`), item("2", `{"id":2,"name":"Bob"}`))
	page.KeyType, page.Seq, page.Items, page.Meta = wire.KeyString, 5, listed(item("a", `{"id":"a"}`)), []byte(`{"count":31,"next":null}`)
	keyed.KeyType, keyed.Seq, keyed.Items = wire.KeyNumber, 5, listed(item("0.5", `{"id":0.5}`))
	poll.Observer, poll.Seq, poll.Position = "", 6, at("43")
	values := map[string]any{
		"envelope of a list":      envelopeCase{&plain, nil},
		"envelope of a page":      envelopeCase{&page, nil},
		"envelope with keys":      envelopeCase{&keyed, []string{"0.5"}},
		"envelope of a long poll": envelopeCase{&poll, nil},
		"problem":                 wire.NewProblem(500, wire.CodeUnobservableResult, `GET /posts: item 3 has no field "id"`),
		"problem of parameters": &wire.Problem{Status: 400, Code: wire.CodeUnknownParameter, Title: "Bad Request",
			Detail: "colour: no such parameter", Errors: map[string][]string{"colour": {"no such parameter"}, "size": {"want an integer"}},
			Known: []string{"limit", "size"}},
		"problem without detail": wire.NewProblem(429, wire.CodeTooManySessions, ""),
		"ticket":                 "kq0Yv3uXo1b2mJt7c9LwQe5rTz8sAfGhDiPnUxVyE4k",
	}
	eachVector(t, "http.json", values, func(t *testing.T, value any, want []byte) {
		switch value := value.(type) {
		case envelopeCase:
			equalFrame(t, wire.AppendEnvelope(nil, value.snapshot), want)
			got, err := wire.DecodeEnvelope(want)
			if err != nil {
				t.Fatal(err)
			}
			equalValue(t, *got, envelopeOf(*value.snapshot, value.keys))
		case *wire.Problem:
			checkProblem(t, value, want)
		case string:
			equalFrame(t, wire.AppendTicket(nil, value, 30*time.Second), want)
		}
	})
}

type envelopeCase struct {
	snapshot *wire.Snapshot
	keys     []string
}

func checkProblem(t *testing.T, p *wire.Problem, want []byte) {
	t.Helper()
	answer := httptest.NewRecorder()
	p.Write(answer)
	equalFrame(t, answer.Body.Bytes(), want)
	equalValue(t, answer.Code, p.Status)
	equalValue(t, answer.Header().Get("Content-Type"), "application/problem+json")
	equalValue(t, answer.Header().Get("Cache-Control"), "no-store")
	got := &wire.Problem{}
	if err := json.Unmarshal(want, got); err != nil {
		t.Fatal(err)
	}
	equalValue(t, got, p)
}
