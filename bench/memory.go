package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/load"
	"github.com/wakeful-dev/wakeful/bench/role"
)

// crowds lists the measurements of sockets beyond those of one list.
var crowds = []measurement{idleV1, idleV2, slowV1, slowV2}

var (
	idleV1 = idleOf(load.V1)
	idleV2 = idleOf(load.V2)
)

func idleOf(version int) measurement {
	name := fmt.Sprintf("10,000 idle clients, version %d: ", version)
	return measurement{
		bars: []bar{
			{name + "a socket", "KiB", within, 12},
			{name + "an observer of 10 rows", "KiB", within, 6},
			{name + "a socket, garbage included", "KiB", noted, 0},
			{name + "an observer, garbage included", "KiB", noted, 0},
		},
		measure: func(s *stage) [][]run { return s.idle(version) },
	}
}

// ownedView is a list of its own for each client: another query, another
// observer.
const ownedView = "/owned?owner=%d"

// warm is how many clients are there before memory is measured: what a process
// needs once is no client's.
const warm = 500

// idle measures what a process has resident, before and after clients connect,
// and after each of them follows a list that nobody else follows. Beside it:
// sockets that a goroutine reads; and the bytes of the list.
func (s *stage) idle(version int) [][]run {
	clients := s.of(10_000)
	runs := make([][]run, 4)
	for range s.runs() {
		bare := s.bareSockets(clients)
		server, addr := s.appOf(app.Database{Folder: s.newFolder(), Owners: clients + warm})
		s.gather(load.Target{Crowd: "warm", Addr: addr, View: ownedView, First: clients + 1, Version: version, Clients: warm})
		before := s.used(server, "before")
		s.gather(load.Target{Crowd: live, Addr: addr, View: ownedView, First: 1, Version: version, Clients: clients, Later: true})
		connected := s.used(server, "connected")
		var lists load.Listed
		s.call(s.load, "subscribe", load.Crowd{Crowd: live}, &lists)
		subscribed := s.used(server, "subscribed")
		var now app.Counts
		s.call(server, "counts", role.None{}, &now)
		s.leave(live)
		s.leave("warm")
		s.end(server)
		if want := uint64(clients + warm); s.err == nil && (now.Observers != want || now.Sockets != want) {
			s.err = fmt.Errorf("%d observers and %d sockets, want %d", now.Observers, now.Sockets, want)
		}
		each := func(now, before int64) float64 { return float64(now-before) / float64(clients) / 1024 }
		list := each(lists.Bytes, 0)
		for i, r := range [...]run{
			{each(connected.Held, before.Held), bare}, {each(subscribed.Held, connected.Held), list},
			{each(connected.Found, before.Held), bare}, {each(subscribed.Found, connected.Held), list},
		} {
			runs[i] = append(runs[i], r)
		}
	}
	return runs
}

// bareSockets returns the KiB of an idle socket of the floor.
func (s *stage) bareSockets(clients int) float64 {
	p, addr := s.floor("idle")
	s.gather(load.Target{Crowd: "warm", Addr: addr, Clients: warm})
	before := s.used(p, "")
	s.gather(load.Target{Crowd: bare, Addr: addr, Clients: clients})
	after := s.used(p, "")
	s.leave(bare)
	s.leave("warm")
	s.end(p)
	return float64(after.Held-before.Held) / float64(clients) / 1024
}

// newFolder is for another app of the same measurement.
func (s *stage) newFolder() string {
	folder, err := os.MkdirTemp(s.folder, "")
	if s.err == nil {
		s.err = err
	}
	return folder
}

func (s *stage) leave(crowd string) { s.call(s.load, "leave", load.Crowd{Crowd: crowd}, nil) }

// used asks for the memory of a process, and has its heap written down where
// profiles are asked for.
func (s *stage) used(p *role.Process, when string) (used role.Used) {
	look := role.Look{}
	if s.options.profile != "" && when != "" {
		look.Profile = filepath.Join(s.options.profile, profileName(s.bar, when)+".heap.pprof")
	}
	s.call(p, "memory", look, &used)
	return used
}
