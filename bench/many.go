package main

import (
	"fmt"
	"time"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/floor"
	"github.com/wakeful-dev/wakeful/bench/load"
	"github.com/wakeful-dev/wakeful/bench/role"
)

var (
	fanoutV1 = fanoutOf(load.V1)
	fanoutV2 = fanoutOf(load.V2)

	reconnectV1 = reconnectOf(load.V1)
	reconnectV2 = reconnectOf(load.V2)
)

func fanoutOf(version int) measurement {
	return measurement{
		bars:    []bar{{fmt.Sprintf("fan-out of one change to 5,000 sockets, version %d", version), "deliveries/s", atLeast, 0.8}},
		measure: func(s *stage) [][]run { return s.fanout(version) },
	}
}

// fanout measures one change to many sockets beside a loop that writes the
// same bytes to as many.
func (s *stage) fanout(version int) [][]run {
	_, addr := s.app(false)
	bare, bareAddr := s.floor("fanout")
	other := s.start("load") // each server has its crowd; the idle one costs nothing
	clients := s.of(5000)
	const gap = 30_000
	s.gather(load.Target{Addr: addr, View: view, Version: version, Clients: clients, GapMicro: gap})
	s.call(other, "gather", load.Target{Addr: bareAddr, Version: load.Bare, Clients: clients, GapMicro: gap}, nil)

	var warm load.Samples
	s.call(s.load, "changes", load.Series{N: 10}, &warm)
	if s.err != nil {
		return nil
	}
	score, texts := s.delivered(version, warm)
	s.call(bare, "frames", floor.Frames{Texts: texts}, nil)
	s.call(other, "changes", load.Series{N: 10, Score: score}, nil)

	n := s.of(20)
	var floors, figures []float64
	rate := func(p *role.Process, series load.Series) float64 {
		var got load.Samples
		s.call(p, "changes", series, &got)
		var took int64
		for _, ns := range got.Nanoseconds {
			took += ns
		}
		return float64(clients*n) / (float64(took) / 1e9)
	}
	s.alternate(
		func() { floors = append(floors, rate(other, load.Series{N: n, Score: score})) },
		func() { figures = append(figures, rate(s.load, load.Series{N: n})) },
	)
	return [][]run{pairs(figures, floors)}
}

// delivered returns the frames that one change brought, which the floor is to
// write, and the score in them: of version 1 the change alone, of version 2 the
// change and the progress behind it.
func (s *stage) delivered(version int, warm load.Samples) (score int64, texts []string) {
	texts = warm.Frames[:min(version, len(warm.Frames))]
	for _, text := range texts {
		if at := indexAfter(text, `"score":`); at > 0 {
			_, _ = fmt.Sscanf(text[at:], "%d", &score)
		}
	}
	if score == 0 {
		s.err = fmt.Errorf("a change brought no score: %q", warm.Frames)
	}
	return score, texts
}

func reconnectOf(version int) measurement {
	name := fmt.Sprintf("10,000 clients return at once, version %d", version)
	return measurement{
		bars: []bar{
			{name, "s", atMost, 1.5},
			{name + ": evaluations", "", exactly, 0},
			{name + ": SQL statements of views", "", exactly, 0},
			{name + ": whole lists sent", "", exactly, 0},
		},
		measure: func(s *stage) [][]run { return s.reconnect(version) },
	}
}

// reconnect measures clients that lost the network and come back together,
// until each has what it missed, beside as many bare handshakes.
func (s *stage) reconnect(version int) [][]run {
	server, addr := s.app(false)
	bare, bareAddr := s.floor("handshake")
	other := s.start("load")
	clients := s.of(10_000)
	const gap = 100_000
	s.gather(load.Target{Addr: addr, View: view, Version: version, Clients: clients, GapMicro: gap})
	s.call(other, "gather", load.Target{Addr: bareAddr, Version: load.Bare, Clients: clients, GapMicro: gap}, nil)

	var floors, figures []float64
	var spent [3][]run
	s.alternate(func() {
		var took app.Took
		s.call(other, "away", role.None{}, nil)
		s.call(bare, "drop", role.None{}, nil)
		s.call(other, "back", role.None{}, &took)
		floors = append(floors, float64(took.Nanoseconds)/1e9)
		s.call(other, "away", role.None{}, nil) // leaves the descriptors and the cores to the other
		s.call(bare, "drop", role.None{}, nil)
	}, func() {
		var took app.Took
		var before, after app.Counts
		s.call(s.load, "away", role.None{}, nil)
		s.alone(server)
		s.call(server, "counts", role.None{}, &before)
		s.call(s.load, "back", role.None{}, &took)
		s.call(server, "counts", role.None{}, &after)
		figures = append(figures, float64(took.Nanoseconds)/1e9)
		spent[0] = append(spent[0], run{Figure: float64(after.Evaluations - before.Evaluations)})
		spent[1] = append(spent[1], run{Figure: float64(after.Statements - before.Statements)})
		spent[2] = append(spent[2], run{Figure: float64(after.Snapshots - before.Snapshots)})
	})
	return [][]run{pairs(figures, floors), spent[0], spent[1], spent[2]}
}

// alone waits until the server has noticed that all but the witness are gone.
func (s *stage) alone(server *role.Process) {
	for range 1000 {
		var now app.Counts
		s.call(server, "counts", role.None{}, &now)
		if s.err != nil || now.Sockets <= 1 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.err = fmt.Errorf("the server still holds sockets whose clients are gone")
}

// pairs joins the measurements of neighbouring runs.
func pairs(figures, floors []float64) []run {
	runs := make([]run, len(figures))
	for i := range runs {
		runs[i] = run{Figure: figures[i], Floor: floors[i]}
	}
	return runs
}
