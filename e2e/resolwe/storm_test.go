package resolwe

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
)

// storms is how many times a storm breaks the connection.
func storms() int {
	if os.Getenv("WAKEFUL_LONG") != "" {
		return 60
	}
	return 2
}

// storm: whatever can go wrong does, in any order, and lists are dropped and
// observed again all the while.
func storm(t *testing.T) {
	s := newStage(t, seed())
	t.Logf("seed %d", seed())
	breaks := []func(){
		func() { s.link.cut() },
		func() { s.loseSome(1 + s.random.IntN(10)); s.link.cut() },
		func() { s.stop(); s.db = nil },
		func() { s.loseSome(1 + s.random.IntN(5)); s.stop(); s.db = nil; s.link.cut() },
	}
	names := slices.Sorted(maps.Keys(everything()))
	change := func() {
		for range s.random.IntN(6) {
			s.edit(s.random.IntN(4))
			name := names[s.random.IntN(len(names))]
			if _, ok := s.tab.queries[name]; ok {
				s.tab.dispose(name)
			} else {
				s.tab.start(name, everything()[name])
			}
		}
		s.edit(s.random.IntN(10))
	}
	for cuts := 1; cuts <= storms(); cuts++ {
		change()
		equal(t, s.app, s.tab)
		s.tab.idle()
		s.edit(s.random.IntN(4))
		breaks[s.random.IntN(len(breaks))]()
		s.tab.await("the client to notice", func() bool { return !s.tab.up })
		change()
		if s.db == nil {
			s.start()
		}
		change()
		s.link.heal()
		s.tab.await("the client to come back", func() bool { return s.tab.ups == 1+cuts })
		change()
		settled(t, s.app, s.tab)
	}
	s.tab.unharmed(storms())
}

// seed makes a storm another one each time that somebody asks for it.
func seed() uint64 {
	n, err := strconv.ParseUint(os.Getenv("WAKEFUL_SEED"), 10, 64)
	if err != nil {
		return 18
	}
	return n
}
