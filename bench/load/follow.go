package load

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/role"
)

// emptyResume starts a version 2 socket.
const emptyResume = `{"type":"resume","id":1,"observers":{}}`

// envelope is what a subscribing GET answers.
type envelope struct {
	Observer string `json:"observer"`
	Epoch    string `json:"epoch"`
	Seq      uint64 `json:"seq"`
}

// subscribe sends the GET of every client.
func (c *crowd) subscribe() error {
	if c.target.Version == Bare {
		return nil
	}
	const conns = 8
	var all sync.WaitGroup
	errs := make(chan error, conns)
	for from := range conns {
		all.Go(func() {
			if err := c.subscribeSome(from, conns); err != nil {
				errs <- fmt.Errorf("load: subscribe: %w", err)
			}
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

// subscribeSome sends every step-th GET.
func (c *crowd) subscribeSome(from, step int) error {
	h, err := dialLean(c.target.Addr)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.kept = append(c.kept, h) // as browsers keep their connections
	c.mu.Unlock()
	lists := max(1, c.target.Lists)
	for n := from; n < len(c.sockets)*lists; n += step {
		i := n / lists
		body, err := h.do(h.request("GET", c.observePath(i, n%lists), c.credentials(i)...))
		if err != nil {
			return err
		}
		c.listed.Add(int64(len(body)))
		var e envelope
		if err := json.Unmarshal(body, &e); err != nil || e.Observer == "" {
			return fmt.Errorf("%w: no envelope: %.200s", err, body)
		}
		if i == 0 {
			c.mu.Lock()
			c.observer, c.epoch, c.seq = e.Observer, e.Epoch, e.Seq
			c.mu.Unlock()
		}
	}
	return nil
}

// greeting is the first frame of a client that has nothing yet.
func (c *crowd) greeting() string {
	if c.target.Version == V2 {
		return emptyResume
	}
	return ""
}

// change has a row written and waits until every client of c has it.
func (c *crowd) change(row int, score int64) (nanoseconds int64, err error) {
	c.expect(needleOf(score), len(c.sockets))
	at, err := c.write(row, score)
	if err != nil {
		return 0, err
	}
	arrived, err := c.arrived()
	if err != nil {
		return 0, err
	}
	return arrived - at, nil
}

// write has a row written and returns when its commit had returned.
func (c *crowd) write(row int, score int64) (at int64, err error) {
	return c.commit(fmt.Sprintf("/write?id=%d&score=%d", row, score))
}

// commit asks for a write and returns when its commit had returned.
func (c *crowd) commit(target string) (at int64, err error) {
	body, err := c.writer.do(c.writer.request("POST", target))
	if err != nil {
		return 0, err
	}
	var w app.Written
	if err := json.Unmarshal(body, &w); err != nil {
		return 0, err
	}
	return w.At, nil
}

// onceEach is an error where an expected frame came more than once.
func (c *crowd) onceEach() error {
	if extra := c.extra.Load(); extra > 0 {
		return fmt.Errorf("load: %d frames came twice", extra)
	}
	return nil
}

// changes measures from the return of a commit to the arrival at the last of
// the crowd.
func (l *Loader) changes(s Series) (any, error) {
	c, err := l.crowd(s.Crowd)
	if err != nil {
		return nil, err
	}
	var got Samples
	for i := range s.N {
		score := s.Score
		if score == 0 {
			score = l.nextScore()
		}
		c.pause()
		took, err := c.change(1+i%10, score)
		if err != nil {
			return nil, err
		}
		got.Nanoseconds = append(got.Nanoseconds, took)
	}
	c.pause()
	got.Frames = c.taken()
	return got, c.onceEach()
}

// echoes measures the way to a bare server and back.
func (l *Loader) echoes(s Series) (any, error) {
	c, err := l.crowd(s.Crowd)
	if err != nil {
		return nil, err
	}
	var got Samples
	for range s.N {
		data, err := ws.CompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte(s.Payload))))
		if err != nil {
			return nil, err
		}
		c.pause()
		c.expect(s.Payload, 1)
		start := role.Now()
		if err := c.sockets[0].writeBytes(data); err != nil {
			return nil, err
		}
		at, err := c.arrived()
		if err != nil {
			return nil, err
		}
		got.Nanoseconds = append(got.Nanoseconds, at-start)
	}
	return got, nil
}

// Row asks for the deletion of a row.
type Row struct {
	Crowd string `json:"crowd"`
	ID    int    `json:"id"`
}

// dropRow deletes a row and answers with the frames of lists that this brings
// to the first client, until a write that follows has arrived.
func (l *Loader) dropRow(r Row) (any, error) {
	c, err := l.crowd(r.Crowd)
	if err != nil {
		return nil, err
	}
	score := l.nextScore()
	c.expect(needleOf(score), 1)
	if _, err := c.writer.do(c.writer.request("POST", fmt.Sprintf("/drop?id=%d", r.ID))); err != nil {
		return nil, err
	}
	c.pause() // else both may be one diff
	if _, err := c.write(app.Rows, score); err != nil {
		return nil, err
	}
	if _, err := c.arrived(); err != nil {
		return nil, err
	}
	var got Samples
	for _, text := range c.taken() {
		about := strings.HasPrefix(text, `{"msg":`) || strings.HasPrefix(text, `{"type":"changes"`) || strings.HasPrefix(text, `{"type":"snapshot"`)
		if about && !strings.Contains(text, needleOf(score)) {
			got.Frames = append(got.Frames, text)
		}
	}
	return got, nil
}
