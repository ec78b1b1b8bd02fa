package main

import (
	"fmt"
	"strings"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/floor"
	"github.com/wakeful-dev/wakeful/bench/load"
)

var oneOfMany = measurement{
	bars: []bar{
		{"1 of 10,000 rows changes: to the frame, p50 (floor: handler)", "ms", atMost, 3},
		{"1 of 10,000 rows changes: ops", "", exactly, 1},
		{"1 of 10,000 rows changes: the frame", "bytes", within, 512},
	},
	measure: (*stage).oneRow,
}

// oneRow measures a change of one row of a long list beside what the handler
// alone takes to make that list: its query and the encoding of the answer.
func (s *stage) oneRow() [][]run {
	const rows = 10_000
	view := fmt.Sprintf("/goods?limit=%d", rows)
	table := app.Goods{Rows: rows, Each: 1}
	_, addr := s.appOf(app.Database{Folder: s.folder, Goods: table})
	plain, _ := s.floorWith("plain", app.Database{Folder: s.folder, Goods: table})
	s.call(s.load, "connect", load.Target{Crowd: live, Addr: addr, View: view, Version: load.V2, Clients: 1}, nil)
	s.call(s.load, "observe", load.Lists{Crowd: live, First: 1, N: 1}, nil)
	const parts = 5
	n := s.of(10)
	runs := make([][]run, 3)
	floors, figures := make([][]int64, s.runs()), make([]load.Samples, s.runs())
	s.alternate(parts, func(i int) {
		var took []int64
		s.call(plain, "evaluate", floor.Evaluation{View: view, N: n}, &took)
		floors[i] = append(floors[i], took...)
	}, func(i int) {
		var got load.Samples
		s.call(s.load, "strike", load.Strikes{Crowd: live, N: n, Among: rows, GapMicro: 100_000}, &got)
		figures[i].Nanoseconds = append(figures[i].Nanoseconds, got.Nanoseconds...)
		figures[i].Frames = append(figures[i].Frames, got.Frames...)
	})
	for i := range s.runs() {
		var changes []string
		bytes := 0
		for _, text := range figures[i].Frames {
			if strings.HasPrefix(text, `{"type":"changes"`) {
				changes = append(changes, text)
				bytes = max(bytes, len(text))
			}
		}
		if s.err != nil {
			return nil
		}
		runs[0] = append(runs[0], run{milliseconds(figures[i].Nanoseconds, 50), milliseconds(floors[i], 50)})
		runs[1] = append(runs[1], run{Figure: float64(s.steps(load.V2, changes)) / float64(len(figures[i].Nanoseconds))})
		runs[2] = append(runs[2], run{Figure: float64(bytes)})
	}
	return runs
}
