package bus_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/bus/bustest"
)

// TestLinkChaos restarts and silences two members at random on a faulty bus.
// Between two losses a stream has no gap, none is doubled, none is of another
// run; once all is quiet what is sent arrives.
func TestLinkChaos(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { chaos(t, seed) })
		})
	}
}

// actor is one member through all its runs.
type actor struct {
	name, other string
	run, sent   int
	*station
}

func (a *actor) start(t *testing.T, b bus.Bus) {
	a.run++
	a.sent = 0
	a.station = open(t, b, a.name, func(cfg *bus.LinkConfig) { cfg.Log = 200 })
}

func (a *actor) say(t *testing.T) {
	a.sent++
	a.send(t, a.other, fmt.Sprintf("%d/%d", a.run, a.sent))
}

func chaos(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 2))
	lossy := &cut{Bus: bustest.Faulty(bus.New(), seed, 0.2*random.Float64())}
	actors := []*actor{{name: "a", other: "z"}, {name: "z", other: "a"}}
	for _, a := range actors {
		a.start(t, lossy)
	}
	for range 300 {
		a := actors[random.IntN(2)]
		switch n := random.IntN(100); {
		case n < 2:
			a.stop()
			checkStream(t, a.heard())
			a.start(t, lossy)
		case n < 5:
			lossy.lose(a.name, true)
		case n < 10:
			lossy.lose(a.name, false)
		case n < 40:
			pass(time.Duration(random.IntN(30)) * time.Millisecond)
		case n < 43:
			pass(time.Duration(random.IntN(20)) * time.Second)
		default:
			for range 1 + random.IntN(30) {
				a.say(t)
			}
		}
	}
	for _, a := range actors {
		lossy.lose(a.name, false)
	}
	pass(40 * time.Second)
	for _, a := range actors {
		checkStream(t, a.heard())
	}
	for _, a := range actors {
		a.say(t)
		a.say(t)
	}
	pass(20 * time.Second)
	for i, a := range actors {
		other := actors[1-i]
		wants(t, a.name, a.heard(),
			fmt.Sprintf("%s: %d/%d", other.name, other.run, other.sent-1),
			fmt.Sprintf("%s: %d/%d", other.name, other.run, other.sent))
	}
}

// checkStream checks what one run of a member heard.
func checkStream(t *testing.T, events []string) {
	t.Helper()
	run, number := 0, 0
	fresh := true // nothing of this stream came yet
	for _, event := range events {
		text, ok := strings.CutPrefix(event[1:], ": ")
		if !ok {
			fresh = true
			continue
		}
		r, n, _ := strings.Cut(text, "/")
		gotRun, _ := strconv.Atoi(r)
		gotNumber, _ := strconv.Atoi(n)
		switch {
		case gotRun < run, gotRun == run && gotNumber <= number:
			t.Errorf("%s came after %d/%d", event, run, number)
		case !fresh && (gotRun != run || gotNumber != number+1):
			t.Errorf("%s came after %d/%d with nothing said of a loss", event, run, number)
		}
		run, number, fresh = gotRun, gotNumber, false
	}
}
