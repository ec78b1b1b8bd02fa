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
	loop, loopAddr := s.floor("fanout")
	clients := s.of(5000)
	const gap = 30_000
	s.gather(load.Target{Crowd: live, Addr: addr, View: view, Version: version, Clients: clients, GapMicro: gap})
	s.gather(load.Target{Crowd: bare, Addr: loopAddr, Clients: clients, GapMicro: gap})

	var warm load.Samples
	s.call(s.load, "changes", load.Series{Crowd: live, N: 10}, &warm)
	if s.err != nil {
		return nil
	}
	score, texts := s.delivered(version, warm)
	s.call(loop, "frames", floor.Frames{Texts: texts}, nil)
	s.call(s.load, "changes", load.Series{Crowd: bare, N: 10, Score: score}, nil)

	deliver := func(w *work, series load.Series) {
		var got load.Samples
		s.call(s.load, "changes", series, &got)
		for _, ns := range got.Nanoseconds {
			w.add(clients, app.Took{Nanoseconds: ns})
		}
	}
	const n = 4 // changes in a slice
	return [][]run{s.rates(s.of(5),
		func(w *work) { deliver(w, load.Series{Crowd: bare, N: n, Score: score}) },
		func(w *work) { deliver(w, load.Series{Crowd: live, N: n}) },
	)}
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
// until each has what it missed, beside as many bare handshakes. Never are both
// crowds there at once: that would be 20,000 descriptors in the load process.
func (s *stage) reconnect(version int) [][]run {
	server, addr := s.app(false)
	shake, shakeAddr := s.floor("handshake")
	clients := s.of(10_000)
	const gap = 100_000
	s.gather(load.Target{Crowd: live, Addr: addr, View: view, Version: version, Clients: clients, GapMicro: gap})
	runs := make([][]run, 4)
	for range s.runs() {
		var floor, figure app.Took
		var before, after app.Counts
		s.call(s.load, "away", load.Crowd{Crowd: live}, nil)
		s.alone(server)
		s.shakeHands(shake, load.Target{Crowd: bare, Addr: shakeAddr, Clients: clients}, &floor)
		s.call(server, "counts", role.None{}, &before)
		s.call(s.load, "back", load.Crowd{Crowd: live}, &figure)
		s.call(server, "counts", role.None{}, &after)
		runs[0] = append(runs[0], run{Figure: float64(figure.Nanoseconds) / 1e9, Floor: float64(floor.Nanoseconds) / 1e9})
		runs[1] = append(runs[1], run{Figure: float64(after.Evaluations - before.Evaluations)})
		runs[2] = append(runs[2], run{Figure: float64(after.Statements - before.Statements)})
		runs[3] = append(runs[3], run{Figure: float64(after.Snapshots - before.Snapshots)})
	}
	return runs
}

// shakeHands measures bare handshakes.
func (s *stage) shakeHands(server *role.Process, t load.Target, took *app.Took) {
	t.Absent = true
	which := load.Crowd{Crowd: t.Crowd}
	s.gather(t)
	s.call(s.load, "back", which, took)
	s.call(s.load, "leave", which, nil)
	s.call(server, "drop", role.None{}, nil)
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
