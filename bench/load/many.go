package load

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/wakeful-dev/wakeful/bench/role"
)

// Lists asks for the lists First to First+N-1 of a crowd whose view has a %d
// for each place of the number in it. They are dealt out to its clients in turn.
type Lists struct {
	Crowd string `json:"crowd"`
	First int    `json:"first"`
	N     int    `json:"n"`
}

// connect opens the sockets of a crowd that follows nothing yet.
func (l *Loader) connect(t Target) (any, error) {
	l.made++
	if t.Write == "" {
		t.Write = t.Addr
	}
	c := newCrowd(t, fmt.Sprintf("crowd%d", l.made))
	var err error
	if c.writer, err = dialLean(t.Write); err != nil {
		return nil, err
	}
	l.crowds[t.Crowd] = c
	return role.None{}, c.connect(l.nextNetwork(), c.greeting())
}

// observe subscribes the clients of a crowd to many lists.
func (l *Loader) observe(lists Lists) (any, error) {
	c, err := l.crowd(lists.Crowd)
	if err != nil {
		return nil, err
	}
	const conns = 8
	var all sync.WaitGroup
	errs := make(chan error, conns)
	for from := range conns {
		all.Go(func() {
			if err := c.observeSome(lists, from, conns); err != nil {
				errs <- fmt.Errorf("load: observe: %w", err)
			}
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		return nil, err
	default:
		return role.None{}, nil
	}
}

func (c *crowd) observeSome(lists Lists, from, step int) error {
	h, err := dialLean(c.target.Addr)
	if err != nil {
		return err
	}
	defer h.conn.Close()
	for n := lists.First + from; n < lists.First+lists.N; n += step {
		body, err := h.do(h.request("GET", fmt.Sprintf("%s&observe=%s", c.target.viewOf(n), c.session((n-1)%len(c.sockets)))))
		if err != nil {
			return err
		}
		var e envelope
		if err := json.Unmarshal(body, &e); err != nil || e.Observer == "" {
			return fmt.Errorf("%w: no envelope: %.200s", err, body)
		}
	}
	return nil
}

// viewOf is the path of a list. In the view %d stands for its number, and %e for
// ten times that.
func (t *Target) viewOf(n int) string {
	return strings.NewReplacer("%d", fmt.Sprint(n), "%e", fmt.Sprint(10*n)).Replace(t.View)
}

// Strikes asks for N changes of one good each, any of the first Among, with a
// pause before each.
type Strikes struct {
	Crowd    string `json:"crowd"`
	Wares    bool   `json:"wares,omitempty"` // of one ware each, in place of a good
	N        int    `json:"n"`
	Among    int    `json:"among"`
	GapMicro int    `json:"gap_micro"`
}

// strike makes changes one after the other and answers with the nanoseconds
// from the return of each commit to the arrival at the one client whose list
// has it, and with what came to the first client.
func (l *Loader) strike(s Strikes) (any, error) {
	c, err := l.crowd(s.Crowd)
	if err != nil {
		return nil, err
	}
	write := c.writeGood
	if s.Wares {
		write = c.writeWare
	}
	var got Samples
	for range s.N {
		time.Sleep(time.Duration(s.GapMicro) * time.Microsecond)
		score := l.nextScore()
		c.expect(needleOf(score), 1)
		at, err := write(1+rand.IntN(s.Among), score)
		if err != nil {
			return nil, err
		}
		arrived, err := c.arrived()
		if err != nil {
			return nil, err
		}
		got.Nanoseconds, got.Committed = append(got.Nanoseconds, arrived-at), append(got.Committed, at)
		got.Frames = append(got.Frames, c.taken()...)
	}
	return got, c.onceEach()
}

func (c *crowd) writeGood(id int, score int64) (at int64, err error) {
	return c.commit(fmt.Sprintf("/good?id=%d&score=%d", id, score))
}

func (c *crowd) writeWare(id int, score int64) (at int64, err error) {
	return c.commit(fmt.Sprintf("/ware?id=%d&score=%d", id, score))
}
