package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/checker"
	"github.com/wakeful-dev/wakeful/internal/follow"
	"github.com/wakeful-dev/wakeful/wire"
)

// crowd is many clients and writers that do what real ones do, at random.
type crowd struct {
	*world
	seed    uint64
	active  context.Context // ends when enough has happened
	enough  context.CancelFunc
	running sync.WaitGroup
	mu      sync.Mutex
	errs    []error
	v2      []*actor
	v1      []*actorV1
	polls   []*actorPoll
	viewers []*viewer
	livers  []*liver
	names   atomic.Int64
	writes  atomic.Uint64
}

// failed notes an error that is nobody's plan.
func (c *crowd) failed(err error) {
	if err == nil || errors.Is(err, context.Canceled) && c.active.Err() != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errs = append(c.errs, err)
	c.enough()
}

// repeat does one thing, and then another until enough has happened. None may
// take long.
func (c *crowd) repeat(first, then func(context.Context) error) {
	for do := first; c.active.Err() == nil; do = then {
		ctx, cancel := context.WithTimeoutCause(context.Background(), 2*patience, errors.New("it takes too long"))
		err := do(ctx)
		cancel()
		if !cleared(err) {
			c.failed(err)
		}
	}
}

// cleared says that an operator has ended the observer that was asked for.
func cleared(err error) bool {
	var status *follow.StatusError
	var ended *follow.EndError
	return errors.As(err, &status) && strings.Contains(status.Body, string(wire.CodeCleared)) ||
		errors.As(err, &ended) && ended.Code == string(wire.CodeCleared)
}

func (c *crowd) random(n int) *rand.Rand { return rand.New(rand.NewPCG(c.seed, uint64(n))) }

// config makes the client with a track of its own.
func (c *crowd) config(kind string, as string) (follow.Config, *checker.Track) {
	name := fmt.Sprintf("%s-%d-%d", kind, c.seed, c.names.Add(1))
	track := c.checker.Track(name, as)
	if kind == "v1" {
		track = c.checker.TrackV1(name, as)
	}
	config := follow.Config{Server: c.http.URL, Session: name, Watch: track.Watch(), Transport: c.http.Client().Transport}
	if as != "" {
		config.Header = http.Header{"Authorization": {as}}
	}
	return config, track
}

// actor is one person with a version 2 client.
type actor struct {
	*crowd
	as     string
	events bool // over server-sent events
	random *rand.Rand
	client *follow.Client
	track  *checker.Track
	lists  map[string]*follow.List
}

const maxLists = 9

func (c *crowd) actor(n int) *actor {
	random := c.random(n)
	a := &actor{crowd: c, random: random, as: users[n%len(users)]}
	c.v2 = append(c.v2, a)
	return a
}

// renew takes a new client in place of the old.
func (a *actor) renew(ctx context.Context) error {
	kind, make := "v2", follow.NewClient
	if a.events {
		kind, make = "events", follow.NewEvents
	}
	config, track := a.config(kind, a.as)
	a.client, a.track, a.lists = make(config), track, map[string]*follow.List{}
	if a.random.IntN(2) == 0 { // the GET may come first
		if err := a.get(ctx); err != nil && !cleared(err) {
			return err
		}
	}
	return a.client.Connect(ctx)
}

func (a *actor) run() {
	a.repeat(a.renew, func(ctx context.Context) error { return a.again(ctx, a.act(ctx)) })
}

// again connects a client whose connection the server has ended: a machine
// that is busy answers pings late. A session that is lost is begun anew.
func (a *actor) again(ctx context.Context, err error) error {
	var ended *follow.CloseError
	if err != nil && !errors.As(err, &ended) && !cleared(err) {
		return err
	}
	if ended = a.client.Ended(); ended == nil {
		return nil
	}
	if ended.Code == wire.CloseLost {
		return a.renew(ctx)
	}
	return a.connect(ctx)
}

// connect comes back; a client of events does not always say what it has.
func (a *actor) connect(ctx context.Context) error {
	if a.events && a.random.IntN(4) == 0 {
		a.client.Forget()
	}
	return a.client.Connect(ctx)
}

// heal follows anew what the server has closed.
func (a *actor) heal(ctx context.Context) error {
	var closed []string
	_ = a.client.Wait(ctx, func(v follow.View) bool { // says yes at once
		for _, l := range v.Lists() {
			if l.Ended {
				closed = append(closed, l.URL)
			}
		}
		return true
	})
	for _, url := range closed {
		list, err := a.client.Get(ctx, url)
		if err != nil {
			return fmt.Errorf("observe %s again: %w", url, err)
		}
		a.lists[url] = list
	}
	return nil
}

// act does one thing.
func (a *actor) act(ctx context.Context) error {
	a.await(a.random.IntN(12))
	if err := a.heal(ctx); err != nil {
		return err
	}
	switch n := a.random.IntN(100); {
	case len(a.lists) < 5 || n < 12:
		return a.more(ctx)
	case n < 20:
		return a.less(ctx)
	case n < 26:
		a.client.Cut()
		a.await(0)
		return a.connect(ctx)
	case n < 29:
		a.client.Close()
		return a.connect(ctx)
	case n < 32:
		if !a.events {
			return a.client.Resume(ctx)
		}
	case n < 36: // once more what is followed already
		for url := range a.lists {
			_, err := a.client.Get(ctx, url)
			return err
		}
	case n < 38:
		a.client.Close()
		return a.renew(ctx)
	case n < 44:
		return a.own(ctx)
	}
	return nil
}

// await waits until n things have happened to the client.
func (a *actor) await(n int) {
	ctx, cancel := context.WithTimeout(a.active, time.Second)
	defer cancel()
	_ = a.client.Wait(ctx, func(follow.View) bool { n--; return n < 0 }) // or as long as that
}

func (a *actor) more(ctx context.Context) error {
	if len(a.lists) >= maxLists {
		return nil
	}
	if a.events || a.random.IntN(3) > 0 {
		return a.get(ctx)
	}
	url := urls[a.random.IntN(len(urls))]
	if a.lists[url] != nil {
		return nil
	}
	list, err := a.client.Subscribe(ctx, url)
	if err != nil {
		return fmt.Errorf("subscribe %s: %w", url, err)
	}
	a.lists[url] = list
	return nil
}

func (a *actor) get(ctx context.Context) error {
	url := urls[a.random.IntN(len(urls))]
	list, err := a.client.Get(ctx, url)
	if err != nil {
		return fmt.Errorf("observe %s: %w", url, err)
	}
	a.lists[url] = list
	return nil
}

func (a *actor) less(ctx context.Context) error {
	for url, list := range a.lists {
		delete(a.lists, url)
		return a.client.Unsubscribe(ctx, list)
	}
	return nil
}

// own writes, and waits for its own write.
func (a *actor) own(ctx context.Context) error {
	position, err := a.write(ctx)
	if err != nil {
		return err
	}
	url := urls[a.random.IntN(len(urls))]
	if a.lists[url] == nil {
		list, err := a.client.Get(ctx, url, position)
		if err != nil {
			return fmt.Errorf("observe %s from %s: %w", url, position, err)
		}
		a.lists[url] = list
	}
	err = a.reach(a.active, position)
	if a.active.Err() != nil {
		return nil
	}
	return err
}

// reach waits until all lists have come to a position.
func (a *actor) reach(ctx context.Context, position change.Position) error {
	return a.client.Wait(ctx, func(v follow.View) bool {
		p := v.Progress()
		return p.Position.Reaches(position) && len(p.Behind) == 0
	})
}

func (c *crowd) write(ctx context.Context) (change.Position, error) {
	return write(ctx, c.http.URL, c.seed<<32+c.writes.Add(1), c.checker)
}

// actorV1 is one person with a version 1 client.
type actorV1 struct {
	*crowd
	as     string
	random *rand.Rand
	client *follow.ClientV1
	track  *checker.Track
	lists  map[string]*follow.List
}

func (c *crowd) actorV1(n int) *actorV1 {
	a := &actorV1{crowd: c, random: c.random(n), as: users[n%len(users)], lists: map[string]*follow.List{}}
	config, track := c.config("v1", a.as)
	a.client, a.track = follow.NewClientV1(config), track
	c.v1 = append(c.v1, a)
	return a
}

func (a *actorV1) run() {
	a.repeat(a.client.Connect, func(ctx context.Context) error {
		if err := a.act(ctx); err != nil || a.client.Ended() == nil {
			return err
		}
		return a.client.Connect(ctx)
	})
}

// heal follows anew what the server has closed. The published client does not:
// its application would.
func (a *actorV1) heal(ctx context.Context) error {
	var closed []*follow.List
	_ = a.client.Wait(ctx, func(lists []*follow.List) bool { // says yes at once
		for _, l := range lists {
			if l.Ended {
				closed = append(closed, l)
			}
		}
		return true
	})
	for _, list := range closed {
		if err := a.client.Unsubscribe(ctx, list); err != nil {
			return err
		}
		again, err := a.client.Get(ctx, list.URL)
		if err != nil {
			return fmt.Errorf("observe %s again: %w", list.URL, err)
		}
		a.lists[list.URL] = again
	}
	return nil
}

func (a *actorV1) act(ctx context.Context) error {
	if wait := a.random.IntN(40); len(a.lists) > 0 {
		ctx, cancel := context.WithTimeout(a.active, time.Second)
		_ = a.client.Wait(ctx, func([]*follow.List) bool { wait--; return wait < 0 }) // or as long as that
		cancel()
	}
	if err := a.heal(ctx); err != nil {
		return err
	}
	switch n := a.random.IntN(100); {
	case len(a.lists) < 4:
		url := urls[a.random.IntN(len(urls))]
		list, err := a.client.Get(ctx, url)
		if err != nil {
			return fmt.Errorf("observe %s: %w", url, err)
		}
		a.lists[url] = list
	case n < 20:
		for url, list := range a.lists {
			delete(a.lists, url)
			return a.client.Unsubscribe(ctx, list)
		}
	case n < 45:
		a.client.Cut()
		return a.client.Connect(ctx)
	case n < 50:
		a.client.Close()
		return a.client.Connect(ctx)
	}
	return nil
}

// writer writes in bursts, and waits in between until somebody has seen it.
func (c *crowd) writer(n int, write func(context.Context, *rand.Rand) error) {
	random := c.random(n)
	watcher := follow.NewClient(follow.Config{Server: c.http.URL, Session: fmt.Sprintf("writer-%d", n)})
	ctx := within(c.t)
	clock, err := watcher.Get(ctx, "/clock")
	if err != nil && !cleared(err) {
		c.failed(err)
		return
	}
	if err := watcher.Connect(ctx); err != nil {
		c.failed(err)
		return
	}
	defer watcher.Close()
	for c.active.Err() == nil {
		before, followed := c.look(watcher, clock)
		if !followed {
			if clock, err = watcher.Get(within(c.t), "/clock"); err != nil && !cleared(err) {
				c.failed(err)
				return
			}
		}
		for range 1 + random.IntN(3) {
			if err := write(context.Background(), random); err != nil {
				c.failed(err)
				return
			}
		}
		if random.IntN(8) > 0 {
			_ = watcher.Wait(c.active, func(v follow.View) bool { // or until enough has happened
				return v.Progress().Position != before || v.Ended() != nil
			})
		}
		if watcher.Ended() != nil {
			c.failed(watcher.Connect(within(c.t)))
		}
	}
}

// clear ends all observers now and then, as an operator might.
func (c *crowd) clear() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for next := 1000; ; {
		select {
		case <-c.active.Done():
			return
		case <-tick.C:
		}
		if c.checker.States() > next {
			next += 4000
			c.live.Clear()
		}
	}
}

// positions says how far the progress of each version 2 client has come.
func (c *crowd) positions() (all []string) {
	for _, a := range c.v2 {
		_ = a.client.Wait(context.Background(), func(v follow.View) bool { // says yes at once
			all = append(all, fmt.Sprintf("%s: %+v, stale %t, ended %v", a.client.Session, v.Progress(), v.Stale(), v.Ended()))
			return true
		})
	}
	return all
}

// look returns how far a watcher has come, and whether it still follows its
// list.
func (c *crowd) look(watcher *follow.Client, clock *follow.List) (p change.Position, followed bool) {
	_ = watcher.Wait(c.active, func(v follow.View) bool { // says yes at once
		p, followed = v.Progress().Position, clock != nil && !clock.Ended
		return true
	})
	return p, followed
}

// settle waits until everybody holds the newest results, and notes what they
// hold then.
func (c *crowd) settle() {
	ctx := within(c.t)
	position, err := c.write(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	newest := map[string]*checker.Result{}
	for _, view := range views() {
		result, err := c.get(view)
		if err != nil {
			c.t.Fatalf("GET %s: %v", view.URL, err)
		}
		newest[view.URL+view.As] = result
	}
	for _, a := range c.v2 {
		if err := a.again(ctx, nil); err != nil {
			c.t.Errorf("%s: %v", a.client.Session, err)
		}
		if err := a.heal(ctx); err != nil {
			c.t.Errorf("%s: %v", a.client.Session, err)
		}
		if err := a.reach(ctx, position); err != nil {
			_ = a.client.Wait(ctx, func(v follow.View) bool {
				c.t.Errorf("%s did not come to %s: progress %+v, stale %t, ended %v", a.client.Session, position, v.Progress(), v.Stale(), v.Ended())
				return true
			})
		}
		c.last(a.track, a.client.Session, a.as, newest, func(done func([]*follow.List) bool) error {
			return a.client.Wait(ctx, func(v follow.View) bool { return done(v.Lists()) })
		})
		a.client.Close()
	}
	for _, a := range c.polls {
		a.settle(ctx, newest)
	}
	for _, v := range c.viewers {
		v.settle(ctx, position, newest)
	}
	for _, l := range c.livers {
		l.settle(ctx, newest)
	}
	for _, a := range c.v1 {
		if a.client.Ended() != nil {
			if err := a.client.Connect(ctx); err != nil {
				c.t.Errorf("%s: %v", a.client.Session, err)
			}
		}
		if err := a.heal(ctx); err != nil {
			c.t.Errorf("%s: %v", a.client.Session, err)
		}
		c.last(a.track, a.client.Session, a.as, newest, func(done func([]*follow.List) bool) error {
			return a.client.Wait(ctx, done)
		})
		a.client.Close()
	}
}

// last waits until lists equal a plain GET, and notes them.
func (c *crowd) last(track *checker.Track, name, as string, newest map[string]*checker.Result, wait func(func([]*follow.List) bool) error) {
	wrong := ""
	err := wait(func(lists []*follow.List) bool {
		wrong = ""
		for _, l := range lists {
			want, ok := newest[l.URL+as]
			if !ok {
				want = newest[l.URL]
			}
			meta := want.Meta
			if strings.HasPrefix(name, "v1") {
				meta = l.Meta // it is not told
			}
			if l.Sum() != follow.Sum(want.Items, meta) || l.Ended {
				wrong += fmt.Sprintf(" %s (ended: %t %s)", l.URL, l.Ended, l.Why)
			}
		}
		return wrong == ""
	})
	if err != nil {
		c.t.Errorf("%s does not equal a plain GET: %s", name, wrong)
	}
	_ = wait(func(lists []*follow.List) bool { track.Last(slices.Clone(lists)); return true }) // says yes at once
}
