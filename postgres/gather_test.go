package postgres

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// trickle yields its parts one a read, each some time after the one before.
type trickle struct {
	parts [][]byte
	apart time.Duration
	came  time.Time // the last was there
	reads int
	err   error
	bulk  bool // what has come meanwhile is read with it
}

func (t *trickle) Read(p []byte) (int, error) {
	t.reads++
	if len(t.parts) == 0 {
		return 0, t.err
	}
	if t.came.IsZero() {
		t.came = time.Now()
	}
	<-time.After(time.Until(t.came.Add(t.apart)))
	n := 0
	for len(t.parts) > 0 && n < len(p) && !time.Now().Before(t.came.Add(t.apart)) {
		taken := copy(p[n:], t.parts[0])
		n += taken
		if t.parts[0] = t.parts[0][taken:]; len(t.parts[0]) == 0 {
			t.parts = t.parts[1:]
			t.came = t.came.Add(t.apart)
		}
		if !t.bulk {
			break
		}
	}
	return n, nil
}

func TestGatheredIsWhatCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		lost := errors.New("lost")
		for range 300 {
			from := &trickle{apart: time.Duration(random.IntN(200)) * time.Microsecond, err: lost, bulk: random.IntN(2) == 0}
			var want []byte
			for range random.IntN(200) {
				part := make([]byte, 1+random.IntN(1<<random.IntN(14)))
				for i := range part {
					part[i] = byte(random.Uint32())
				}
				from.parts, want = append(from.parts, part), append(want, part...)
			}
			g, room := gather(from), make([]byte, 1+random.IntN(10_000))
			var got []byte
			for {
				n, err := g.Read(room[:1+random.IntN(len(room))])
				got = append(got, room[:n]...)
				if err != nil {
					if !errors.Is(err, lost) {
						t.Fatal(err)
					}
					break
				}
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%d bytes came, %d were read, or others", len(want), len(got))
			}
		}
	})
}

// Messages that come thick are read together, and those that do not as they come.
func TestGatheredWaitsWhileMessagesComeThick(t *testing.T) {
	parts := func(n int) (list [][]byte) {
		for range n {
			list = append(list, make([]byte, 100))
		}
		return list
	}
	read := func(g *gathered, n int) {
		if _, err := io.ReadFull(g, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		from := &trickle{parts: parts(100_000), apart: 5 * time.Microsecond, bulk: true}
		g, began := gather(from), time.Now()
		read(g, 100*100_000)
		if from.reads > 1000 {
			t.Errorf("100,000 messages, 5 µs apart, took %d reads", from.reads)
		}
		if took := time.Since(began); took > 500*time.Millisecond+2*gatherFor {
			t.Errorf("what came within 500 ms was read in %v", took)
		}
		// The rush is over: the next ones are there at once again.
		from.parts, from.came, from.apart = parts(3), time.Time{}, 2*thickWithin
		read(g, 100)
		for range 2 {
			if read(g, 100); !time.Now().Equal(from.came) {
				t.Errorf("a message was read %v after it came", time.Since(from.came))
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		from := &trickle{parts: parts(1000), apart: 500 * time.Microsecond}
		g := gather(from)
		for range 1000 {
			if read(g, 100); !time.Now().Equal(from.came) {
				t.Fatalf("a message was read %v after it came", time.Since(from.came))
			}
		}
	})
}
