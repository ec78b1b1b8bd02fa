package main

import (
	"fmt"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/load"
)

const oneOfAny = "1 row of a declared list of "

var lengths = measurement{
	bars: []bar{
		{oneOfAny + "1,000 changes: CPU (floor: of 100)", "ms", noted, 0},
		{oneOfAny + "10,000 changes: CPU (floor: of 100)", "ms", noted, 0},
		{oneOfAny + "100,000 changes: CPU (floor: of 100)", "ms", atMost, 1.5},
		{oneOfAny + "100,000 changes: ops", "", exactly, 1},
		{oneOfAny + "100,000 changes: the frame", "bytes", within, 512},
		{oneOfAny + "100,000 changes: evaluations", "", exactly, 0},
	},
	measure: (*stage).lengths,
}

// lengths measures changes of one row each of lists of four lengths, filtered
// and ordered, each in a server of its own over a table of the same size. The
// row moves to any place of its list.
func (s *stage) lengths() [][]run {
	rows := s.of(100_000)
	var shops []*shop
	sizes := []int{100, 1000, 10_000, rows}
	for _, size := range sizes {
		p := s.open(app.Database{Folder: s.newFolder(), Items: rows, Wares: app.Wares{Rows: rows, Each: size}})
		view := fmt.Sprintf("/wares?owner=1&ordering=-score&limit=%d", size)
		s.gather(load.Target{Crowd: fmt.Sprint(size), Addr: p.addr, View: view, Version: load.V2, Clients: 1})
		shops = append(shops, p)
	}
	const rate, n = 800, 800
	strike := func(i int) *churned {
		return s.all(s.churn(shops[i], fmt.Sprint(sizes[i]), 1, app.Churn{N: n, Rows: sizes[i], Rate: rate}))
	}
	for i := range shops {
		strike(i)
	}
	runs := make([][]run, 6)
	for range s.runs() {
		var cpu [4]float64
		var longest *churned
		for i := range shops {
			longest = strike(i)
			cpu[i] = longest.cpu()
		}
		for i := range 3 {
			runs[i] = append(runs[i], run{cpu[i+1], cpu[0]})
		}
		runs[3] = append(runs[3], run{Figure: float64(longest.Ops) / n})
		runs[4] = append(runs[4], run{Figure: float64(longest.Longest)})
		runs[5] = append(runs[5], run{Figure: float64(longest.counts.Evaluations)})
	}
	return runs
}
