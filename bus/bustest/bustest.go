// Package bustest checks that a driver keeps the promises of bus.Bus, and makes
// a bus that fails as networks do.
//
// A driver calls Run from one of its own tests; what Run does not check is not
// promised.
package bustest

import (
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

// patience is how long the suite waits for a message before it calls it lost.
const patience = 10 * time.Second

// Run runs the suite. open is called once per test, gives a bus that nobody
// else uses and that loses nothing while all goes well, and cleans up with
// t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) bus.Bus) {
	tests := []struct {
		name string
		test func(*testing.T, bus.Bus)
	}{
		{"EveryMessageArrivesWhole", testWhole},
		{"OnlyTheNamedMember", testNamed},
		{"OneAtATime", testOneAtATime},
		{"HandleMaySend", testHandleMaySend},
		{"SendDoesNotWait", testSendDoesNotWait},
		{"NobodyIsSilence", testNobody},
		{"NameIsTaken", testNameIsTaken},
		{"LeaveIsFinal", testLeaveIsFinal},
		{"LinkOnTop", testLink},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, open(t)) })
	}
}

// join joins with a handler that hands on to a channel.
func join(t *testing.T, b bus.Bus, name string) <-chan bus.Message {
	t.Helper()
	came := make(chan bus.Message, 4096)
	joinWith(t, b, name, func(m bus.Message) { came <- m })
	return came
}

func joinWith(t *testing.T, b bus.Bus, name string, handle func(bus.Message)) {
	t.Helper()
	leave, err := b.Join(name, handle)
	if err != nil {
		t.Fatalf("Join(%q): %v", name, err)
	}
	t.Cleanup(leave)
}

func send(t *testing.T, b bus.Bus, to string, m bus.Message) {
	t.Helper()
	if err := b.Send(to, m); err != nil {
		t.Errorf("Send(%q): %v", to, err)
	}
}

func receive[T any](t *testing.T, came <-chan T) T {
	t.Helper()
	select {
	case m := <-came:
		return m
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
	panic("unreachable")
}

func numbered(n uint64) bus.Message {
	return bus.Message{From: "a", Life: "1", To: "2", Number: n, Body: &bus.Leave{Observer: fmt.Sprint(n)}}
}

func testWhole(t *testing.T, b bus.Bus) {
	came := join(t, b, "b")
	for _, m := range Messages() {
		send(t, b, "b", m)
		if got := receive(t, came); !reflect.DeepEqual(got, m) {
			t.Errorf("\n got %#v\nwant %#v", got, m)
		}
	}
}

// Messages returns one message of each kind with all that crosses between
// processes, and some with as little as there can be.
func Messages() []bus.Message {
	head := bus.Message{From: "a", Life: "life a", To: "life b", Number: 1 << 60, Ack: 7}
	with := func(body bus.Body) bus.Message {
		m := head
		m.Body = body
		return m
	}
	list := []bus.Message{
		{From: "a"},
		{From: "a", Life: "1", Link: &bus.LinkState{}},
		{From: "a", Life: "1", Ack: 3, Link: &bus.LinkState{Sent: 4, Oldest: 3, Ask: true, Missing: []bus.Range{{First: 1, Last: 2}, {First: 9, Last: 9}}}},
	}
	for _, body := range bodies() {
		list = append(list, with(body))
	}
	return list
}

func bodies() []bus.Body {
	header := map[string][]string{"Accept": {"a", ""}, "X-Raw": {"\xff\x00é"}, "X-None": {}}
	changes := &wire.Changes{
		Observer: "o", Epoch: "e", Seq: 3, Position: "p", PrimaryKey: "id", KeyType: wire.KeyNumber,
		Ops: []diff.Op{
			{Kind: diff.Added, Key: "k\"", At: 2, Data: []byte(`{"id":1}`)},
			{Kind: diff.Changed, Key: "é", At: 1, Moved: true, Data: []byte("{\"a\":\"\xff\"}")},
			{Kind: diff.Removed, Key: ""},
		},
		Meta: []byte(`{"count":1}`), MetaChanged: true,
	}
	return []bus.Body{
		&bus.Observe{
			ID: 1<<64 - 1, Observer: "o", Identity: "i", After: "p", Epoch: "e", Seq: 4,
			Request: bus.Request{URL: "/a?q=\xff&b=%20", Host: "h", Header: header, RemoteAddr: "[::1]:4", TLS: true},
			Vouched: true, Scope: `"owner" = 'é'`,
		},
		&bus.Observe{},
		&bus.Observed{ID: 1, Snapshot: &wire.Snapshot{
			Observer: "o", Epoch: "e", Seq: 2, Position: "p", PrimaryKey: "id", KeyType: wire.KeyInteger,
			Items: diff.NewList([]diff.Item{{Key: "1", Data: []byte(`{"id":1}`)}}), Meta: []byte(`{}`),
		}},
		&bus.Observed{ID: 2, Snapshot: &wire.Snapshot{Items: diff.NewList([]diff.Item{})}},
		&bus.Observed{ID: 3, Resumed: &bus.Resumed{Observer: "o", PrimaryKey: "id", Changes: []*wire.Changes{changes}}},
		&bus.Observed{ID: 4, Response: &bus.Response{Status: 404, Header: header, Body: []byte("\xff\x00")}},
		&bus.Observed{ID: 5, Problem: wire.NewProblem(500, wire.CodeViewError, "detail")},
		&bus.Leave{Observer: "o"},
		&bus.Round{},
		&bus.Round{
			Doubted:  []*bus.Doubt{{Observer: "o", By: change.Commit{Position: "positionpositionposition", Mark: "0123456789abcdef"}}, {Observer: "r"}},
			Changes:  []*wire.Changes{changes, {Observer: "q"}},
			Closed:   []wire.Closed{{Observer: "o", Code: wire.CodeLimit, Detail: "d"}},
			Progress: &wire.Progress{Position: "p", Whole: true, Behind: []string{"o"}},
			Soon:     []string{"o"},
		},
	}
}

func testNamed(t *testing.T, b bus.Bus) {
	one, two := join(t, b, "one"), join(t, b, "two")
	send(t, b, "one", numbered(1))
	send(t, b, "two", numbered(2))
	if m := receive(t, one); m.Number != 1 {
		t.Errorf("one got %d", m.Number)
	}
	if m := receive(t, two); m.Number != 2 {
		t.Errorf("two got %d", m.Number)
	}
}

func testOneAtATime(t *testing.T, b bus.Bus) {
	const senders, each = 8, 100
	var inside atomic.Int32
	done := make(chan struct{})
	came := 0 // guarded by the promise under test
	joinWith(t, b, "b", func(bus.Message) {
		if inside.Add(1) != 1 {
			t.Error("handle was called while it was running")
		}
		if came++; came == senders*each {
			close(done)
		}
		inside.Add(-1)
	})
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for n := range uint64(each) {
				send(t, b, "b", numbered(n))
			}
		})
	}
	all.Wait()
	receive(t, done)
}

func testHandleMaySend(t *testing.T, b bus.Bus) {
	const turns = 1000
	done := make(chan struct{})
	joinWith(t, b, "a", func(m bus.Message) {
		if m.Number == turns {
			close(done)
			return
		}
		send(t, b, "b", numbered(m.Number+1))
	})
	joinWith(t, b, "b", func(m bus.Message) { send(t, b, "a", m) })
	send(t, b, "a", numbered(0))
	receive(t, done)
}

func testSendDoesNotWait(t *testing.T, b bus.Bus) {
	open, done := make(chan struct{}), make(chan struct{})
	joinWith(t, b, "b", func(m bus.Message) {
		<-open
		if m.Number == 100 {
			close(done)
		}
	})
	for n := range uint64(101) {
		send(t, b, "b", numbered(n))
	}
	close(open)
	receive(t, done)
}

func testNobody(t *testing.T, b bus.Bus) {
	send(t, b, "nobody", numbered(1))
}

func testNameIsTaken(t *testing.T, b bus.Bus) {
	leave, err := b.Join("b", func(bus.Message) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Join("b", func(bus.Message) {}); err == nil {
		t.Error("a second member joined under the same name")
	}
	leave()
	came := join(t, b, "b")
	send(t, b, "b", numbered(5))
	if m := receive(t, came); m.Number != 5 {
		t.Errorf("the next member of the name got %d", m.Number)
	}
}

func testLeaveIsFinal(t *testing.T, b bus.Bus) {
	var left atomic.Bool
	first := make(chan struct{}, 1)
	leave, err := b.Join("b", func(bus.Message) {
		if left.Load() {
			t.Error("handle was called after leave had returned")
		}
		select {
		case first <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var sender sync.WaitGroup
	sender.Go(func() {
		for n := range uint64(2000) {
			_ = b.Send("b", numbered(n))
		}
	})
	receive(t, first)
	leave()
	left.Store(true)
	sender.Wait()
	leave() // a second call does nothing
}
