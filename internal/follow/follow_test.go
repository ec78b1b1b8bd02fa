package follow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/wakeful-dev/wakeful/internal/follow"
)

// server says what a test tells it to say.
type server struct {
	t *testing.T
	*httptest.Server
	mu      sync.Mutex
	answers map[string]string // of GETs, by path
	sockets chan net.Conn
}

func newServer(t *testing.T) *server {
	s := &server{t: t, answers: map[string]string{}, sockets: make(chan net.Conn, 4)}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/ws/") {
		upgrader := ws.HTTPUpgrader{Protocol: func(p string) bool { return p == "wakeful.v2+json" }}
		conn, _, _, err := upgrader.Upgrade(r, w)
		if err != nil {
			s.t.Error(err)
			return
		}
		s.sockets <- conn
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if answer, ok := s.answers[r.URL.Path]; ok {
		io.WriteString(w, answer)
		return
	}
	if r.Method == http.MethodPost {
		io.WriteString(w, "{}")
		return
	}
	http.NotFound(w, r)
}

func (s *server) answer(path, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[path] = body
}

// peer is the server's end of one socket.
type peer struct {
	t *testing.T
	net.Conn
}

func (p peer) say(frames ...string) {
	p.t.Helper()
	for _, frame := range frames {
		if err := wsutil.WriteServerText(p, []byte(frame)); err != nil {
			p.t.Fatal(err)
		}
	}
}

// hear returns the next frame of the client.
func (p peer) hear() map[string]any {
	p.t.Helper()
	data, err := wsutil.ReadClientText(p)
	if err != nil {
		p.t.Fatal(err)
	}
	var frame map[string]any
	if err := json.Unmarshal(data, &frame); err != nil {
		p.t.Fatal(err)
	}
	return frame
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, fmt.Errorf("nothing happened for 10 s"))
	t.Cleanup(cancel)
	return ctx
}

const hello = `{"type":"hello","session":"s","heartbeat_ms":1000,"limits":{}}`

// connect makes a version 2 client whose lists the server has resumed.
func (s *server) connect(c *follow.Client, observers ...string) peer {
	s.t.Helper()
	done := make(chan error, 1)
	ctx := within(s.t)
	go func() { done <- c.Connect(ctx) }()
	p := peer{s.t, <-s.sockets}
	p.say(hello)
	resume := p.hear()
	if resume["type"] != "resume" {
		s.t.Fatalf("first frame is %v, want resume", resume)
	}
	for _, o := range observers {
		since, _ := resume["observers"].(map[string]any)[o].(map[string]any)
		p.say(fmt.Sprintf(`{"type":"subscribed","id":%q,"observer":%q,"epoch":%q,"seq":%v,"primary_key":"id"}`, resume["id"], o, since["epoch"], since["seq"]))
	}
	if err := <-done; err != nil {
		s.t.Fatal(err)
	}
	return p
}

// list writes a list as the keys and values of its items: "1=a 2=b".
func list(l *follow.List) string {
	var out []string
	for _, item := range l.Items {
		var fields struct {
			ID json.Number
			V  string
		}
		if err := json.Unmarshal(item.Data, &fields); err != nil {
			return err.Error()
		}
		out = append(out, fmt.Sprintf("%s=%s", fields.ID, fields.V))
	}
	return strings.Join(out, " ")
}

func answer(seq int) string {
	return fmt.Sprintf(`{"observer":"o","items":[{"id":1,"v":"a"},{"id":2,"v":"b"}],"primary_key":"id","epoch":"e","seq":%d,"position":"history0000000000000000%d"}`, seq, seq)
}

func changes(seq int, ops string) string {
	return fmt.Sprintf(`{"type":"changes","observer":"o","epoch":"e","seq":%d,"position":"history0000000000000000%d","ops":[%s]}`, seq, seq, ops)
}

const end = `{"type":"progress","position":"history00000000000000009","whole":true}`

func TestClientFollowsTheRules(t *testing.T) {
	const added = `{"op":"added","key":"3","order":0,"item":{"id":3,"v":"c"}}`
	tests := []struct {
		name   string
		frames []string
		want   string
		fault  string // part of the first one
	}{
		{"applied", []string{changes(6, added)}, "3=c 1=a 2=b", ""},
		{"one frame, many ops", []string{changes(6, added+`,{"op":"removed","key":"1"},{"op":"changed","key":"3","set":{"v":"d"},"order":1}`)}, "2=b 3=d", ""},
		{"a whole item in place of fields", []string{changes(6, `{"op":"changed","key":"1","item":{"id":1,"v":"z"}}`)}, "1=z 2=b", ""},
		{"unknown ops and types are ignored", []string{`{"type":"news"}`, changes(6, `{"op":"wink","key":"1"}`)}, "1=a 2=b", ""},
		{"older than the snapshot", []string{changes(5, added)}, "1=a 2=b", ""},
		{"twice on one socket", []string{changes(6, added), changes(6, added)}, "3=c 1=a 2=b", "socket sent e:6 after e:6"},
		{"a snapshot replaces", []string{`{"type":"snapshot","observer":"o","epoch":"f","seq":2,"position":"history00000000000000006","primary_key":"id","items":[{"id":9,"v":"x"}],"reason":"epoch"}`}, "9=x", ""},
		{"a snapshot that goes back", []string{`{"type":"snapshot","observer":"o","epoch":"f","seq":2,"position":"history00000000000000001","primary_key":"id","items":[],"reason":"epoch"}`}, "", "goes back"},
		{"an older snapshot of the epoch", []string{`{"type":"snapshot","observer":"o","epoch":"e","seq":4,"position":"history00000000000000006","primary_key":"id","items":[],"reason":"slow_consumer"}`}, "1=a 2=b", ""},
		{"added is there", []string{changes(6, `{"op":"added","key":"2","order":0,"item":{"id":2,"v":"c"}}`)}, "1=a 2=b", "is in the list"},
		{"changed is not", []string{changes(6, `{"op":"changed","key":"7","set":{"v":"c"}}`)}, "1=a 2=b", "not in the list"},
		{"removed is not", []string{changes(6, `{"op":"removed","key":"7"}`)}, "1=a 2=b", "not in the list"},
		{"no such place", []string{changes(6, `{"op":"added","key":"3","order":3,"item":{"id":3,"v":"c"}}`)}, "1=a 2=b", "no place"},
		{"key of another item", []string{changes(6, `{"op":"added","key":"3","order":0,"item":{"id":4,"v":"c"}}`)}, "1=a 2=b", "holds key 4"},
		{"a key changes its type", []string{changes(6, `{"op":"changed","key":"2","item":{"id":"2","v":"c"}}`)}, "1=a 2=b", "turned key"},
		{"progress goes back", []string{end, `{"type":"progress","position":"history00000000000000001","whole":true}`}, "1=a 2=b", "progress goes back"},
		{"hello twice", []string{hello}, "1=a 2=b", "hello"},
		{"an observer that nobody follows", []string{strings.Replace(changes(6, added), `"o"`, `"x"`, 1)}, "1=a 2=b", "not followed"},
		{"not JSON", []string{`{`}, "1=a 2=b", "frame"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			s.answer("/items", answer(5))
			client := follow.NewClient(follow.Config{Server: s.URL, Session: "s"})
			l, err := client.Get(within(t), "/items")
			if err != nil {
				t.Fatal(err)
			}
			p := s.connect(client, "o")
			p.say(tt.frames...)
			p.say(`{"type":"stale","since":"2026-01-01T00:00:00.000Z"}`)
			if err := client.Wait(within(t), func(v follow.View) bool { return v.Stale() }); err != nil {
				t.Fatal(err)
			}
			if got := list(l); got != tt.want {
				t.Errorf("list is %q, want %q", got, tt.want)
			}
			if got := fmt.Sprint(client.Faults()); (tt.fault == "") != (got == "[]") || !strings.Contains(got, tt.fault) {
				t.Errorf("faults are %s, want %q", got, tt.fault)
			}
		})
	}
}

func TestChangesAreHeldUntilTheGETIsAnswered(t *testing.T) {
	s := newServer(t)
	release := make(chan struct{})
	client := follow.NewClient(follow.Config{Server: s.URL, Session: "s", Transport: transport(func(r *http.Request) (*http.Response, error) {
		<-release
		return http.DefaultTransport.RoundTrip(r)
	})})
	s.answer("/items", answer(5))
	p := s.connect(client)
	got := make(chan *follow.List)
	go func() {
		l, err := client.Get(within(t), "/items")
		if err != nil {
			t.Error(err)
		}
		got <- l
	}()
	if err := client.Wait(within(t), func(v follow.View) bool { return v.Waiting() == 1 }); err != nil {
		t.Fatal(err)
	}
	p.say(changes(5, `{"op":"removed","key":"7"}`), changes(6, `{"op":"removed","key":"1"}`), changes(7, `{"op":"removed","key":"2"}`), end)
	if err := client.Wait(within(t), func(v follow.View) bool { return v.Progress().Whole }); err != nil {
		t.Fatal(err)
	}
	close(release)
	if l := <-got; list(l) != "" || l.Seq != 7 {
		t.Errorf("list is %q at %d, want none at 7", list(l), l.Seq)
	}
	if faults := client.Faults(); faults != nil {
		t.Error(faults)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestClientResumes(t *testing.T) {
	s := newServer(t)
	s.answer("/items", answer(5))
	client := follow.NewClient(follow.Config{Server: s.URL, Session: "s"})
	l, err := client.Get(within(t), "/items")
	if err != nil {
		t.Fatal(err)
	}
	p := s.connect(client, "o")
	p.say(changes(6, `{"op":"removed","key":"1"}`))
	if err := client.Wait(within(t), func(follow.View) bool { return l.Seq == 6 }); err != nil {
		t.Fatal(err)
	}
	client.Cut()

	p = s.connect(client, "o") // says epoch and seq as the client gave them
	p.say(changes(7, `{"op":"removed","key":"2"}`))
	if err := client.Wait(within(t), func(follow.View) bool { return l.Seq == 7 }); err != nil {
		t.Fatal(err)
	}
	if faults := client.Faults(); faults != nil {
		t.Error(faults)
	}

	p.say(changes(9, `{"op":"removed","key":"2"}`)) // 8 is missing
	resume := p.hear()
	got := fmt.Sprint(resume["observers"])
	if want := "map[o:map[epoch:e seq:7 url:/items]]"; resume["type"] != "resume" || got != want {
		t.Errorf("after a gap the client says %v %s, want resume %s", resume["type"], got, want)
	}
	if faults := client.Faults(); len(faults) == 0 {
		t.Error("a gap on one socket is no fault")
	}
}

func TestResumeUnderAnotherID(t *testing.T) {
	s := newServer(t)
	s.answer("/items", answer(5))
	client := follow.NewClient(follow.Config{Server: s.URL, Session: "s"})
	l, err := client.Get(within(t), "/items")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- client.Connect(within(t)) }()
	p := peer{t, <-s.sockets}
	p.say(hello)
	id := p.hear()["id"]
	p.say(fmt.Sprintf(`{"type":"subscribed","id":%q,"observer":"n","epoch":"e","seq":5,"primary_key":"id","replaces":"o"}`, id))
	p.say(strings.Replace(changes(6, `{"op":"removed","key":"1"}`), `"o"`, `"n"`, 1))
	if err := client.Wait(within(t), func(follow.View) bool { return l.Seq == 6 }); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || l.Observer != "n" || client.Faults() != nil {
		t.Errorf("observer %s, %v, faults %v", l.Observer, err, client.Faults())
	}
}

// TestClientObservesAgain: told that other rows are to be seen now, the client
// asks for them, and holds them under the same URL. One that is refused holds
// what has ended.
func TestClientObservesAgain(t *testing.T) {
	s := newServer(t)
	s.answer("/items", answer(5))
	client := follow.NewClient(follow.Config{Server: s.URL, Session: "s"})
	l, err := client.Get(within(t), "/items")
	if err != nil {
		t.Fatal(err)
	}
	p := s.connect(client, "o")
	p.say(`{"type":"closed","observer":"o","code":"scope_changed","detail":"observe again"}`)
	asked := p.hear()
	if asked["type"] != "subscribe" || asked["url"] != "/items" {
		t.Fatalf("the client said %v", asked)
	}
	p.say(fmt.Sprintf(`{"type":"subscribed","id":%q,"observer":"n","epoch":"f","seq":0,"primary_key":"id"}`, asked["id"]),
		`{"type":"snapshot","observer":"n","epoch":"f","seq":0,"position":"history00000000000000006","primary_key":"id","items":[{"id":3,"v":"c"}],"reason":"subscribe"}`)
	if err := client.Wait(within(t), func(v follow.View) bool { return list(l) == "3=c" && v.Waiting() == 0 }); err != nil {
		t.Fatalf("%v: holds %s", err, list(l))
	}
	if l.Ended || l.Observer != "n" {
		t.Errorf("the list is of %s, ended: %t", l.Observer, l.Ended)
	}
	p.say(`{"type":"closed","observer":"n","code":"scope_changed","detail":"observe again"}`)
	p.say(fmt.Sprintf(`{"type":"error","id":%q,"code":"scope_changed","detail":"observe again"}`, p.hear()["id"]))
	p.say(fmt.Sprintf(`{"type":"error","id":%q,"code":"permission_revoked","detail":"403"}`, p.hear()["id"]))
	if err := client.Wait(within(t), func(v follow.View) bool { return l.Ended && v.Waiting() == 0 }); err != nil {
		t.Fatal(err)
	}
	if client.Faults() != nil {
		t.Errorf("faults %v", client.Faults())
	}
}

func TestProgressSpeaksForListsThatItReaches(t *testing.T) {
	s := newServer(t)
	s.answer("/items", answer(5))
	var covered []int
	client := follow.NewClient(follow.Config{Server: s.URL, Session: "s", Watch: follow.Watch{
		Progress: func(_ follow.Progress, lists []*follow.List) { covered = append(covered, len(lists)) },
	}})
	if _, err := client.Get(within(t), "/items"); err != nil {
		t.Fatal(err)
	}
	p := s.connect(client, "o")
	for _, rest := range []string{`4","whole":true`, `5","whole":true`, `6","whole":true,"behind":["o"]`} {
		p.say(`{"type":"progress","position":"history0000000000000000` + rest + `}`)
	}
	if err := client.Wait(within(t), func(v follow.View) bool { return len(v.Progress().Behind) > 0 }); err != nil {
		t.Fatal(err)
	}
	// The first was on its way before the answer; the last leaves the list out.
	if got := fmt.Sprint(covered); got != "[0 1 0]" {
		t.Errorf("progress covers %s lists, want [0 1 0]", got)
	}
}

func TestAnswersAreNotOlderThanProgress(t *testing.T) {
	s := newServer(t)
	s.answer("/items", answer(5))
	client := follow.NewClient(follow.Config{Server: s.URL, Session: "s"})
	p := s.connect(client)
	p.say(end)
	if err := client.Wait(within(t), func(v follow.View) bool { return v.Progress().Whole }); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Get(within(t), "/items"); err != nil {
		t.Fatal(err)
	}
	if faults := fmt.Sprint(client.Faults()); !strings.Contains(faults, "was known when it was asked") {
		t.Errorf("an answer older than the progress before it is no fault: %s", faults)
	}
}

func v1(msg string, order int, item string) string {
	return fmt.Sprintf(`{"msg":%q,"observer":"o","primary_key":"id","order":%d,"item":%s}`, msg, order, item)
}

func TestClientV1DoesWhatPublishedClientsDo(t *testing.T) {
	tests := []struct {
		name   string
		frames []string
		want   string
		fault  string
	}{
		{"added", []string{v1("added", 1, `{"id":3,"v":"c"}`)}, "1=a 3=c 2=b", ""},
		{"added beyond the end", []string{v1("added", 9, `{"id":3,"v":"c"}`)}, "1=a 2=b 3=c", "at 9 of 2"},
		{"added twice", []string{v1("added", 0, `{"id":2,"v":"c"}`)}, "2=c 1=a 2=b", "is in"},
		{"changed in place", []string{v1("changed", 0, `{"id":1,"v":"c"}`)}, "1=c 2=b", ""},
		{"changed and moved", []string{v1("changed", 1, `{"id":1,"v":"c"}`)}, "2=b 1=c", ""},
		{"changed with a key of another type", []string{v1("changed", 1, `{"id":"1","v":"c"}`)}, "1=a 2=b", "not in"},
		{"removed", []string{v1("removed", 7, `{"id":1}`)}, "2=b", ""},
		{"removed with more than its key", []string{v1("removed", 7, `{"id":1,"v":"a"}`)}, "2=b", "more than its key"},
		{"removed is not there", []string{v1("removed", 7, `{"id":5}`)}, "1=a 2=b", ""},
		{"without msg", []string{`{"hi":1}`}, "1=a 2=b", ""},
		{"unknown msg", []string{v1("moved", 7, `{"id":1}`)}, "1=a 2=b", "unknown message"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			s.answer("/items", answer(5))
			pinged := make(chan struct{}, 1)
			client := follow.NewClientV1(follow.Config{Server: s.URL, Session: "s", Watch: follow.Watch{
				Proof: func([]*follow.List) { pinged <- struct{}{} },
			}})
			if err := client.Connect(within(t)); err != nil {
				t.Fatal(err)
			}
			p := peer{t, <-s.sockets}
			l, err := client.Get(within(t), "/items")
			if err != nil {
				t.Fatal(err)
			}
			p.say(tt.frames...)
			if err := wsutil.WriteServerMessage(p, ws.OpPing, []byte("1")); err != nil {
				t.Fatal(err)
			}
			<-pinged
			if got := list(l); got != tt.want {
				t.Errorf("list is %q, want %q", got, tt.want)
			}
			if got := fmt.Sprint(client.Faults()); (tt.fault == "") != (got == "[]") || !strings.Contains(got, tt.fault) {
				t.Errorf("faults are %s, want %q", got, tt.fault)
			}
		})
	}
}

func TestCanonical(t *testing.T) {
	tests := []struct{ in, want string }{
		{` {"b": 1.0, "a": [1e2, {"d":null,"c":"<"}]}`, `{"a":[1e2,{"c":"\u003c","d":null}],"b":1.0}`},
		{`9007199254740993`, `9007199254740993`},
	}
	for _, tt := range tests {
		if got, err := follow.Canonical([]byte(tt.in)); err != nil || string(got) != tt.want {
			t.Errorf("Canonical(%s) = %s, %v; want %s", tt.in, got, err, tt.want)
		}
	}
}
