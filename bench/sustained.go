package main

import (
	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/load"
)

var sustained = measurement{
	bars: []bar{
		{"1,050 writes/s for 60 s in 100 lists: arrived", "writes/s", reaches, 1000},
		{"1,050 writes/s for 60 s in 100 lists: to the frame, p99", "ms", within, 20},
		{"1,050 writes/s for 60 s in 100 lists: as a GET in the end", "", exactly, 100},
	},
	measure: (*stage).sustain,
}

// sustain measures writes at a pace that does not wait for answers, each in a
// row that one of a hundred clients follows, in five windows without a pause
// between them. The floor goes first, for a shorter time.
func (s *stage) sustain() [][]run {
	const lists, each, rate = 100, 10, 1050
	view := "/goods/owner?owner=%d"
	table := app.Goods{Rows: lists * each, Each: each}
	_, addr := s.appOf(app.Database{Folder: s.folder, Goods: table})
	_, pushAddr := s.floorWith("push", app.Database{Folder: s.folder, Goods: table})
	s.call(s.load, "connect", load.Target{Crowd: live, Addr: addr, View: view, Version: load.V2, Clients: lists}, nil)
	s.call(s.load, "connect", load.Target{Crowd: bare, Addr: pushAddr, Clients: lists}, nil)
	s.call(s.load, "observe", load.Lists{Crowd: live, First: 1, N: lists}, nil)
	stream := func(m load.Stream) (got load.Streamed) {
		m.View, m.Clients, m.Each, m.Rate, m.Windows = view, lists, each, rate, s.runs()
		s.call(s.load, "stream", m, &got)
		return got
	}
	stream(load.Stream{Crowd: live, Addr: addr, Seconds: 1})
	floors := stream(load.Stream{Crowd: bare, Addr: pushAddr, Bare: true, Seconds: s.of(20)})
	figures := stream(load.Stream{Crowd: live, Addr: addr, Seconds: s.of(60)})
	runs := make([][]run, 3)
	if s.err != nil {
		return nil
	}
	for i := range s.runs() {
		floor, figure := &floors.Windows[i], &figures.Windows[i]
		runs[0] = append(runs[0], run{figure.Rate, floor.Rate})
		runs[1] = append(runs[1], run{milliseconds(figure.Nanoseconds, 99), milliseconds(floor.Nanoseconds, 99)})
		runs[2] = append(runs[2], run{Figure: float64(figures.Lists)})
	}
	return runs
}
