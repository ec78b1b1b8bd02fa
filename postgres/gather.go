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
	hush    func(bytes int) // says from how many bytes on to be told of them; may be nil
	buffer  []byte
	rest    []byte    // of the buffer, that nobody has taken yet
	since   time.Time // reads are counted
	reads   int       // since then
	thick   bool      // messages come thick
	thin    int       // reads in a row that brought little all the same
	drained bool      // the last read brought less than there is room for
}

// Messages come thick where thickReads reads took no longer than thickWithin. They
// no longer do where none has come for so long, or less than thinRead bytes in each
// of thinReads reads, with gatherFor before each.
const (
	thickReads  = 32
	thickWithin = 10 * time.Millisecond
	thinRead    = 2 << 10
	thinReads   = 3
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
		g.wait()
	}
	began := time.Now()
	n, err := g.from.Read(g.buffer)
	g.rest = g.buffer[:n]
	g.drained = n < len(g.buffer)/2
	if now := time.Now(); g.thick {
		g.thick = g.goesOn(n, now.Sub(began))
	} else {
		g.thick = g.begins(now)
	}
	if n > 0 {
		return nil
	}
	return err
}

// wait lets messages come. Nothing is heard of them meanwhile.
func (g *gathered) wait() {
	if g.hush == nil {
		time.Sleep(gatherFor)
		return
	}
	g.hush(gatherRoom / 4)
	time.Sleep(gatherFor)
	g.hush(1)
}

// begins counts a read, and reports whether messages come thick now.
func (g *gathered) begins(now time.Time) bool {
	if g.reads == 0 {
		g.since = now
	}
	if g.reads++; g.reads <= thickReads {
		return false
	}
	g.reads, g.thin = 0, 0
	return now.Sub(g.since) <= thickWithin
}

// goesOn reports whether messages still come thick, after a read of so many bytes
// that took so long.
func (g *gathered) goesOn(n int, took time.Duration) bool {
	g.thin++
	if n >= thinRead {
		g.thin = 0
	}
	return g.thin < thinReads && took <= thickWithin
}
