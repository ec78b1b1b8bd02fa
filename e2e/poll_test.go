package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/checker"
	"github.com/wakeful-dev/wakeful/internal/follow"
)

// actorPoll is one person with a client that polls.
type actorPoll struct {
	*crowd
	as     string
	random *rand.Rand
	client *follow.Poller
	track  *checker.Track
	urls   []string
}

func (c *crowd) actorPoll(n int) *actorPoll {
	a := &actorPoll{crowd: c, random: c.random(n), as: users[n%len(users)]}
	config, track := c.config("poll", a.as)
	a.client, a.track = follow.NewPoller(config), track
	c.polls = append(c.polls, a)
	return a
}

func (a *actorPoll) run() { a.repeat(a.act, a.act) }

// act polls one list: to wait for what comes, to see whether there is anything,
// to see the own write, or until it thinks better of it.
func (a *actorPoll) act(ctx context.Context) error {
	if len(a.urls) < 3 {
		a.urls = append(a.urls, urls[a.random.IntN(len(urls))])
	}
	at := a.random.IntN(len(a.urls))
	url := a.urls[at]
	wait := time.Duration(a.random.IntN(2)) * time.Second
	switch n := a.random.IntN(20); {
	case n == 0:
		a.client.Forget(url)
		a.urls[at] = urls[a.random.IntN(len(urls))]
		return nil
	case n < 4:
		short, cancel := context.WithTimeout(ctx, time.Duration(a.random.IntN(50))*time.Millisecond)
		defer cancel()
		if _, err := a.client.Poll(short, url, time.Second, ""); !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return nil
	case n < 8:
		position, err := a.write(ctx)
		if err != nil {
			return err
		}
		return a.poll(ctx, url, 0, position)
	}
	return a.poll(ctx, url, wait, "")
}

// poll asks again where it is told to: a busy machine may not have been able to
// try its credentials in time.
func (a *actorPoll) poll(ctx context.Context, url string, wait time.Duration, after change.Position) error {
	for {
		_, err := a.client.Poll(ctx, url, wait, after)
		var status *follow.StatusError
		if errors.As(err, &status) && status.Status == http.StatusServiceUnavailable && strings.Contains(status.Body, "ask again") {
			continue
		}
		if err != nil {
			return fmt.Errorf("poll %s: %w", url, err)
		}
		return nil
	}
}

// settle polls everything once more, when nobody writes any more.
func (a *actorPoll) settle(ctx context.Context, newest map[string]*checker.Result) {
	for _, l := range a.client.Lists() {
		if err := a.poll(ctx, l.URL, 0, ""); err != nil {
			a.t.Error(err)
		}
	}
	a.last(a.track, "poll", a.as, newest, func(done func([]*follow.List) bool) error {
		if !done(a.client.Lists()) {
			return errors.New("the newest poll does not hold it")
		}
		return nil
	})
}
