package e2e

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/checker"
	"github.com/wakeful-dev/wakeful/internal/follow"
)

// listener is an actor whose session comes as server-sent events.
func (c *crowd) listener(n int) *actor {
	a := c.actor(n)
	a.events = true
	return a
}

// viewer is one person that follows the events of one view at a time.
type viewer struct {
	*crowd
	as     string
	random *rand.Rand
	client *follow.Client
	track  *checker.Track
	name   string
}

func (c *crowd) viewer(n int) *viewer {
	v := &viewer{crowd: c, random: c.random(n), as: users[n%len(users)]}
	c.viewers = append(c.viewers, v)
	return v
}

func (v *viewer) run() {
	v.repeat(v.renew, func(ctx context.Context) error {
		err := v.act(ctx)
		var ended *follow.CloseError
		if errors.As(err, &ended) {
			err = nil // it ended as it began: once more
		}
		if err == nil && v.client.Ended() != nil {
			if err = v.client.Connect(ctx); errors.As(err, &ended) {
				err = nil
			}
		}
		return err
	})
}

// renew takes another view.
func (v *viewer) renew(ctx context.Context) error {
	config, track := v.config("view", v.as)
	v.name, v.track = config.Session, track
	v.client = follow.NewView(config, urls[v.random.IntN(len(urls))])
	return v.client.Connect(ctx)
}

func (v *viewer) act(ctx context.Context) error {
	n := v.random.IntN(12)
	happened, cancel := context.WithTimeout(v.active, patience/10)
	_ = v.client.Wait(happened, func(follow.View) bool { n--; return n < 0 }) // or as long as that
	cancel()
	switch n := v.random.IntN(100); {
	case n < 30:
		v.client.Cut()
		if v.random.IntN(4) == 0 {
			v.client.Forget()
		}
		return v.client.Connect(ctx)
	case n < 40:
		v.client.Cut()
		return v.renew(ctx)
	}
	return nil
}

// settle waits until the viewer holds the newest result, and notes it.
func (v *viewer) settle(ctx context.Context, position change.Position, newest map[string]*checker.Result) {
	following := func(view follow.View) bool { return view.Ended() == nil && len(view.Lists()) > 0 }
	for reached := false; !reached; {
		err := v.client.Wait(ctx, func(view follow.View) bool {
			p := view.Progress()
			reached = following(view) && p.Position.Reaches(position) && len(p.Behind) == 0
			return reached || !following(view)
		})
		if err == nil && !reached { // an operator's last order ended it, or had it refused
			err = v.client.Connect(ctx)
		}
		if err != nil {
			v.t.Errorf("%s did not come to %s: %v", v.name, position, err)
			break
		}
	}
	v.last(v.track, v.name, v.as, newest, func(done func([]*follow.List) bool) error {
		return v.client.Wait(ctx, func(view follow.View) bool { return done(view.Lists()) })
	})
	v.client.Close()
}

// TestEventsOverRestarts: a session and a view, both over server-sent events,
// over cuts and restarts of the server, hold what the view's SQL gives.
func TestEventsOverRestarts(t *testing.T) {
	o := options{config: func(c *wakeful.Config) {
		c.Secret = []byte("0123456789abcdef0123456789abcdef")
		c.Heartbeat = 50 * time.Millisecond // lists that stay as they are hear of progress at heartbeats only
	}}
	w := newWorld(t, o)
	tracks := map[string]*checker.Track{}
	config := func(name string) follow.Config {
		tracks[name] = w.checker.Track(name, "")
		return follow.Config{Server: w.http.URL, Session: name, Watch: tracks[name].Watch(), Transport: w.http.Client().Transport}
	}
	session, view := follow.NewEvents(config("session")), follow.NewView(config("view"), urls[0])
	clients := map[string]*follow.Client{"session": session, "view": view}
	ctx := within(t)
	get := func(url string) {
		t.Helper()
		if _, err := session.Get(ctx, url); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 4 {
		for _, url := range urls[3*round : 3*round+3] {
			get(url)
		}
		for name, c := range clients {
			if round > 0 {
				if _, err := c.AwaitEnd(ctx); err != nil {
					t.Fatalf("round %d, %s: %v", round, name, err)
				}
			}
			if err := c.Connect(ctx); err != nil {
				t.Fatalf("round %d, %s: %v", round, name, err)
			}
		}
		for url, list := range ended(session) { // a restart: hello names nothing
			if round == 0 || list.Why == "" {
				t.Errorf("round %d: %s has ended: %s", round, url, list.Why)
			}
			get(url)
		}
		for n := range 6 {
			position, err := write(ctx, w.http.URL, uint64(round*100+n), w.checker)
			if err != nil {
				t.Fatal(err)
			}
			for name, c := range clients {
				err := c.Wait(ctx, func(v follow.View) bool { return v.Progress().Position.Reaches(position) })
				if err != nil {
					t.Fatalf("round %d, %s: %v", round, name, err)
				}
			}
			if n == 2 {
				for _, c := range clients {
					c.Cut()
				}
				if _, err := write(ctx, w.http.URL, uint64(round*100+50), w.checker); err != nil {
					t.Fatal(err)
				}
				for name, c := range clients {
					if err := c.Connect(ctx); err != nil {
						t.Fatalf("round %d, %s: %v", round, name, err)
					}
				}
			}
		}
		if round < 3 {
			w.restart(o, func() {})
		}
	}
	for name, c := range clients {
		_ = c.Wait(ctx, func(v follow.View) bool { tracks[name].Last(v.Lists()); return true }) // says yes at once
		c.Close()
	}
	w.stop()
	report := w.judge()
	if report.States < 40 {
		t.Errorf("only %d states were seen", report.States)
	}
	for _, violation := range report.Violations {
		t.Errorf("%v", violation)
	}
}

// ended are the lists that a client has to GET anew, by their URL.
func ended(c *follow.Client) map[string]*follow.List {
	lists := map[string]*follow.List{}
	_ = c.Wait(context.Background(), func(v follow.View) bool { // says yes at once
		for _, l := range v.Lists() {
			if l.Ended {
				lists[l.URL] = l
			}
		}
		return true
	})
	return lists
}
