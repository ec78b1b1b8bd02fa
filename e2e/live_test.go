package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"

	"github.com/wakeful-dev/wakeful/internal/checker"
	"github.com/wakeful-dev/wakeful/internal/follow"
	"github.com/wakeful-dev/wakeful/liveclient"
)

// liver is one person with the client that people are given, which heals where
// the model clients complain. What it shows is noted at each progress.
type liver struct {
	*crowd
	as        string
	transport liveclient.Transport
	random    *rand.Rand
	name      string
	client    *liveclient.Client
	end       func()

	mu    sync.Mutex
	track *checker.Track
	watch follow.Watch
	lists map[string]*liveclient.List[json.RawMessage]
	noted map[string]*follow.List
	conns []net.Conn
}

func (c *crowd) liver(n int) *liver {
	l := &liver{crowd: c, random: c.random(n), as: users[n%len(users)]}
	if n%2 == 1 {
		l.transport = liveclient.Events
	}
	c.livers = append(c.livers, l)
	return l
}

func (l *liver) run() { l.repeat(l.renew, l.act) }

// renew takes a new client in place of the old.
func (l *liver) renew(context.Context) error {
	if l.end != nil {
		l.end()
	}
	config, track := l.config("live", l.as)
	l.mu.Lock()
	l.name, l.track, l.watch = config.Session, track, track.Watch()
	l.lists, l.noted = map[string]*liveclient.List[json.RawMessage]{}, map[string]*follow.List{}
	l.mu.Unlock()
	transport := &http.Transport{DialContext: l.dial}
	client, err := liveclient.New(liveclient.Config{
		URL: l.http.URL, Header: config.Header, Transport: l.transport, HTTP: &http.Client{Transport: transport},
		MinWait: 1, Progress: l.progress,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	l.client = client
	l.end = func() {
		cancel()
		l.failed(<-ended)
		transport.CloseIdleConnections()
	}
	return nil
}

func (l *liver) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		l.mu.Lock()
		l.conns = append(l.conns, conn)
		l.mu.Unlock()
	}
	return conn, err
}

func (l *liver) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		conn.Close()
	}
	l.conns = nil
}

// progress notes what every list shows.
func (l *liver) progress(p liveclient.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var covered []*follow.List
	for url := range l.lists {
		list, following := l.note(url)
		over := l.transport == liveclient.Events && !p.Position.Reaches(list.Position) // a GET's answer may be ahead
		if following && !over && !slices.Contains(p.Behind, url) {
			covered = append(covered, list)
		}
	}
	l.watch.Progress(follow.Progress{Position: p.Position, Whole: p.Whole}, covered)
}

// note tells the checker what a list shows, where that is another thing. l.mu
// is held.
func (l *liver) note(url string) (list *follow.List, following bool) {
	state := l.lists[url].State()
	if list = l.noted[url]; list == nil {
		list = &follow.List{URL: url}
		l.noted[url] = list
	}
	if state.Position == "" || state.Status == liveclient.Failed {
		return list, false
	}
	before := list.Sum()
	items, at := []follow.Item{}, list.Position
	for n, data := range state.Items {
		var fields map[string]json.RawMessage
		key := "id"
		if err := json.Unmarshal(data, &fields); err == nil && fields["_key"] != nil {
			key = "_key"
		} else if fields["id"] == nil {
			key = "name"
		}
		item, err := follow.NewItem(data, key)
		if err != nil || item.KeyText() != state.Keys[n] {
			l.watch.Fault(fmt.Errorf("item %s has key %q: %v", data, state.Keys[n], err))
			return list, false
		}
		items = append(items, item)
	}
	list.Meta = nil
	if state.Meta != nil {
		list.Meta, _ = follow.Canonical(state.Meta) // it was decoded as JSON
	}
	list.Items, list.Position = items, state.Position
	if list.Sum() != before || list.Position != at {
		l.watch.State(list)
	}
	return list, state.Status == liveclient.Following
}

func (l *liver) act(ctx context.Context) error {
	url := urls[l.random.IntN(len(urls))]
	switch n := l.random.IntN(100); {
	case len(l.lists) < 4 || n < 15 && len(l.lists) < maxLists:
		return l.more(ctx, url)
	case n < 25:
		for url, list := range l.lists {
			l.mu.Lock()
			l.note(url)
			delete(l.lists, url)
			delete(l.noted, url)
			list.Close()
			l.mu.Unlock()
			break
		}
	case n < 35:
		l.cut()
	case n < 37:
		return l.renew(ctx)
	case n < 45:
		position, err := l.write(ctx)
		if err != nil {
			return err
		}
		if err := l.client.CaughtUp(l.active, position); err != nil && l.active.Err() == nil {
			return fmt.Errorf("%s is not caught up with %s: %w", l.name, position, err)
		}
	default:
		_, changed := l.client.Watch()
		select {
		case <-changed:
		case <-l.active.Done():
		}
	}
	return nil
}

func (l *liver) more(ctx context.Context, url string) error {
	if l.lists[url] != nil {
		return nil
	}
	list := liveclient.Live[json.RawMessage](l.client, url)
	l.mu.Lock()
	l.lists[url] = list
	l.mu.Unlock()
	if _, err := list.Ready(ctx); err != nil {
		return fmt.Errorf("%s, %s: %w", l.name, url, err)
	}
	return nil
}

// settle waits until the client shows the newest results, and notes them.
func (l *liver) settle(ctx context.Context, newest map[string]*checker.Result) {
	defer l.end()
	for url, list := range l.lists {
		want, ok := newest[url+l.as]
		if !ok {
			want = newest[url]
		}
		for state := range list.States(ctx) {
			l.mu.Lock()
			held, following := l.note(url)
			same := following && held.Sum() == follow.Sum(want.Items, want.Meta)
			l.mu.Unlock()
			if same {
				break
			}
			if ctx.Err() != nil {
				l.t.Errorf("%s: %s does not equal a plain GET: %s %v", l.name, url, state.Status, state.Err)
			}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var held []*follow.List
	for _, list := range l.noted {
		held = append(held, list)
	}
	l.track.Last(held)
}
