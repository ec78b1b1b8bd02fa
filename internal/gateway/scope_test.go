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

// turnstile holds up the trials of a user.
type turnstile struct {
	came, goes chan struct{}
}

func (k *clubs) stop(user string) *turnstile {
	g := &turnstile{came: make(chan struct{}, 100), goes: make(chan struct{})}
	k.telling(func(who string) {
		if who == user {
			g.came <- struct{}{}
			<-g.goes
		}
	})
	return g
}

func (g *turnstile) awaitTrial(t *testing.T) {
	t.Helper()
	select {
	case <-g.came:
	case <-time.After(waitMost):
		t.Fatal("nobody was tried")
	}
}

// TestNothingIsShownInDoubt: from the doubt until the trial has passed nothing
// comes, not over the socket, nor for a resume, a GET or a poll; then all does,
// in order and without a snapshot.
func TestNothingIsShownInDoubt(t *testing.T) {
	h, k := newClubHouse(t, Config{})
	h.gw.trust = time.Hour
	c := h.begin("s1", ann)
	e := h.observe("/a", "s1", ann)
	tag := h.poll("/a", "", 0, ann).tag()
	polled := h.polling("/a", tag, 30, ann)
	stop := k.stop("ann")
	h.worker.doubt()
	stop.awaitTrial(t)
	h.worker.set(map[string][]diff.Item{"/a red": items("1:x", "2:new")})
	h.worker.set(map[string][]diff.Item{"/a red": items("1:newer", "2:new")})
	c.say(`{"type":"resume","id":2,"observers":{%q:{"epoch":%q,"seq":0,"url":"/a"}}}`, e.Observer, e.Epoch)
	other := h.dial("s4", version2, ann)
	other.until("hello")
	other.say(`{"type":"resume","id":1,"observers":{%q:{"epoch":%q,"seq":0,"url":"/a"}}}`, e.Observer, e.Epoch)
	got := make(chan envelope, 1)
	go func() { got <- h.observe("/a", "s3", ann) }()
	h.worker.await("the GET and the resume", func() bool { return len(h.worker.asked) >= 6 })
	for _, f := range append(c.barrier(), other.barrier()...) {
		if f.Type == "changes" || f.Type == "snapshot" || f.Type == "progress" && !slices.Contains(f.Behind, e.Observer) {
			t.Errorf("in doubt came %s", f.raw)
		}
	}
	select {
	case e := <-got:
		t.Errorf("in doubt a GET was answered: %s", e.Items)
	case p := <-polled:
		t.Errorf("in doubt a poll was answered: %s", p.raw)
	default:
	}
	close(stop.goes)
	for _, c := range []*client{c, other} {
		one, before := c.until("changes")
		two, between := c.until("changes")
		if one.Seq != 1 || two.Seq != 2 {
			t.Errorf("then came %s and %s", one.raw, two.raw)
		}
		for _, f := range append(before, between...) {
			if f.Type == "snapshot" || f.Type == "closed" {
				t.Errorf("then came %s", f.raw)
			}
		}
	}
	if e := <-got; e.Seq != 2 {
		t.Errorf("the GET was answered with %d", e.Seq)
	}
	if p := <-polled; p.StatusCode != 200 || p.Seq != 2 {
		t.Errorf("the poll was answered %d %s", p.StatusCode, p.raw)
	}
}

// TestTrialOfBefore: what the app said of a moment before the doubt proves
// nothing after it.
func TestTrialOfBefore(t *testing.T) {
	h, k := newClubHouse(t, Config{})
	c := h.begin("s1", ann)
	h.observe("/a", "s1", ann)
	stop := k.stop("ann")
	h.recheck()
	stop.awaitTrial(t) // it has read the old club
	k.move("ann", "blue")
	h.worker.doubt()
	h.worker.set(map[string][]diff.Item{"/a red": items("1:secret")})
	c.barrier()
	close(stop.goes)
	f, before := c.until("closed")
	if f.Code != string(wire.CodeScopeChanged) {
		t.Errorf("%s", f.raw)
	}
	for _, f := range before {
		if strings.Contains(f.raw, "secret") {
			t.Errorf("%s", f.raw)
		}
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

// TestLostDoubts: where messages of the worker are lost, a doubt may be among
// them: nothing is shown until the worker has answered and all were tried.
func TestLostDoubts(t *testing.T) {
	h, k := newClubHouse(t, Config{})
	a, b := h.begin("s1", ann), h.begin("s2", bob)
	e := h.observe("/a", "s1", ann)
	h.observe("/a", "s2", bob)
	h.worker.mu.Lock()
	h.worker.deaf["/a red"] = true
	asked := len(h.worker.asked)
	h.worker.mu.Unlock()
	k.move("bob", "blue")
	h.gw.linkLost("worker")
	h.recheck() // an answer of the app now is not one of later
	h.worker.set(map[string][]diff.Item{"/a red": items("1:secret")})
	h.worker.await("the state being asked again", func() bool { return len(h.worker.asked) > asked })
	for _, f := range a.barrier() {
		if f.Type == "changes" || f.Type == "snapshot" {
			t.Errorf("before the worker has answered came %s", f.raw)
		}
	}
	h.worker.mu.Lock()
	h.worker.deaf["/a red"] = false
	h.worker.send(h.worker.answer(h.worker.asked[asked], "/a red"))
	h.worker.mu.Unlock()
	if f, _ := a.until("changes"); f.Observer != e.Observer || f.Seq != 1 {
		t.Errorf("who stays got %s", f.raw)
	}
	f, before := b.until("closed")
	if f.Code != string(wire.CodeScopeChanged) {
		t.Errorf("%s", f.raw)
	}
	for _, f := range before {
		if strings.Contains(f.raw, "secret") {
			t.Errorf("%s", f.raw)
		}
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

// TestDoubtOfAnIdentity: rights in doubt are tried too where a list is one
// identity's; nobody's list, which the worker evaluates as what everybody sees,
// is not held up.
func TestDoubtOfAnIdentity(t *testing.T) {
	h, k := newTokenHouse(t, Config{})
	h.worker.lists["/a"] = items("1:x")
	h.worker.lists["/b"] = items("1:x")
	one, two, nobody := h.begin("s1", ann1), h.begin("s2", ann2), h.begin("s3")
	h.observe("/a", "s1", ann1)
	h.observe("/a", "s2", ann2)
	h.observe("/b", "s3")
	k.kill("ann-1", 403)
	h.worker.doubt()
	h.worker.set(map[string][]diff.Item{"/a": items("1:secret"), "/b": items("1:y")})
	f, before := one.until("closed")
	if f.Code != string(wire.CodePermissionRevoked) {
		t.Errorf("%s", f.raw)
	}
	for _, f := range before {
		if strings.Contains(f.raw, "secret") {
			t.Errorf("in doubt came %s", f.raw)
		}
	}
	two.until("changes")
	nobody.until("changes")
	if n := k.tries(""); n != 0 {
		t.Errorf("nobody was tried %d times", n)
	}
}

// TestMuchInDoubt: more comes while a version 1 client is in doubt than is kept
// for it. Who stays is made good of all; who has left is told of no key that came
// meanwhile.
func TestMuchInDoubt(t *testing.T) {
	for _, stays := range []bool{true, false} {
		h, k := newClubHouse(t, Config{Limits: Limits{Undelivered: 500}})
		h.gw.trust = 0
		list := modelOf(h.observe("/a", "s1", bob).Items)
		h.worker.set(map[string][]diff.Item{"/a red": items("1:x", "2:y", "3:mine")})
		h.observe("/a", "s2", ann)
		stop := k.stop("bob")
		h.worker.doubt()
		stop.awaitTrial(t)
		want := items("1:x", "3:mine", "77:secret", "78:secret")
		h.worker.set(map[string][]diff.Item{"/a red": items("2:y", "3:mine", "76:"+strings.Repeat("secret", 200))})
		h.worker.set(map[string][]diff.Item{"/a red": want})
		h.observe("/a", "s2", ann) // all that is above has come
		h.gw.tick(time.Now())
		s := h.gw.session("s1")
		s.mu.Lock()
		for _, sub := range s.subs.all() {
			if !sub.beyond || len(sub.later) == 0 {
				t.Errorf("the cursor was not moved: %+v", sub)
			}
		}
		s.mu.Unlock()
		if !stays {
			k.move("bob", "blue")
			h.worker.doubt()
		}
		close(stop.goes)
		c := h.dial("s1", version1, bob)
		if stays {
			c.follow(list, want)
			continue
		}
		f, before := c.until("closed")
		if f.Code != string(wire.CodeScopeChanged) {
			t.Errorf("%s", f.raw)
		}
		removed := map[string]bool{}
		for _, f := range before {
			if f.Msg != "removed" || strings.Contains(f.raw, `"id":7`) {
				t.Errorf("who has left was sent %s", f.raw)
			}
			removed[keyOf(f.Item)] = true
		}
		if len(removed) != 3 {
			t.Errorf("removed were %v, want the three that were shown", removed)
		}
	}
}
