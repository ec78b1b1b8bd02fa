package main

import (
	"fmt"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/floor"
	"github.com/wakeful-dev/wakeful/bench/load"
	"github.com/wakeful-dev/wakeful/bench/role"
)

const shiftName = "10,000 rows of 1,000 declared lists at once: "

var transaction = measurement{
	bars: []bar{
		{shiftName + "to the last frame (floor: handlers)", "ms", atMost, 3},
		{shiftName + "SQL statements", "", within, 50},
		{shiftName + "frames", "", exactly, 1000},
	},
	measure: (*stage).shift,
}

// shift measures a transaction that changes every row of many lists, from its
// commit to the arrival of the last frame, beside what a handler takes that
// reads and encodes each of the lists once: no connection, no client.
func (s *stage) shift() [][]run {
	const each, lists = 10, 1000
	table := app.Wares{Rows: lists * each, Each: each}
	plain, _ := s.floorWith("plain", app.Database{Folder: s.newFolder(), Wares: table})
	p := s.open(app.Database{Folder: s.newFolder(), Wares: table})
	s.gather(load.Target{Crowd: live, Addr: p.addr, View: ownersView, First: 1, Version: load.V2, Clients: lists})
	runs := make([][]run, 3)
	for i := range s.runs() + 1 {
		var took []int64
		s.call(plain, "evaluate", floor.Evaluation{View: byHand, N: lists}, &took)
		alone := int64(0)
		for _, one := range took {
			alone += one
		}
		got := s.shifted(p, table.Rows)
		if i == 0 {
			continue // the first one warms
		}
		runs[0] = append(runs[0], run{float64(got.Last-got.End) / 1e6, float64(alone) / 1e6})
		runs[1] = append(runs[1], run{Figure: float64(got.counts.Reads + got.counts.Evaluations)})
		runs[2] = append(runs[2], run{Figure: float64(got.Frames)})
	}
	return runs
}

// byHand is the list of an owner, of the floor.
const byHand = "/byhand?owner=%d&ordering=-score&limit=50"

// shifted has a server write all rows at once, each of which one client sees.
func (s *stage) shifted(p *shop, rows int) *churned {
	c := app.Churn{N: rows, Rows: rows, Base: p.next(rows)}
	got := &churned{n: rows}
	var before, after app.Counts
	s.call(s.load, "tally", load.Tally{Crowd: live, Churn: c, Seen: 1, InOrder: true}, nil)
	s.call(p.server, "counts", role.None{}, &before)
	s.call(p.server, "shift", app.Shift{N: rows, Base: c.Base}, &got.Churned)
	s.call(s.load, "tallied", load.Tallied{Crowd: live}, &got.Arrivals)
	s.call(p.server, "counts", role.None{}, &after)
	got.counts = after.Since(before)
	if s.err == nil && got.Lost > 0 {
		s.err = fmt.Errorf("%d of %d rows did not arrive", got.Lost, rows)
	}
	return got
}
