package main

import (
	"os"
	"path/filepath"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/floor"
	"github.com/wakeful-dev/wakeful/bench/load"
	"github.com/wakeful-dev/wakeful/bench/role"
)

// view is the list of most bars: ten rows.
const view = "/items?limit=10"

var ownLatency = measurement{
	bars: []bar{
		{"change by the own process to the frame at the client, p50", "ms", above, 0.5},
		{"change by the own process to the frame at the client, p99", "ms", above, 5},
	},
	measure: func(s *stage) [][]run {
		_, addr := s.app(false)
		return s.latency(addr, addr)
	},
}

var outsideLatency = measurement{
	bars: []bar{
		{"change by another process to the frame at the client, p50", "ms", above, 2},
		{"change by another process to the frame at the client, p99", "ms", above, 10},
	},
	measure: func(s *stage) [][]run {
		_, addr := s.app(true)
		var writer app.Opened
		s.call(s.start("writer"), "open", app.Database{Folder: s.folder}, &writer)
		return s.latency(addr, writer.Addr)
	},
}

// app starts the live app.
func (s *stage) app(triggerLog bool) (p *role.Process, addr string) {
	return s.appOf(app.Database{Folder: s.folder, TriggerLog: triggerLog})
}

func (s *stage) appOf(d app.Database) (p *role.Process, addr string) {
	if s.onServer {
		d.URL = s.database()
	}
	p = s.start("app")
	var opened app.Opened
	s.call(p, "open", d, &opened)
	return p, opened.Addr
}

// floor starts a floor.
func (s *stage) floor(name string) (p *role.Process, addr string) {
	return s.floorWith(name, app.Database{Folder: s.folder})
}

// floorWith starts a floor on a database.
func (s *stage) floorWith(name string, d app.Database) (p *role.Process, addr string) {
	p = s.start("floor " + name)
	var opened floor.Opened
	s.call(p, "open", d, &opened)
	return p, opened.Addr
}

// sub is a folder of that name, for servers that are not to share a file.
func (s *stage) sub(name string) string {
	folder := filepath.Join(s.folder, name)
	if err := os.MkdirAll(folder, 0o755); err != nil && s.err == nil {
		s.err = err
	}
	return folder
}

// The crowds of a measurement.
const (
	live = "live"
	bare = "bare"
)

// gather has the load open a crowd.
func (s *stage) gather(t load.Target) { s.call(s.load, "gather", t, nil) }

// latency measures one client with one list of ten rows beside an echo of the
// same bytes. Version 2 is measured: both versions leave in one write.
func (s *stage) latency(addr, writer string) [][]run {
	_, echo := s.floor("echo")
	const gap = 3000
	s.gather(load.Target{Crowd: live, Addr: addr, Write: writer, View: view, Version: load.V2, Clients: 1, GapMicro: gap})
	s.gather(load.Target{Crowd: bare, Addr: echo, Clients: 1, GapMicro: gap})

	var warm load.Samples
	s.call(s.load, "changes", load.Series{Crowd: live, N: s.of(200)}, &warm)
	if s.err != nil {
		return nil
	}
	const parts = 10
	n := s.of(300) / parts
	floors, figures := make([][]int64, s.runs()), make([][]int64, s.runs())
	s.alternate(parts, func(i int) {
		var got load.Samples
		s.call(s.load, "echoes", load.Series{Crowd: bare, N: n, Payload: warm.Frames[0]}, &got)
		floors[i] = append(floors[i], got.Nanoseconds...)
	}, func(i int) {
		var got load.Samples
		s.call(s.load, "changes", load.Series{Crowd: live, N: n}, &got)
		figures[i] = append(figures[i], got.Nanoseconds...)
	})
	p50, p99 := make([]run, s.runs()), make([]run, s.runs())
	for i := range s.runs() {
		p50[i] = run{milliseconds(figures[i], 50), milliseconds(floors[i], 50)}
		p99[i] = run{milliseconds(figures[i], 99), milliseconds(floors[i], 99)}
	}
	return [][]run{p50, p99}
}

func milliseconds(samples []int64, p int) float64 { return float64(percentile(samples, p)) / 1e6 }
