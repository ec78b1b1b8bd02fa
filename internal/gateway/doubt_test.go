package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/wire"
)

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
			h.observe("/a", "s2", ann) // it has come, before the trial ends that proves the time before it
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

// TestTrialsThatWrite: an app writes at each request what rights rest on, as when
// it notes when its users were seen last. Its trials doubt nobody's rights.
func TestTrialsThatWrite(t *testing.T) {
	for _, late := range []bool{false, true} {
		var h *house
		k := &clubs{of: map[string]string{"ann": "red", "bob": "red"}, tried: map[string]int{}}
		h = newHouse(t, Config{
			Identity: func(r *http.Request) (string, error) { return tokenOf(r.Header), nil },
		}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if m := mark.From(r.Context()); m != nil && m.Trial {
				h.worker.commit(readset.WritesFrom(r.Context()), late)
			}
			k.ServeHTTP(w, r)
		}))
		h.worker.lists["/a red"] = items("1:x")
		one, two := h.begin("s1", ann), h.begin("s2", bob)
		h.observe("/a", "s1", ann)
		h.observe("/a", "s2", bob)
		for i := range 5 {
			h.worker.doubt()
			h.worker.set(map[string][]diff.Item{"/a red": items(fmt.Sprint("1:", i))})
			for _, c := range []*client{one, two} {
				if f, _ := c.until("changes"); f.Seq != uint64(i)+1 {
					t.Fatalf("late %t: after doubt %d came %s", late, i, f.raw)
				}
			}
		}
		if n := k.tries("ann") + k.tries("bob"); !late && n > 40 {
			t.Errorf("%d trials for five doubts about two", n)
		}
	}
}
