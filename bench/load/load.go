// Package load is the client side of every measurement: one process that
// loads a server and its floor in turn, with the same code.
//
// Times of arrival are taken in the goroutine that reads a socket, as soon as
// the frame is found to be the one that is waited for. Frames are found by a
// needle, the score that was written: each is used once.
//
// Pipeline: app, floor → [load] → bench.
package load

import (
	"fmt"

	"github.com/wakeful-dev/wakeful/bench/role"
)

// Versions of the protocol that a crowd can speak. Bare sockets only follow
// what comes.
const (
	Bare = 0
	V1   = 1
	V2   = 2
)

// Target says what a crowd follows.
type Target struct {
	Crowd    string `json:"crowd"`     // what later calls name it
	Addr     string `json:"addr"`      // host:port of the server
	Write    string `json:"write"`     // host:port of who writes; "" is Addr
	View     string `json:"view"`      // path and parameters of the list, for versions 1 and 2; %d in it is the number of the client
	First    int    `json:"first"`     // number of the first client
	Version  int    `json:"version"`   // Bare, V1 or V2
	Clients  int    `json:"clients"`   // sockets
	GapMicro int    `json:"gap_micro"` // quiet before each sample, microseconds
	Absent   bool   `json:"absent"`    // not connected before they come back
	Later    bool   `json:"later"`     // subscribed when they are told to
	Lists    int    `json:"lists"`     // each follows so many lists, the same as the others; 0: one
	Slow     bool   `json:"slow"`      // they read one byte a second
	Users    bool   `json:"users"`     // each client is a user of its own, of its number
}

// user is who a client is.
func (t *Target) user(i int) string { return fmt.Sprint(t.First + i) }

// Crowd names one that was gathered.
type Crowd struct {
	Crowd string `json:"crowd"`
}

// Series asks for samples.
type Series struct {
	Crowd   string `json:"crowd"`
	N       int    `json:"n"`
	Payload string `json:"payload,omitempty"` // of an echo
	Score   int64  `json:"score,omitempty"`   // that a bare server's frame contains; 0: a new one each time
}

// Samples answers with nanoseconds, and the text frames that the last one
// brought to one client.
type Samples struct {
	Nanoseconds []int64  `json:"nanoseconds"`
	Committed   []int64  `json:"committed,omitempty"` // role.Now of each commit, of strikes
	Frames      []string `json:"frames,omitempty"`
}

// Loader is the state of the load process between calls.
type Loader struct {
	crowds  map[string]*crowd
	score   int64 // written last
	network int   // of the source addresses in use
	made    int   // crowds so far: each has sessions of its own
}

// Verbs is what the load process can do.
func Verbs() map[string]role.Verb {
	l := &Loader{crowds: map[string]*crowd{}, score: 1_000_000}
	return map[string]role.Verb{
		"gather":    role.Do(l.gather),
		"subscribe": role.Do(l.subscribe),
		"leave":     role.Do(l.leave),
		"echoes":    role.Do(l.echoes),
		"changes":   role.Do(l.changes),
		"away":      role.Do(l.away),
		"back":      role.Do(l.back),
		"drop row":  role.Do(l.dropRow),
		"requests":  role.Do(requests),
		"connect":   role.Do(l.connect),
		"observe":   role.Do(l.observe),
		"strike":    role.Do(l.strike),
		"stream":    role.Do(l.stream),
		"await":     role.Do(l.await),
		"found":     role.Do(l.found),
		"tally":     role.Do(l.tally),
		"tallied":   role.Do(l.tallied),
	}
}

// gather opens the sockets of a crowd, and subscribes them.
func (l *Loader) gather(t Target) (any, error) {
	c, err := l.open(t)
	if err == nil {
		l.crowds[t.Crowd] = c
	}
	return role.None{}, err
}

func (l *Loader) open(t Target) (*crowd, error) {
	if t.Write == "" {
		t.Write = t.Addr
	}
	l.made++
	c := newCrowd(t, fmt.Sprintf("crowd%d", l.made))
	var err error
	if c.writer, err = dialLean(t.Write); err != nil {
		return nil, err
	}
	if !t.Later {
		if err := c.subscribe(); err != nil {
			return nil, err
		}
	}
	if t.Absent {
		return c, nil
	}
	return c, c.connect(l.nextNetwork(), c.greeting())
}

// Listed answers "subscribe" with the bytes of the lists.
type Listed struct {
	Bytes int64 `json:"bytes"`
}

// subscribe has a crowd that is connected send its GETs.
func (l *Loader) subscribe(which Crowd) (any, error) {
	c, err := l.crowd(which.Crowd)
	if err != nil {
		return nil, err
	}
	err = c.subscribe()
	return Listed{c.listed.Load()}, err
}

// leave closes all that gather opened.
func (l *Loader) leave(which Crowd) (any, error) {
	c, err := l.crowd(which.Crowd)
	if err != nil {
		return nil, err
	}
	delete(l.crowds, which.Crowd)
	for _, c := range []*crowd{c, c.witness} {
		if c != nil {
			c.close()
			c.writer.conn.Close()
		}
	}
	return role.None{}, nil
}

func (l *Loader) crowd(name string) (*crowd, error) {
	if c := l.crowds[name]; c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("load: no crowd %q", name)
}

// nextNetwork numbers the source addresses: connections that were just closed
// keep their ports for a minute.
func (l *Loader) nextNetwork() int {
	l.network = l.network%200 + 1
	return l.network
}

func (l *Loader) nextScore() int64 {
	l.score++
	return l.score
}

func needleOf(score int64) string { return fmt.Sprintf(`"score":%d`, score) }
