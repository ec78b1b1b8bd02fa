package load

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/role"
)

// Tally asks a crowd to count what writes bring it: each of them to Seen of its
// clients.
type Tally struct {
	Crowd string `json:"crowd"`
	app.Churn
	Seen int `json:"seen"`
	// InOrder: write i is of row i+1, as those of a Shift.
	InOrder bool `json:"in_order,omitempty"`
}

// Tallied asks what came, once all has come. It tells when each write had been
// committed, and how late; without that no times are answered.
type Tallied struct {
	Crowd     string  `json:"crowd"`
	Committed []int64 `json:"committed,omitempty"`
	Late      []int64 `json:"late,omitempty"`
}

// Arrivals answers with what came.
type Arrivals struct {
	Messages int     `json:"messages"`
	Lost     int     `json:"lost"`
	Frames   int     `json:"frames"` // of changes
	Ops      int     `json:"ops"`
	Longest  int     `json:"longest"` // of them, in bytes
	Last     int64   `json:"last"`    // role.Now of the last
	Times    []int64 `json:"times,omitempty"`
}

// tally takes the frames of a crowd while it counts.
type tally struct {
	Tally
	sockets []counted
	left    atomic.Int64
	done    chan struct{}

	mu     sync.Mutex
	failed error
}

// counted is what came to one client.
type counted struct {
	mu      sync.Mutex
	newest  map[int]int // row → the newest write of it that came
	arrived []arrival
	frames  int
	ops     int
	longest int
}

type arrival struct {
	write int
	at    int64
}

// tally begins to count.
func (l *Loader) tally(t Tally) (any, error) {
	c, err := l.crowd(t.Crowd)
	if err != nil {
		return nil, err
	}
	counting := &tally{Tally: t, sockets: make([]counted, len(c.sockets)), done: make(chan struct{})}
	for i := range counting.sockets {
		counting.sockets[i].newest = map[int]int{}
	}
	counting.left.Store(int64(t.N * t.Seen))
	c.counting.Store(counting)
	return role.None{}, nil
}

// tallied waits until all is there, and answers what came.
func (l *Loader) tallied(t Tallied) (any, error) {
	c, err := l.crowd(t.Crowd)
	if err != nil {
		return nil, err
	}
	counting := c.counting.Load()
	if counting == nil {
		return nil, errors.New("load: nothing is counted")
	}
	select {
	case <-counting.done:
	case <-time.After(patience):
	}
	c.counting.Store(nil)
	counting.mu.Lock()
	defer counting.mu.Unlock()
	return counting.sum(&t), counting.failed
}

func (t *tally) sum(asked *Tallied) *Arrivals {
	got := &Arrivals{Lost: int(t.left.Load())}
	for i := range t.sockets {
		s := &t.sockets[i]
		s.mu.Lock()
		got.Messages += len(s.arrived)
		got.Frames += s.frames
		got.Ops += s.ops
		got.Longest = max(got.Longest, s.longest)
		for _, a := range s.arrived {
			got.Last = max(got.Last, a.at)
			if asked.Committed != nil {
				got.Times = append(got.Times, max(0, a.at-asked.Committed[a.write])+asked.Late[a.write])
			}
		}
		s.mu.Unlock()
	}
	return got
}

var (
	keyMember   = []byte(`"key":"`)
	scoreMember = []byte(`"score":`)
)

// take notes what a frame brings, as soon as it is read.
func (t *tally) take(s *socket, payload []byte) {
	now := role.Now()
	if bytes.HasPrefix(payload, []byte(`{"type":"snapshot"`)) || bytes.HasPrefix(payload, []byte(`{"type":"closed"`)) {
		t.fail(fmt.Errorf("load: it did not keep up: %.200s", payload))
		return
	}
	one := &t.sockets[s.index]
	one.mu.Lock()
	defer one.mu.Unlock()
	ops := 0
	for rest := payload; ; ops++ {
		_, op, more := bytes.Cut(rest, keyMember)
		if !more {
			break
		}
		rest = op
		if at := bytes.Index(op, keyMember); at >= 0 {
			op = op[:at]
		}
		if _, set, ok := bytes.Cut(op, scoreMember); ok { // else it only moved
			t.arrive(one, int(digits(op)), digits(set), now)
		}
	}
	if ops > 0 {
		one.frames++
		one.ops += ops
		one.longest = max(one.longest, len(payload))
	}
}

// arrive notes a row's score, and those before it that it replaced unseen.
func (t *tally) arrive(one *counted, row int, score, now int64) {
	i := t.Write(score)
	if i < 0 || t.rowOf(i) != row {
		t.fail(fmt.Errorf("load: row %d has the score %d, which nobody wrote to it", row, score))
		return
	}
	newest, before := one.newest[row]
	if !before {
		newest = -1
	}
	if i <= newest {
		t.fail(fmt.Errorf("load: row %d has the score of write %d after that of %d", row, i, newest))
		return
	}
	one.newest[row] = i
	for ; i > newest; i -= t.Rows {
		one.arrived = append(one.arrived, arrival{i, now})
		if t.left.Add(-1) == 0 {
			close(t.done)
		}
	}
}

func (t *tally) rowOf(i int) int {
	if t.InOrder {
		return i + 1
	}
	return t.Row(i)
}

func (t *tally) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil {
		t.failed = err
	}
}

// digits reads the number that text begins with.
func digits(text []byte) (n int64) {
	for len(text) > 0 && '0' <= text[0] && text[0] <= '9' {
		n = 10*n + int64(text[0]-'0')
		text = text[1:]
	}
	return n
}
