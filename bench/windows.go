package main

import (
	"fmt"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/load"
	"github.com/wakeful-dev/wakeful/bench/role"
)

// windowAt are where the windows lie.
var windowAt = []int{0, 50_000, 99_000}

var windows = measurement{
	bars: func() (bars []bar) {
		for _, at := range windowAt {
			name := fmt.Sprintf("50 of a declared 100,000 at row %d, one core: ", at)
			bars = append(bars,
				bar{name + "steps (floor: the writes alone)", "steps/s", reaches, 15_000},
				bar{name + "statements a step", "", within, 0.1},
				bar{name + "evaluations", "", exactly, 0},
			)
		}
		return bars
	}(),
	measure: (*stage).windows,
}

// windows measures what the steps of a window cost: the processor time of a
// server on one core that writes and has a client, less that of one that writes
// the same and has none. From the changeset to the frame in the socket, capture,
// queues and garbage included. The floor is how fast the writes alone go.
func (s *stage) windows() [][]run {
	const limit = 50
	rows, n := s.of(100_000), s.of(15_000)
	table := app.Database{Procs: 1, Wares: app.Wares{Rows: rows, Each: rows, ByScore: true}}
	runs := make([][]run, 3*len(windowAt))
	for i, at := range windowAt {
		at = at / 100 * (rows / 1000)
		table.Folder = s.newFolder()
		live := s.open(table)
		table.Folder = s.newFolder()
		alone := s.open(table)
		s.gather(load.Target{Crowd: "window", Addr: live.addr, View: fmt.Sprintf("/wares?ordering=-score&limit=%d&offset=%d", limit, at), Version: load.V2, Clients: 1})
		slide := func(p *shop, crowd string) app.Counts {
			return s.slide(p, crowd, app.Slide{N: n, Offset: at, Limit: limit})
		}
		slide(live, "window")
		slide(alone, "")
		for range s.runs() {
			both, writes := slide(live, "window"), slide(alone, "")
			runs[3*i] = append(runs[3*i], run{perSecond(n, both.CPU-writes.CPU), perSecond(n, writes.CPU)})
			runs[3*i+1] = append(runs[3*i+1], run{Figure: float64(both.Reads) / float64(n)})
			runs[3*i+2] = append(runs[3*i+2], run{Figure: float64(both.Evaluations)})
		}
		s.leave("window")
		s.end(live.server)
		s.end(alone.server)
	}
	return runs
}

// slide has a server write to a window, and waits until a crowd, "" for none,
// has what the last write brought.
func (s *stage) slide(p *shop, crowd string, asked app.Slide) app.Counts {
	var before, after app.Counts
	var last app.Last
	asked.Base = p.next(asked.N)
	s.call(p.server, "prepare", asked, &last)
	if crowd != "" {
		s.call(s.load, "await", load.Needle{Crowd: crowd, Score: last.Score}, nil)
	}
	s.call(p.server, "counts", role.None{}, &before)
	s.call(p.server, "slide", role.None{}, nil)
	if crowd != "" {
		s.call(s.load, "found", load.Crowd{Crowd: crowd}, nil)
	}
	s.call(p.server, "counts", role.None{}, &after)
	return after.Since(before)
}

// perSecond is how much is done in a second of which n took so long.
func perSecond(n int, nanoseconds int64) float64 { return float64(n) * 1e9 / float64(nanoseconds) }
