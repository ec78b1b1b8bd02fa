package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/internal/follow"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// TestSubscribeUnderLoad: a thousand lists are subscribed to and left while a
// loop commits as fast as it can. What the snapshot of a list has is not told
// again, and what it lacks is.
func TestSubscribeUnderLoad(t *testing.T) {
	began := time.Now()
	// With whole old rows a commit is of two lists; else it might be of any.
	w := newWorld(t, pgtest.Database(t), 500, 2, "ALTER TABLE counter REPLICA IDENTITY FULL")
	w.serve(w.db.URL)
	for n := range 2 { // one waits while the other commits
		w.raise(writer{number: n, pause: time.Duration(n) * 5 * time.Millisecond})
	}
	want := int64(sized(100_000, 5_000, 500))
	urls := w.all()
	var subscribed atomic.Int64
	var crowd sync.WaitGroup
	for n := range sized(50, 16, 8) {
		p := w.follow(nil)
		crowd.Go(func() {
			if err := p.come(&subscribed, want, urls, uint64(n)); err != nil {
				w.failed(err)
			}
		})
	}
	crowd.Wait()
	t.Logf("%d subscriptions after %.1f s", subscribed.Load(), time.Since(began).Seconds())
	v := w.end(w.db.URL, false)
	v.expect(t, int(want)/10)
	prove(t, began, "subscriptions under load", v, "%d subscriptions to %d lists", subscribed.Load(), len(urls))
}

// perWatcher is how many lists one follows at once.
const perWatcher = 20

// followed is a list, and where the log was when it was there.
type followed struct {
	list *follow.List
	at   uint64
}

// come subscribes to one list after the other, each left when it was vouched
// for past the place at which the log was when it was there.
func (p *watcher) come(subscribed *atomic.Int64, want int64, urls []string, seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 5))
	if err := p.begin(context.Background()); err != nil {
		return err
	}
	var lists []followed
	for subscribed.Add(1) <= want && p.w.raising.Err() == nil {
		if len(lists) == perWatcher {
			if err := p.part(lists[0]); err != nil {
				return err
			}
			lists = lists[1:]
		}
		url := urls[random.IntN(len(urls))]
		for slices.ContainsFunc(lists, func(f followed) bool { return f.list.URL == url }) {
			url = urls[random.IntN(len(urls))]
		}
		list, err := p.take(url, random.IntN(2) == 0)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", p.name, url, err)
		}
		p.w.reader.mu.Lock()
		lists = append(lists, followed{list, p.w.reader.seen})
		p.w.reader.mu.Unlock()
	}
	return nil
}

// take subscribes in one way or the other.
func (p *watcher) take(url string, get bool) (*follow.List, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	if get {
		return p.client.Get(ctx, url)
	}
	return p.client.Subscribe(ctx, url)
}

// part waits until a list is vouched for, and leaves it.
func (p *watcher) part(f followed) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	if err := p.client.Wait(ctx, func(v follow.View) bool {
		progress := v.Progress()
		return lsn(progress.Position) >= f.at && !slices.Contains(progress.Behind, f.list.Observer)
	}); err != nil {
		return fmt.Errorf("%s: %s is not vouched for up to %X: %w", p.name, f.list.URL, f.at, err)
	}
	return p.client.Unsubscribe(ctx, f.list)
}
