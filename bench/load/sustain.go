package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wakeful-dev/wakeful/bench/role"
)

// Stream asks for writes at a pace that no answer slows down: Rate a second for
// so many seconds, judged in so many windows. The clients are those of a crowd;
// client i follows the list of number i+1, which has Each rows.
type Stream struct {
	Crowd   string `json:"crowd"`
	Addr    string `json:"addr"`
	View    string `json:"view"` // as of Target; the list of each client
	Bare    bool   `json:"bare"` // the server sends rows, and speaks no version
	Clients int    `json:"clients"`
	Each    int    `json:"each"`
	Rate    int    `json:"rate"`
	Seconds int    `json:"seconds"`
	Windows int    `json:"windows"`
}

// Streamed answers with what became of the writes.
type Streamed struct {
	Windows []Window `json:"windows"`
	Lists   int      `json:"lists"` // that equal what a plain GET gives in the end
}

// Window is a part of the time, by when the writes were due.
type Window struct {
	// Nanoseconds is, for each write, the time from its commit to the client's
	// socket, and by how much it was sent after it was due: a writer that has to
	// wait hides nothing.
	Nanoseconds []int64 `json:"nanoseconds"`
	// Rate is how many a second arrived, from the first due to the last arrival.
	Rate float64 `json:"rate"`
}

const (
	// writers is how many requests can be under way at once: a slow answer
	// delays none that is due.
	writers = 16
	// grace is how long the last frames may take.
	grace = 5 * time.Second
)

// stream is a run of it. Write i sets row i of all, again and again from the
// first one, to the score base+i. The client of that row has it when it gets a
// frame with this score or with a later one of the same row.
type stream struct {
	Stream
	base      int64
	committed []int64        // role.Now when the commit had returned
	late      []int64        // by how much it was sent after it was due
	arrived   []atomic.Int64 // role.Now of the frame
	left      atomic.Int64
	done      chan struct{}

	mu     sync.Mutex
	scores []int64 // of each row, as the clients know it
	failed error
}

// stream sends the writes and waits for what they bring.
func (l *Loader) stream(m Stream) (any, error) {
	n := m.Rate * m.Seconds
	s := &stream{
		Stream: m, base: l.score + 1, committed: make([]int64, n), late: make([]int64, n),
		arrived: make([]atomic.Int64, n), done: make(chan struct{}), scores: make([]int64, m.Clients*m.Each),
	}
	l.score += int64(n)
	s.left.Store(int64(n))
	c, err := l.crowd(m.Crowd)
	if err != nil {
		return nil, err
	}
	c.watch.Store(s)
	defer c.watch.Store(nil)
	start := role.Now()
	if err := s.write(start); err != nil {
		return nil, err
	}
	select {
	case <-s.done:
	case <-time.After(grace):
	}
	return s.judge(start)
}

// judge counts and compares when all is over.
func (s *stream) judge(start int64) (any, error) {
	var got Streamed
	n := len(s.arrived) / s.Windows
	for first := 0; first+n <= len(s.arrived); first += n {
		var w Window
		var last int64
		for i := first; i < first+n; i++ {
			at := s.arrived[i].Load()
			if at == 0 {
				return nil, errors.Join(s.failure(), fmt.Errorf("load: write %d did not arrive; %d are missing", i, s.left.Load()))
			}
			last = max(last, at)
			w.Nanoseconds = append(w.Nanoseconds, max(at-s.committed[i], 0)+s.late[i])
		}
		w.Rate = float64(n) * 1e9 / float64(last-s.due(start, first))
		got.Windows = append(got.Windows, w)
	}
	if err := s.failure(); err != nil {
		return nil, err
	}
	var err error
	got.Lists, err = s.compare()
	return got, err
}

// write sends every write when it is due, over the first connection that is
// free.
func (s *stream) write(start int64) error {
	due := make(chan int, len(s.committed))
	errs := make(chan error, writers)
	var all sync.WaitGroup
	for range writers {
		conn, err := dialLean(s.Addr)
		if err != nil {
			return err
		}
		defer conn.conn.Close()
		w := crowd{writer: conn}
		all.Go(func() {
			for i := range due {
				s.late[i] = role.Now() - s.due(start, i)
				at, err := w.writeGood(1+i%len(s.scores), s.base+int64(i))
				if err != nil {
					errs <- err
					return
				}
				s.committed[i] = at
			}
		})
	}
	for i := range s.committed {
		time.Sleep(time.Duration(s.due(start, i) - role.Now()))
		due <- i
	}
	close(due)
	all.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

// due is when write i is to be sent.
func (s *stream) due(start int64, i int) int64 {
	return start + int64(i)*int64(time.Second)/int64(s.Rate)
}

// take notes what a frame brings, as soon as it is read.
func (s *stream) take(payload []byte) {
	now := role.Now()
	var frame struct {
		Type  string `json:"type"`
		ID    int    `json:"id"`    // of a bare row
		Score int64  `json:"score"` // of a bare row
		Ops   []struct {
			Op  string `json:"op"`
			Key int    `json:"key,string"`
			Set struct {
				Score int64 `json:"score"`
			} `json:"set"`
			Item struct {
				Score int64 `json:"score"`
			} `json:"item"`
		} `json:"ops"`
	}
	if err := json.Unmarshal(payload, &frame); err != nil {
		s.fail(fmt.Errorf("load: %w: %.200s", err, payload))
		return
	}
	switch {
	case s.Bare:
		s.arrive(frame.ID, frame.Score, now)
	case frame.Type == "changes":
		for _, op := range frame.Ops {
			if op.Op != "changed" {
				s.fail(fmt.Errorf("load: an op that no write caused: %.200s", payload))
			}
			s.arrive(op.Key, max(op.Set.Score, op.Item.Score), now)
		}
	case frame.Type == "snapshot" || frame.Type == "closed" || frame.Type == "stale":
		s.fail(fmt.Errorf("load: it did not keep up: %.200s", payload))
	}
}

// arrive notes a row's score, and all of the same row that it replaced before
// they were seen.
func (s *stream) arrive(row int, score, now int64) {
	i, rows := int(score-s.base), len(s.scores)
	if row < 1 || row > rows || i < 0 || i >= len(s.arrived) || i%rows != row-1 {
		s.fail(fmt.Errorf("load: row %d has the score %d, which nobody wrote to it", row, score))
		return
	}
	s.mu.Lock()
	s.scores[row-1] = score
	s.mu.Unlock()
	for ; i >= 0 && s.arrived[i].CompareAndSwap(0, now); i -= rows {
		if s.left.Add(-1) == 0 {
			close(s.done)
		}
	}
}

func (s *stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = err
	}
}

func (s *stream) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// compare counts the lists that are, at the clients, what a plain GET gives.
func (s *stream) compare() (equal int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	conn, err := dialLean(s.Addr)
	if err != nil {
		return 0, err
	}
	defer conn.conn.Close()
	target := Target{View: s.View}
	for list := 1; list <= s.Clients; list++ {
		body, err := conn.do(conn.request("GET", target.viewOf(list)))
		if err != nil {
			return 0, err
		}
		var items []struct {
			ID    int   `json:"id"`
			Score int64 `json:"score"`
		}
		if err := json.Unmarshal(body, &items); err != nil || len(items) != s.Each {
			return 0, fmt.Errorf("load: list %d: %w: %.200s", list, err, body)
		}
		for _, item := range items {
			if s.scores[item.ID-1] != item.Score {
				return 0, fmt.Errorf("load: list %d: row %d has the score %d, the client %d", list, item.ID, item.Score, s.scores[item.ID-1])
			}
		}
		equal++
	}
	return equal, nil
}
