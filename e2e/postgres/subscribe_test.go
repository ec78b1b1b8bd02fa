package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
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
	w := newWorld(t, pgtest.Database(t), 500, 1)
	w.serve(w.db.URL)
	for n := range 2 { // one waits while the other commits
		w.raise(writer{number: 0, pause: time.Duration(n) * 5 * time.Millisecond})
	}
	want := int64(sized(100_000, 5_000, 500))
	urls := w.all()
	var subscribed atomic.Int64
	var crowd sync.WaitGroup
	for range sized(50, 50, 10) {
		p := w.follow(nil)
		crowd.Go(func() {
			if err := p.come(&subscribed, want, urls); err != nil {
				w.failed(err)
			}
		})
	}
	crowd.Wait()
	v := w.end(w.db.URL, false)
	v.expect(t, int(want)/10)
	prove(t, began, "subscriptions under load", v, "%d subscriptions to %d lists", subscribed.Load(), len(urls))
}

// perWatcher is how many lists one follows at once.
const perWatcher = 20

// come subscribes to one list after the other, each left when it was vouched
// for past the place at which the log was when it was there.
func (p *watcher) come(subscribed *atomic.Int64, want int64, urls []string) error {
	random := rand.New(rand.NewPCG(uint64(len(p.name)), uint64(p.name[len(p.name)-1])))
	ctx := context.Background()
	if err := p.begin(ctx); err != nil {
		return err
	}
	type held struct {
		list *follow.List
		at   uint64
	}
	var lists []held
	has := map[string]bool{}
	for subscribed.Add(1) <= want && p.w.raising.Err() == nil {
		short, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if len(lists) == perWatcher {
			first := lists[0]
			lists = lists[1:]
			if err := p.client.Wait(short, func(v follow.View) bool {
				return lsn(v.Progress().Position) >= first.at && len(v.Progress().Behind) == 0
			}); err != nil {
				return fmt.Errorf("%s: %s is not vouched for up to %X: %w", p.name, first.list.URL, first.at, err)
			}
			if err := p.client.Unsubscribe(short, first.list); err != nil {
				return err
			}
			delete(has, first.list.URL)
		}
		url := urls[random.IntN(len(urls))]
		for has[url] {
			url = urls[random.IntN(len(urls))]
		}
		has[url] = true
		list, err := (*follow.List)(nil), error(nil)
		if random.IntN(2) == 0 {
			list, err = p.client.Get(short, url)
		} else {
			list, err = p.client.Subscribe(short, url)
		}
		if err != nil {
			return fmt.Errorf("%s: %s: %w", p.name, url, err)
		}
		p.w.reader.mu.Lock()
		lists = append(lists, held{list, p.w.reader.seen})
		p.w.reader.mu.Unlock()
	}
	return nil
}
