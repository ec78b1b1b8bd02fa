package liveclient

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/wire"
)

// requests is a client of events whose requests the test answers.
type requests struct {
	t      *testing.T
	client *Client
	on     *conn
}

func newRequests(t *testing.T, urls ...string) *requests {
	client, err := New(Config{URL: "http://test", Transport: Events})
	if err != nil {
		t.Fatal(err)
	}
	r := &requests{t: t, client: client, on: &conn{
		client: client, transport: Events, greeted: true, kicked: make(chan struct{}, 1),
		calls: map[wire.ID]*feed{}, held: map[string]*heldBack{},
	}}
	client.conn = r.on
	for _, url := range urls {
		Live[json.RawMessage](client, url)
	}
	return r
}

// next is the list that is asked for next, nil for none.
func (r *requests) next() *feed {
	f, left := r.client.nextRequest(r.on)
	if left != "" {
		r.t.Fatalf("%s is left", left)
	}
	return f
}

func at(n int) change.Position { return change.NewPosition("history0", uint64(n)) }

// answer answers for the observer X, which has n items at the diff n.
func (r *requests) answer(f *feed, epoch string, n int) {
	e := &wire.Envelope{Observer: "X", PrimaryKey: "id", Epoch: epoch, Seq: uint64(n), Position: at(n)}
	for i := range n {
		e.Items = append(e.Items, fmt.Appendf(nil, `{"id":%d}`, i+1))
	}
	r.on.answer(f, e, nil)
}

// added is the diff n of X, by which there are n items.
func (r *requests) added(epoch string, n int) {
	place := n - 1
	r.client.take(r.on, &wire.ChangesFrame{Observer: "X", Epoch: epoch, Seq: uint64(n), Position: at(n), Ops: []wire.FrameOp{
		{Op: "added", Key: fmt.Sprint(n), Order: &place, Item: fmt.Appendf(nil, `{"id":%d}`, n)},
	}})
}

func (r *requests) closed() {
	r.client.take(r.on, &wire.Closed{Observer: "X", Code: wire.CodeScopeChanged})
}

// holds checks that all lists are followed, with n items.
func (r *requests) holds(n int) {
	r.t.Helper()
	r.client.mu.Lock()
	defer r.client.mu.Unlock()
	for url, f := range r.client.lists {
		if f.phase != followed || len(f.now.items) != n || f.now.seq != uint64(n) {
			r.t.Errorf("%s: phase %d, %d items at %d, want %d", url, f.phase, len(f.now.items), f.now.seq, n)
		}
	}
}

// TestClosedIsOfGETsBeforeIt: two lists of one observer that ended while both
// were asked for ask once more each, also where some GET is always under way.
func TestClosedIsOfGETsBeforeIt(t *testing.T) {
	r := newRequests(t, "/a", "/a?again")
	one, two := r.next(), r.next()
	r.closed()
	asked := 0
	for one != nil || two != nil {
		if one != nil {
			r.answer(one, "e", 1)
			one, asked = r.next(), asked+1
		}
		if two != nil {
			r.answer(two, "e", 1)
			two, asked = r.next(), asked+1
		}
		if asked > 10 {
			t.Fatal("each has the other ask again for ever")
		}
	}
	if asked != 4 {
		t.Errorf("%d GETs, want two of each", asked)
	}
	r.holds(1)
}

// TestHeldForASecondList: what comes for an observer that a list is joined to
// counts for another list of it too, whose GET was answered before that and
// arrives behind.
func TestHeldForASecondList(t *testing.T) {
	t.Run("a diff", func(t *testing.T) {
		r := newRequests(t, "/a", "/a?again")
		one, two := r.next(), r.next()
		r.answer(one, "e", 1)
		r.added("e", 2)
		r.added("e", 3)
		r.answer(two, "e", 1)
		r.holds(3)
	})
	t.Run("its end", func(t *testing.T) {
		r := newRequests(t, "/a", "/a?again")
		one, two := r.next(), r.next()
		r.answer(one, "e", 1)
		r.closed()
		r.answer(two, "e", 1)
		r.answer(r.next(), "f", 2)
		r.answer(r.next(), "f", 2)
		if f := r.next(); f != nil {
			t.Errorf("%s is asked for once more", f.url)
		}
		r.holds(2)
	})
}

// TestHeldIsOfGETsBeforeIt: what was held back for another list, before a GET was
// sent, is nothing to its answer.
func TestHeldIsOfGETsBeforeIt(t *testing.T) {
	r := newRequests(t, "/a", "/b")
	one, other := r.next(), r.next()
	r.added("e", 2)
	r.closed()
	r.answer(one, "e", 1) // closed before it arrived
	one = r.next()
	r.answer(one, "f", 2) // at the position of what was held
	if f := r.next(); f != nil {
		t.Errorf("%s is asked for once more", f.url)
	}
	r.on.answer(other, &wire.Envelope{Observer: "Y", PrimaryKey: "id", Epoch: "g", Seq: 2, Position: at(2), Items: []json.RawMessage{[]byte(`{"id":1}`), []byte(`{"id":2}`)}}, nil)
	r.holds(2)
}

// TestHeldIsLetGo: a client that always asks for something holds no more than
// what came since its oldest GET.
func TestHeldIsLetGo(t *testing.T) {
	r := newRequests(t, "/a", "/a?again")
	one, two := r.next(), r.next()
	for seq := uint64(1); seq < 2*maxHeld; seq++ {
		r.client.take(r.on, &wire.ChangesFrame{Observer: "X", Epoch: "e", Seq: seq, Position: at(int(seq)), Ops: []wire.FrameOp{{Op: "meta"}}})
		r.on.answer(one, &wire.Envelope{Observer: "X", PrimaryKey: "id", Epoch: "e", Seq: seq, Position: at(int(seq))}, nil)
		if one.phase != followed {
			t.Fatalf("%s is asked for once more, after %d frames", one.url, seq)
		}
		r.client.mu.Lock()
		r.client.forgetObserver(one)
		r.client.want(one)
		held := r.on.heldFrames
		r.client.mu.Unlock()
		if held > 2 {
			t.Fatalf("%d frames are held, after %d", held, seq)
		}
		one, two = two, r.next()
	}
}
