package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/wire"
)

// clubs is an app whose rows are those of the asker's club, which it looks up
// as if in a database. Nobody is in a club too.
type clubs struct {
	mu    sync.Mutex
	of    map[string]string // by user; "" refuses
	tried map[string]int
	// tells is called in each trial when the club is known and the answer not
	// begun; nil: nothing.
	tells func(user string)
}

func (k *clubs) move(user, club string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.of[user] = club
}

func (k *clubs) telling(tells func(user string)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tells = tells
}

func (k *clubs) tries(user string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.tried[user]
}

func (k *clubs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m, user := mark.From(r.Context()), tokenOf(r.Header)
	k.mu.Lock()
	club, tells := k.of[user], k.tells
	trial := m != nil && m.Trial
	if trial {
		k.tried[user]++
	}
	k.mu.Unlock()
	if trial && tells != nil {
		tells(user)
	}
	if club == "" {
		http.Error(w, "no member", http.StatusForbidden)
		return
	}
	m.Set(&mark.View{Name: r.URL.Path, Key: []string{"id"}, Headers: []string{}, Scope: club})
}

// newClubHouse is a house whose app is of clubs: ann and bob are in the red
// one, eve in the blue one, as is nobody.
func newClubHouse(t testing.TB, cfg Config) (*house, *clubs) {
	k := &clubs{of: map[string]string{"ann": "red", "bob": "red", "eve": "blue", "": "blue"}, tried: map[string]int{}}
	cfg.Identity = func(r *http.Request) (string, error) { return tokenOf(r.Header), nil }
	h := newHouse(t, cfg, k)
	h.worker.lists["/a red"] = items("1:x", "2:y")
	h.worker.lists["/a blue"] = items("9:z")
	return h, k
}

const ann, bob, eve = "Authorization: Bearer ann", "Authorization: Bearer bob", "Authorization: Bearer eve"

// TestObserversOfScopes: as many observers as scopes, whoever asks; and what the
// worker is told of them.
func TestObserversOfScopes(t *testing.T) {
	const users, scopes = 500, 20
	h, k := newClubHouse(t, Config{})
	ids := map[string]string{}
	for i := range users {
		user, club := fmt.Sprint("user", i), fmt.Sprint("club", i%scopes)
		k.move(user, club)
		e := h.observe("/a", user, "Authorization: Bearer "+user)
		if had := ids[club]; had != "" && had != e.Observer {
			t.Fatalf("%s of %s has another observer than the others", user, club)
		}
		ids[club] = e.Observer
	}
	distinct := map[string]bool{}
	for _, id := range ids {
		distinct[id] = true
	}
	h.worker.mu.Lock()
	defer h.worker.mu.Unlock()
	if len(distinct) != scopes || len(h.worker.observers) != scopes {
		t.Errorf("%d ids and %d observers, want %d", len(distinct), len(h.worker.observers), scopes)
	}
	credentials := map[string]bool{}
	for _, m := range h.worker.asked {
		if m.Identity != "" || !strings.HasPrefix(m.Scope, "club") || m.Request.Credentials == "" {
			t.Fatalf("asked with identity %q, scope %q, credentials %q", m.Identity, m.Scope, m.Request.Credentials)
		}
		credentials[m.Request.Credentials] = true
	}
	if len(credentials) != users {
		t.Errorf("%d credentials of %d users", len(credentials), users)
	}
	if one, other := idOf(t, h.gw, "http://h/a", "club1", nil), h.gw.observerID("h", "/a", rights{scope: "club1"}, nil); one == other {
		t.Error("a scope and an identity of equal name share an observer")
	}
	for user := range users {
		if n := k.tries(fmt.Sprint("user", user)); n != 1 {
			t.Errorf("user%d was tried %d times, want once, behind the answer", user, n)
		}
	}
}

// watcher is one way to follow a list: it returns what comes until the list
// ends, and the code of that.
type watcher struct {
	name  string
	watch func(h *house, session, who string) (end func() (frames []string, code string))
}

func watchers() []watcher {
	socket := func(v version) func(h *house, session, who string) func() ([]string, string) {
		return func(h *house, session, who string) func() ([]string, string) {
			c := h.dial(session, v, who)
			if v == version2 {
				c.until("hello")
				c.say(`{"type":"resume","id":1,"observers":{}}`)
			}
			h.observe("/a", session, who)
			return func() ([]string, string) {
				f, before := c.until("closed")
				return raws(before), f.Code
			}
		}
	}
	return []watcher{
		{"version 1", socket(version1)},
		{"version 2", socket(version2)},
		{"events of a view", func(h *house, _, who string) func() ([]string, string) {
			l := h.listen("/a", who)
			l.until("snapshot")
			return func() ([]string, string) { return l.toTheEnd() }
		}},
		{"events of a session", func(h *house, session, who string) func() ([]string, string) {
			h.observe("/a", session, who)
			l := h.listen("/ws/"+session, who)
			l.until("hello")
			return func() ([]string, string) { return l.toTheEnd() }
		}},
	}
}

func raws(frames []frame) (out []string) {
	for _, f := range frames {
		out = append(out, f.raw)
	}
	return out
}

// toTheEnd returns all up to a closed.
func (l *listener) toTheEnd() (frames []string, code string) {
	l.t.Helper()
	e, before := l.until("closed")
	for _, b := range before {
		frames = append(frames, b.raw)
	}
	return frames, e.Code
}

// TestScopeChanged: who may see other rows from a commit on is told so before
// anything newer, by whatever way; the others of his former scope go on without
// a gap.
func TestScopeChanged(t *testing.T) {
	for _, w := range watchers() {
		for _, held := range []bool{false, true} {
			t.Run(fmt.Sprint(w.name, ", with the next diff: ", held), func(t *testing.T) {
				h, k := newClubHouse(t, Config{})
				other := h.begin("s1", ann)
				h.observe("/a", "s1", ann)
				end := w.watch(h, "s2", bob)
				k.move("bob", "blue")
				if held {
					h.worker.doubtLater()
				} else {
					h.worker.doubt()
				}
				h.worker.set(map[string][]diff.Item{"/a red": items("1:x", "77:secret")})
				f, before := other.until("changes")
				if f.Seq != 1 || slices.ContainsFunc(before, func(f frame) bool { return f.Type == "snapshot" }) {
					t.Errorf("who stays got %s after %v", f.raw, before)
				}
				frames, code := end()
				if code != string(wire.CodeScopeChanged) {
					t.Errorf("closed with %q", code)
				}
				removed := 0
				for _, raw := range frames {
					if strings.Contains(raw, "secret") || strings.Contains(raw, `"id":77`) {
						t.Errorf("who has left was sent %s", raw)
					}
					if strings.Contains(raw, `"item":{"id":1}`) || strings.Contains(raw, `"item":{"id":2}`) {
						removed++
					}
				}
				if w.name == "version 1" && (removed != 2 || len(frames) != 2) {
					t.Errorf("a version 1 client got %q, want that its two rows are removed", frames)
				}
				if e := h.observe("/a", "s3", bob); len(e.Items) != 1 || !strings.Contains(string(e.Items[0]), "z") {
					t.Errorf("observed again: %s", e.Items)
				}
			})
		}
	}
}

// TestRightsEndForAll: a membership that nothing takes the place of.
func TestRightsEndForAll(t *testing.T) {
	h, k := newClubHouse(t, Config{})
	c := h.begin("s1", ann)
	h.observe("/a", "s1", ann)
	k.move("ann", "")
	h.worker.doubt()
	if f, _ := c.until("closed"); f.Code != string(wire.CodePermissionRevoked) {
		t.Errorf("%s", f.raw)
	}
}

// TestScopeMovesDuringAGet: the club is another when the list has come than when
// the route was asked: the answer is the list of that.
func TestScopeMovesDuringAGet(t *testing.T) {
	for _, how := range []string{"GET", "poll", "events", "subscribe"} {
		t.Run(how, func(t *testing.T) {
			h, k := newClubHouse(t, Config{})
			h.observe("/a", "s1", ann)
			c := h.begin("s2", bob)
			h.worker.mu.Lock()
			h.worker.deaf["/a red"] = true
			asked := len(h.worker.asked)
			h.worker.mu.Unlock()
			answer := make(chan string, 1)
			go func() {
				switch how {
				case "GET":
					answer <- string(h.observe("/a", "s2", bob).Items[0])
				case "poll":
					answer <- h.poll("/a", "", 0, bob).raw
				case "events":
					e, _ := h.listen("/a", bob).until("snapshot")
					answer <- e.raw
				case "subscribe":
					c.say(`{"type":"subscribe","id":1,"url":"/a"}`)
					f, _ := c.until("snapshot")
					answer <- f.raw
				}
			}()
			h.worker.await("the question", func() bool { return len(h.worker.asked) > asked })
			k.move("bob", "blue") // no doubt reaches anybody for bob: he follows nothing
			h.worker.mu.Lock()
			h.worker.deaf["/a red"] = false
			h.worker.lists["/a red"] = items("1:secret")
			h.worker.send(h.worker.answer(h.worker.asked[asked], "/a red"))
			h.worker.mu.Unlock()
			if got := <-answer; strings.Contains(got, "secret") || !strings.Contains(got, `"id":9`) {
				t.Errorf("got %s, want the blue list", got)
			}
		})
	}
}

// TestPollOfAnotherScope: a poll that is held is answered with the list of the
// scope that its client has now.
func TestPollOfAnotherScope(t *testing.T) {
	h, k := newClubHouse(t, Config{})
	tag := h.poll("/a", "", 0, bob).tag()
	held := h.polling("/a", tag, 30, bob)
	k.move("bob", "blue")
	h.worker.doubt()
	h.worker.set(map[string][]diff.Item{"/a red": items("1:secret")})
	if got := <-held; got.StatusCode != 200 || strings.Contains(got.raw, "secret") || !strings.Contains(got.raw, `"id":9`) {
		t.Errorf("%d %s", got.StatusCode, got.raw)
	}
}

// TestNobodyHasAScope: who has no credentials is tried where rows are by scope.
func TestNobodyHasAScope(t *testing.T) {
	h, k := newClubHouse(t, Config{})
	h.worker.lists["/a blue"] = items("9:z")
	c := h.begin("s1")
	h.observe("/a", "s1")
	h.worker.doubt()
	h.worker.set(map[string][]diff.Item{"/a blue": items("9:new")})
	c.until("changes")
	k.move("", "green")
	h.worker.doubt()
	if f, _ := c.until("closed"); f.Code != string(wire.CodeScopeChanged) {
		t.Errorf("%s", f.raw)
	}
}

// TestAliveAndScope: Config.Alive knows credentials; the rows are the route's to
// say.
func TestAliveAndScope(t *testing.T) {
	var mu sync.Mutex
	good := map[string]bool{"ann": true, "bob": true}
	h, k := newClubHouse(t, Config{Alive: func(r *http.Request) (bool, error) {
		mu.Lock()
		defer mu.Unlock()
		return good[tokenOf(r.Header)], nil
	}})
	a, b := h.begin("s1", ann), h.begin("s2", bob)
	h.observe("/a", "s1", ann)
	h.observe("/a", "s2", bob)
	k.move("ann", "blue")
	mu.Lock()
	good["bob"] = false
	mu.Unlock()
	h.worker.doubt()
	if f, _ := a.until("closed"); f.Code != string(wire.CodeScopeChanged) {
		t.Errorf("another scope: %s", f.raw)
	}
	if f, _ := b.until("closed"); f.Code != string(wire.CodePermissionRevoked) {
		t.Errorf("bad credentials: %s", f.raw)
	}
}

// TestCarrierLeaves: the worker says that the credentials that it evaluates with
// are of another scope: the observer goes on with somebody else's.
func TestCarrierLeaves(t *testing.T) {
	h, k := newClubHouse(t, Config{})
	a, b := h.begin("s1", ann), h.begin("s2", bob)
	h.observe("/a", "s1", ann)
	h.observe("/a", "s2", bob)
	k.move("ann", "blue")
	h.worker.mu.Lock()
	h.worker.lists["/a red"] = items("1:new")
	h.worker.mu.Unlock()
	h.worker.close("/a red", wire.CodeScopeChanged)
	if f, _ := b.until("snapshot"); !strings.Contains(f.raw, "new") {
		t.Errorf("%s", f.raw)
	}
	if f, _ := a.until("closed"); f.Code != string(wire.CodeScopeChanged) {
		t.Errorf("%s", f.raw)
	}
}

// TestLongAbsenceOfAScope: a version 1 client that comes back after long goes on
// with its list where its scope is the same, and is told where it is not.
func TestLongAbsenceOfAScope(t *testing.T) {
	for _, club := range []string{"red", "blue", ""} {
		h, k := newClubHouse(t, Config{SessionTTL: 30 * time.Millisecond, Linger: 5 * time.Millisecond})
		c := h.dial("s1", version1, bob)
		c.mute = true
		list := modelOf(h.observe("/a", "s1", bob).Items)
		h.cut(c)
		h.away("s1")
		k.move("bob", club)
		h.worker.set(map[string][]diff.Item{"/a red": items("2:y", "77:secret")})
		c = h.dial("s1", version1, bob)
		if club == "red" {
			c.follow(list, items("2:y", "77:secret"))
			continue
		}
		f, before := c.until("closed")
		want := map[string]wire.Code{"blue": wire.CodeScopeChanged, "": wire.CodePermissionRevoked}[club]
		if f.Code != string(want) || len(before) != 2 {
			t.Errorf("in club %q: %s after %q", club, f.raw, raws(before))
		}
		for _, f := range before {
			if f.Msg != "removed" || strings.Contains(f.raw, `"id":77`) {
				t.Errorf("in club %q: %s", club, f.raw)
			}
		}
	}
}

// TestFreshCredentialsOfAnother: in one session a list by scope is followed with
// the credentials of who subscribed, also where somebody else's come with the
// socket.
func TestFreshCredentialsOfAnother(t *testing.T) {
	h, k := newClubHouse(t, Config{})
	h.gw.trust = 0
	c := h.dial("s1", version1, ann)
	h.observe("/a", "s1", ann)
	jar := "Cookie: " + c.cookie
	h.cut(c)
	k.move("ann", "green") // eve is in no club with her
	k.move("eve", "red")
	c = h.dial("s1", version1, eve, jar)
	if f, _ := c.until("closed"); f.Code != string(wire.CodeScopeChanged) {
		t.Errorf("%s", f.raw)
	}
}
