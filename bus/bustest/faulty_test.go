package bustest_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/bus/bustest"
)

// TestFaulty checks that each fault happens, about as often as asked for.
func TestFaulty(t *testing.T) {
	const count, rate = 10000, 0.1
	synctest.Test(t, func(t *testing.T) {
		b := bus.New()
		var came []uint64
		leave, err := b.Join("z", func(m bus.Message) { came = append(came, m.Number) })
		if err != nil {
			t.Fatal(err)
		}
		faulty := bustest.Faulty(b, 1, rate)
		for n := range uint64(count) {
			if err := faulty.Send("z", bus.Message{Number: n}); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(time.Second) // on the bubble's clock: what was delayed comes
		synctest.Wait()
		leave()
		late := 0
		for i, n := range came[1:] {
			if n < came[i] {
				late++
			}
		}
		slices.Sort(came)
		kinds := len(slices.Compact(slices.Clone(came)))
		again := len(came) - kinds
		about(t, "lost", count-kinds, count*rate*(1-rate))
		about(t, "doubled", again, count*rate*(1-rate))
		if late < count*rate/2 {
			t.Errorf("%d came after a later one", late)
		}
	})
}

func about(t *testing.T, what string, got int, want float64) {
	t.Helper()
	if g := float64(got); g < want*0.8 || g > want*1.2 {
		t.Errorf("%d %s, want about %.0f", got, what, want)
	}
}

func TestFaultyWithoutFaults(t *testing.T) {
	bustest.Run(t, func(*testing.T) bus.Bus { return bustest.Faulty(bus.New(), 1, 0) })
}
