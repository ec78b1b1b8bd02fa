package main

import (
	"fmt"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/load"
	"github.com/wakeful-dev/wakeful/bench/role"
)

var (
	slowV1 = slowOf(load.V1)
	slowV2 = slowOf(load.V2)
)

func slowOf(version int) measurement {
	name := fmt.Sprintf("1,000 slow clients, version %d, 1,000 changes/s: ", version)
	return measurement{
		bars: []bar{
			{name + "p99 of others (floor: alone)", "ms", atMost, 1.2},
			{name + "memory (floor: alone)", "MiB", above, slowMemory},
		},
		measure: func(s *stage) [][]run { return s.slow(version) },
	}
}

// slowMemory is the server's Config.Memory in MiB, and what a thousand slow
// clients may add to what it has resident: connections, sessions and garbage
// included.
const slowMemory = 64

// slow measures the clients of ten lists of thirty rows, each its own, while each of a thousand
// others follows all ten and reads a byte a second; the floor is the same
// server without these. A second passes before the time that counts: by then
// the kernel takes no more for them. All is over before the server closes them
// for having taken nothing for 30 s.
func (s *stage) slow(version int) [][]run {
	const lists, each, rate, crowd = 10, 30, 1000, "slow"
	view := "/goods/owner?owner=%d"
	clients := s.of(1000)
	runs := make([][]run, 2)
	for range s.runs() {
		server, addr := s.appOf(app.Database{Folder: s.newFolder(), Goods: app.Goods{Rows: lists * each, Each: each}, Memory: slowMemory << 20})
		s.gather(load.Target{Crowd: live, Addr: addr, View: view, First: 1, Version: load.V2, Clients: lists})
		stream := func(when string) (p99 float64, used role.Used) {
			m := load.Stream{Crowd: live, Addr: addr, View: view, Clients: lists, Each: each, Rate: rate, Seconds: 1, Windows: 1}
			s.call(s.load, "stream", m, nil)
			var got load.Streamed
			m.Seconds = 4
			s.call(s.load, "stream", m, &got)
			used = s.used(server, when)
			if s.err != nil {
				return 0, used
			}
			return milliseconds(got.Windows[0].Nanoseconds, 99), used
		}
		alone, before := stream("alone")
		s.gather(load.Target{Crowd: crowd, Addr: addr, View: view, First: 1, Version: version, Clients: clients, Lists: lists, Slow: true})
		beside, after := stream("beside")
		var now app.Counts
		s.call(server, "counts", role.None{}, &now)
		s.leave(crowd)
		s.leave(live)
		s.end(server)
		if want := uint64(clients + lists); s.err == nil && now.Sockets != want {
			s.err = fmt.Errorf("%d sockets are open, want %d: the slow ones did not stay", now.Sockets, want)
		}
		runs[0] = append(runs[0], run{beside, alone})
		runs[1] = append(runs[1], run{mebibytes(after.Found), mebibytes(before.Found)})
	}
	return runs
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }
