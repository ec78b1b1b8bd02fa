package follow_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/wakeful-dev/wakeful/internal/follow"
)

// again is a version 1 client whose GETs wait for their answers.
type again struct {
	t      *testing.T
	client *follow.ClientV1
	peer
	asked   chan string // methods of requests
	release chan struct{}
	pinged  chan struct{}
}

func newAgain(t *testing.T) *again {
	s := newServer(t)
	s.answer("/items", answer(5))
	a := &again{t: t, asked: make(chan string, 10), release: make(chan struct{}), pinged: make(chan struct{}, 1)}
	a.client = follow.NewClientV1(follow.Config{
		Server: s.URL, Session: "s",
		Watch: follow.Watch{Proof: func([]*follow.List) { a.pinged <- struct{}{} }},
		Transport: transport(func(r *http.Request) (*http.Response, error) {
			a.asked <- r.Method
			if r.Method == http.MethodGet {
				<-a.release
			}
			return http.DefaultTransport.RoundTrip(r)
		}),
	})
	if err := a.client.Connect(within(t)); err != nil {
		t.Fatal(err)
	}
	a.peer = peer{t, <-s.sockets}
	return a
}

// tell has the client take frames.
func (a *again) tell(frames ...string) {
	a.t.Helper()
	a.say(frames...)
	if err := wsutil.WriteServerMessage(a, ws.OpPing, []byte("1")); err != nil {
		a.t.Fatal(err)
	}
	<-a.pinged
}

// get asks for the list. Frames come before the answer. It returns the methods
// of the requests for it.
func (a *again) get(frames ...string) (l *follow.List, methods []string) {
	a.t.Helper()
	done := make(chan error, 1)
	go func() {
		var err error
		l, err = a.client.Get(within(a.t), "/items")
		done <- err
	}()
	for !slices.Contains(methods, http.MethodGet) {
		methods = append(methods, <-a.asked)
	}
	a.tell(frames...)
	a.release <- struct{}{}
	if err := <-done; err != nil {
		a.t.Fatal(err)
	}
	return l, methods
}

const closedV1 = `{"msg":"closed","observer":"o","code":"scope_changed"}`

// TestClientV1AsksAgain: a list has ended and is asked for again. What comes
// before the answer is the next list's.
func TestClientV1AsksAgain(t *testing.T) {
	a := newAgain(t)
	a.get()
	a.tell(v1("removed", 0, `{"id":1}`), v1("removed", 0, `{"id":2}`), closedV1)
	l, _ := a.get(v1("changed", 0, `{"id":1,"v":"z"}`), v1("added", 2, `{"id":3,"v":"c"}`))
	if got := list(l); got != "1=z 2=b 3=c" || l.Ended {
		t.Errorf("the list is %q, ended: %t; want 1=z 2=b 3=c", got, l.Ended)
	}
	if faults := a.client.Faults(); faults != nil {
		t.Error(faults)
	}
}

// TestClientV1ClosedWhileItAsks: a list ends while its GET is under way. Which of
// the two came first nobody can tell, so it is unsubscribed before it is asked
// for again.
func TestClientV1ClosedWhileItAsks(t *testing.T) {
	a := newAgain(t)
	if l, _ := a.get(v1("added", 2, `{"id":3,"v":"c"}`), closedV1); !l.Ended {
		t.Error("the list has not ended")
	}
	l, methods := a.get()
	if got := list(l); got != "1=a 2=b" || l.Ended {
		t.Errorf("the list is %q, ended: %t; want 1=a 2=b", got, l.Ended)
	}
	if want := []string{http.MethodPost, http.MethodGet}; !slices.Equal(methods, want) {
		t.Errorf("it asked by %v, want %v", methods, want)
	}
	if faults := a.client.Faults(); faults != nil {
		t.Error(faults)
	}
}
