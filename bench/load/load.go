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
	Addr     string `json:"addr"`      // host:port of the server
	Write    string `json:"write"`     // host:port of who writes; "" is Addr
	View     string `json:"view"`      // path and parameters of the list, for versions 1 and 2
	Version  int    `json:"version"`   // Bare, V1 or V2
	Clients  int    `json:"clients"`   // sockets
	GapMicro int    `json:"gap_micro"` // quiet before each sample, microseconds
}

// Series asks for samples.
type Series struct {
	N       int    `json:"n"`
	Payload string `json:"payload,omitempty"` // of an echo
	Score   int64  `json:"score,omitempty"`   // that a bare server's frame contains; 0: a new one each time
}

// Samples answers with nanoseconds, and the text frames that the last one
// brought to one client.
type Samples struct {
	Nanoseconds []int64  `json:"nanoseconds"`
	Frames      []string `json:"frames,omitempty"`
}

// Loader is the state of the load process between calls.
type Loader struct {
	target  Target
	crowd   *crowd
	witness *crowd // one client that stays, while the others are away
	writer  *lean
	score   int64
	network int // of the source addresses in use
	crowds  int // made so far: each has sessions of its own
}

// Verbs is what the load process can do.
func Verbs() map[string]role.Verb {
	l := &Loader{score: 1_000_000}
	return map[string]role.Verb{
		"gather":   role.Do(l.gather),
		"leave":    role.Do(l.leave),
		"echoes":   role.Do(l.echoes),
		"changes":  role.Do(l.changes),
		"away":     role.Do(l.away),
		"back":     role.Do(l.back),
		"drop row": role.Do(l.dropRow),
		"requests": role.Do(requests),
	}
}

// gather opens the sockets of a crowd, and subscribes them.
func (l *Loader) gather(t Target) (any, error) {
	if t.Write == "" {
		t.Write = t.Addr
	}
	l.target = t
	l.crowd = newCrowd(t, l.nextName(), t.Clients)
	var err error
	if l.writer, err = dialLean(t.Write); err != nil {
		return nil, err
	}
	if err := l.crowd.subscribe(); err != nil {
		return nil, err
	}
	return role.None{}, l.crowd.connect(l.nextNetwork(), l.crowd.greeting())
}

// leave closes all that gather opened.
func (l *Loader) leave(role.None) (any, error) {
	for _, c := range []*crowd{l.crowd, l.witness} {
		if c != nil {
			c.close()
		}
	}
	if l.writer != nil {
		l.writer.conn.Close()
	}
	l.crowd, l.witness, l.writer = nil, nil, nil
	return role.None{}, nil
}

// nextNetwork numbers the source addresses: connections that were just closed
// keep their ports for a minute.
func (l *Loader) nextNetwork() int {
	l.network = l.network%200 + 1
	return l.network
}

func (l *Loader) nextName() string {
	l.crowds++
	return fmt.Sprintf("crowd%d", l.crowds)
}

func (l *Loader) nextScore() int64 {
	l.score++
	return l.score
}

func needleOf(score int64) string { return fmt.Sprintf(`"score":%d`, score) }
