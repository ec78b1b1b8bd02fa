package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/checker"
	"github.com/wakeful-dev/wakeful/internal/follow"
)

// client is a model client of either version with what tests ask of it.
type client struct {
	w       *world
	session string
	v2      *follow.Client
	v1      *follow.ClientV1
}

// connected makes a client and opens its socket. Faults fail the test when it
// ends.
func (w *world) connected(t testing.TB, version int, session string) *client {
	t.Helper()
	c := w.client(t, version, session)
	c.connect()
	return c
}

// client makes a client that is not connected.
func (w *world) client(t testing.TB, version int, session string) *client {
	t.Helper()
	track := w.checker.Track(fmt.Sprintf("v%d-%s", version, session), "")
	config := follow.Config{Server: w.http.URL, Session: session, Watch: track.Watch()}
	c := &client{w: w, session: session}
	faults := func() []error { return c.v2.Faults() }
	if version == 2 {
		c.v2 = follow.NewClient(config)
	} else {
		c.v1 = follow.NewClientV1(config)
		faults = c.v1.Faults
	}
	t.Cleanup(func() {
		c.close()
		for _, fault := range faults() {
			t.Errorf("version %d, %s: %v", version, session, fault)
		}
	})
	return c
}

func (c *client) connect() {
	c.w.t.Helper()
	if err := c.dial(within(c.w.t)); err != nil {
		c.w.t.Fatalf("connect %s: %v", c.session, err)
	}
}

func (c *client) dial(ctx context.Context) error {
	if c.v2 != nil {
		return c.v2.Connect(ctx)
	}
	return c.v1.Connect(ctx)
}

func (c *client) cut() {
	if c.v2 != nil {
		c.v2.Cut()
	} else {
		c.v1.Cut()
	}
}

func (c *client) close() {
	if c.v2 != nil {
		c.v2.Close()
	} else {
		c.v1.Close()
	}
}

func (c *client) get(path string) (*follow.List, error) {
	if c.v2 != nil {
		return c.v2.Get(within(c.w.t), path)
	}
	return c.v1.Get(within(c.w.t), path)
}

// observe subscribes with a GET.
func (c *client) observe(path string) *follow.List {
	c.w.t.Helper()
	list, err := c.get(path)
	if err != nil {
		c.w.t.Fatalf("observe %s: %v", path, err)
	}
	return list
}

func (c *client) unsubscribe(list *follow.List) {
	c.w.t.Helper()
	var err error
	if c.v2 != nil {
		err = c.v2.Unsubscribe(within(c.w.t), list)
	} else {
		err = c.v1.Unsubscribe(within(c.w.t), list)
	}
	if err != nil {
		c.w.t.Fatalf("unsubscribe %s: %v", list.URL, err)
	}
}

// wait returns when done says true of the client's lists.
func (c *client) wait(ctx context.Context, done func() bool) error {
	if c.v2 != nil {
		return c.v2.Wait(ctx, func(follow.View) bool { return done() })
	}
	return c.v1.Wait(ctx, func([]*follow.List) bool { return done() })
}

// until returns when done says true, which fails the test if it never does.
func (c *client) until(what string, done func() bool) {
	c.w.t.Helper()
	if err := c.wait(within(c.w.t), done); err != nil {
		c.w.t.Fatalf("%s: %s: %v", c.session, what, err)
	}
}

// ended is how the connection ended, nil while it lasts.
func (c *client) ended() *follow.CloseError {
	if c.v2 != nil {
		return c.v2.Ended()
	}
	return c.v1.Ended()
}

// awaitEnd returns when the connection has ended.
func (c *client) awaitEnd() (ended *follow.CloseError) {
	c.w.t.Helper()
	var err error
	if c.v2 != nil {
		ended, err = c.v2.AwaitEnd(within(c.w.t))
	} else {
		ended, err = c.v1.AwaitEnd(within(c.w.t))
	}
	if err != nil {
		c.w.t.Fatalf("%s: the connection does not end: %v", c.session, err)
	}
	return ended
}

// same returns when the lists equal a plain GET of their URLs. Nobody may
// write meanwhile.
func (c *client) same(lists ...*follow.List) {
	c.w.t.Helper()
	for _, list := range lists {
		view := &checker.View{URL: list.URL, Key: routeOf(list.URL).key}
		c.sameAs(list, view)
	}
}

func (c *client) sameAs(list *follow.List, view *checker.View) {
	c.w.t.Helper()
	want, err := c.w.get(view)
	if err != nil {
		c.w.t.Fatalf("GET %s: %v", view.URL, err)
	}
	meta := want.Meta
	if c.v1 != nil {
		meta = list.Meta // version 1 does not carry it
	}
	var got []byte
	err = c.wait(within(c.w.t), func() bool {
		got = follow.JSON(list.Items)
		return list.Sum() == follow.Sum(want.Items, meta)
	})
	if err != nil {
		c.w.t.Errorf("%s: %s is not what a plain GET says:\n got %s\nwant %s", c.session, list.URL, got, follow.JSON(want.Items))
	}
}

// both runs a test with a client of each version.
func both(t *testing.T, test func(t *testing.T, version int)) {
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprintf("version %d", version), func(t *testing.T) { test(t, version) })
	}
}

// gate is a handler that stands still while it is shut.
type gate struct{ shut chan chan struct{} }

func newGate() *gate {
	g := &gate{shut: make(chan chan struct{}, 1)}
	open := make(chan struct{})
	close(open)
	g.shut <- open
	return g
}

// close lets nobody through until open is called.
func (g *gate) close() (open func()) {
	<-g.shut
	wait := make(chan struct{})
	g.shut <- wait
	return func() { close(wait) }
}

func (g *gate) pass(ctx context.Context) {
	wait := <-g.shut
	g.shut <- wait
	select {
	case <-wait:
	case <-ctx.Done():
	}
}

// gated puts a gate around the views whose path is given.
func gated(g *gate, paths ...string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if slices.Contains(paths, r.URL.Path) {
				g.pass(r.Context())
			}
			next.ServeHTTP(w, r)
		})
	}
}
