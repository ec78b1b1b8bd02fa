package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/load"
	"github.com/wakeful-dev/wakeful/bench/role"
)

var (
	firstV1 = measurement{
		bars:    []bar{{"the first of 1,000 rows is deleted: messages, version 1", "", exactly, 1}},
		measure: func(s *stage) [][]run { return [][]run{s.deleteFirst(load.V1)} },
	}
	firstV2 = measurement{
		bars:    []bar{{"the first of 1,000 rows is deleted: ops, version 2", "", exactly, 1}},
		measure: func(s *stage) [][]run { return [][]run{s.deleteFirst(load.V2)} },
	}

	unobserved = measurement{
		bars:    []bar{{"GET that nobody observes, through Wrap and recorder", "requests/s", atLeast, 0.95}},
		measure: (*stage).unobservedGET,
	}
	autocommit = measurement{
		bars:    []bar{{"autocommit inserts, nobody watches", "rows/s", atLeast, 0.75}},
		measure: func(s *stage) [][]run { return s.writes("autocommit", 2000) },
	}
	bulk = measurement{
		bars:    []bar{{"bulk inserts (one transaction, prepared), nobody watches", "rows/s", atLeast, 0.65}},
		measure: func(s *stage) [][]run { return s.writes("bulk", 9000) },
	}
)

// deleteFirst counts what the deletion of a first row brings: messages of
// version 1, ops of version 2.
func (s *stage) deleteFirst(version int) []run {
	_, addr := s.app(false)
	s.gather(load.Target{Crowd: live, Addr: addr, View: fmt.Sprintf("/items?limit=%d", app.Rows), Version: version, Clients: 1, GapMicro: 200_000})
	var runs []run
	for i := range s.runs() {
		var got load.Samples
		s.call(s.load, "drop row", load.Row{Crowd: live, ID: 1 + i}, &got)
		runs = append(runs, run{Figure: float64(s.steps(version, got.Frames))})
	}
	return runs
}

// steps counts messages, or the ops of changes.
func (s *stage) steps(version int, frames []string) int {
	if version == load.V1 {
		return len(frames)
	}
	steps := 0
	for _, text := range frames {
		var changes struct{ Ops []json.RawMessage }
		if err := json.Unmarshal([]byte(text), &changes); err != nil || len(changes.Ops) == 0 {
			s.err = fmt.Errorf("no changes: %.200s", text)
		}
		steps += len(changes.Ops)
	}
	return steps
}

// unobservedGET measures the list of ten rows, asked for as if there were no
// Wakeful, over four connections that are kept.
func (s *stage) unobservedGET() [][]run {
	_, addr := s.app(false)
	_, bareAddr := s.floor("plain")
	const conns, n = 4, 250 // in a slice
	get := func(w *work, addr string) {
		var took app.Took
		s.call(s.load, "requests", load.Requests{Addr: addr, Path: view, Conns: conns, N: n}, &took)
		w.add(conns*n, took)
	}
	for range 2 {
		get(&work{}, addr)
		get(&work{}, bareAddr)
	}
	return [][]run{s.rates(s.of(10),
		func(w *work) { get(w, bareAddr) },
		func(w *work) { get(w, addr) },
	)}
}

// writes measures a verb that inserts so many rows in a slice.
func (s *stage) writes(verb string, rows int) [][]run {
	server, _ := s.app(false)
	plain, _ := s.floor("plain")
	insert := func(w *work, p *role.Process) {
		var took app.Took
		s.call(p, verb, app.Batch{N: rows}, &took)
		w.add(rows, took)
	}
	for range 2 {
		insert(&work{}, server)
		insert(&work{}, plain)
	}
	return [][]run{s.rates(s.of(10),
		func(w *work) { insert(w, plain) },
		func(w *work) { insert(w, server) },
	)}
}

// indexAfter returns where text goes on behind the first part, -1 without one.
func indexAfter(text, part string) int {
	if at := strings.Index(text, part); at >= 0 {
		return at + len(part)
	}
	return -1
}
