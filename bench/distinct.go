package main

import (
	"fmt"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/load"
	"github.com/wakeful-dev/wakeful/bench/role"
)

var (
	ownersMany = distinctOf("owner = X", "/goods/owner?owner=%d")
	rangesMany = distinctOf("price BETWEEN A AND B", "/goods/price?from=%e&to=%e")
)

// distinctOf measures what a change costs that one of many different lists has.
func distinctOf(what, view string) measurement {
	name := "100,000 observers, " + what
	return measurement{
		bars: []bar{
			{name + ": CPU of a change (floor: 100)", "ms", atMost, 1.3},
			{name + ": to the frame, p50 (floor: 100)", "ms", atMost, 1.3},
			{name + ": evaluations of a change", "", exactly, 1},
		},
		measure: func(s *stage) [][]run { return s.distinct(view) },
	}
}

// town is a server with so many observers, each of one row, and the crowd that
// follows them.
type town struct {
	server *role.Process
	crowd  string
	rows   int
}

// distinct measures changes of rows that one observer each has, in a server of
// many observers beside one of few. Their tables are alike.
func (s *stage) distinct(view string) [][]run {
	rows := s.of(100_000)
	few := s.settle("few", view, 100, rows)
	many := s.settle("many", view, rows, rows)
	const parts, n = 10, 300
	for range 2 {
		s.strike(few, n)
		s.strike(many, n)
	}
	runs := make([][]run, 3)
	floors, figures := make([]strikes, s.runs()), make([]strikes, s.runs())
	s.alternate(parts, func(i int) {
		floors[i].add(s.strike(few, n))
	}, func(i int) {
		figures[i].add(s.strike(many, n))
	})
	for i := range s.runs() {
		runs[0] = append(runs[0], run{figures[i].cpu(), floors[i].cpu()})
		runs[1] = append(runs[1], run{milliseconds(figures[i].took, 50), milliseconds(floors[i].took, 50)})
		runs[2] = append(runs[2], run{Figure: figures[i].evaluations()})
	}
	return runs
}

// settle starts a server and has so many different lists observed, by clients
// of a thousand each.
func (s *stage) settle(crowd, view string, observers, rows int) *town {
	t := &town{crowd: crowd, rows: observers}
	var addr string
	t.server, addr = s.appOf(app.Database{Folder: s.sub(crowd), Goods: app.Goods{Rows: rows, Each: 1}})
	s.call(s.load, "connect", load.Target{Crowd: crowd, Addr: addr, View: view, Version: load.V2, Clients: max(1, observers/1000)}, nil)
	const atOnce = 5000
	for first := 1; first <= observers; first += atOnce {
		s.call(s.load, "observe", load.Lists{Crowd: crowd, First: first, N: min(atOnce, observers-first+1)}, nil)
	}
	return t
}

// strikes is what changes took and cost.
type strikes struct {
	took  []int64
	spent int64  // nanoseconds of CPU
	runs  uint64 // evaluations
}

func (s *strikes) add(more strikes) {
	s.took = append(s.took, more.took...)
	s.spent += more.spent
	s.runs += more.runs
}

// cpu is what one change costs, in milliseconds.
func (s *strikes) cpu() float64 { return float64(s.spent) / 1e6 / float64(len(s.took)) }

// evaluations is how many one change causes.
func (s *strikes) evaluations() float64 { return float64(s.runs) / float64(len(s.took)) }

// strike makes so many changes, each of a row that one observer has.
func (s *stage) strike(t *town, n int) strikes {
	var before, after app.Counts
	var got load.Samples
	s.call(t.server, "counts", role.None{}, &before)
	s.call(s.load, "strike", load.Strikes{Crowd: t.crowd, N: n, Among: t.rows}, &got)
	s.call(t.server, "counts", role.None{}, &after)
	if s.err == nil && len(got.Nanoseconds) != n {
		s.err = fmt.Errorf("%d of %d changes measured", len(got.Nanoseconds), n)
	}
	return strikes{took: got.Nanoseconds, spent: after.CPU - before.CPU, runs: after.Evaluations - before.Evaluations}
}
