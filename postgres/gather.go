package postgres

import (
	"io"
	"time"
)

// gathered reads a connection on which the server sends its log: each message of
// its own, as soon as it has it. Who is faster than the server would be woken for
// every one, which costs a multiple of what is then done with it. So while
// messages come thick, a moment is waited before the next look; while they do not,
// each is read as it comes. One goroutine reads.
type gathered struct {
	from    io.Reader
	buffer  []byte
	rest    []byte    // of the buffer, that nobody has taken yet
	since   time.Time // reads are counted
	reads   int       // since then
	thick   bool      // messages come thick
	drained bool      // the last read brought less than there is room for
}

// Messages come thick where thickReads reads took no longer than thickWithin, and
// until less than thinRead bytes have come while gatherFor was waited.
const (
	thickReads  = 32
	thickWithin = 4 * time.Millisecond
	thinRead    = 2 << 10
	gatherFor   = time.Millisecond
	gatherRoom  = 256 << 10
)

func gather(from io.Reader) *gathered { return &gathered{from: from} }

func (g *gathered) Read(p []byte) (int, error) {
	if len(g.rest) == 0 {
		if err := g.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

// fill waits until something has come. An error that comes with data comes again
// without.
func (g *gathered) fill() error {
	if g.buffer == nil {
		g.buffer = make([]byte, gatherRoom)
	}
	if g.thick && g.drained {
		time.Sleep(gatherFor)
	}
	n, err := g.from.Read(g.buffer)
	g.rest = g.buffer[:n]
	g.drained = n < len(g.buffer)/2
	g.count(n)
	if n > 0 {
		return nil
	}
	return err
}

// count notes a read of so many bytes.
func (g *gathered) count(n int) {
	if g.thick {
		g.thick = n >= thinRead
		g.reads = 0
		return
	}
	now := time.Now()
	if g.reads == 0 {
		g.since = now
	}
	if g.reads++; g.reads > thickReads {
		g.thick = now.Sub(g.since) <= thickWithin
		g.reads = 0
	}
}
