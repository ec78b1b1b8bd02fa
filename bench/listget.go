package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/load"
)

var listGET = measurement{
	bars:    []bar{{"GET of a declared list of 50 that nobody observes (floor: by hand)", "requests/s", atLeast, 0.8}},
	measure: (*stage).listGET,
}

// listGET measures lists of fifty rows of one owner, asked for as if there were
// no Wakeful, beside a handler that runs the same SQL on the bare driver and
// answers the same bytes.
func (s *stage) listGET() [][]run {
	const each, owners = 50, 200
	table := app.Wares{Rows: each * owners, Each: each}
	p := s.open(app.Database{Folder: s.folder, Wares: table})
	_, bareAddr := s.floorWith("plain", app.Database{Folder: s.folder, Wares: table})
	const path, conns, n = "?owner=7&ordering=-score&limit=50", 4, 250 // in a slice
	s.same("http://"+p.addr+"/wares"+path, "http://"+bareAddr+"/byhand"+path)
	get := func(w *work, addr, list string) {
		var took app.Took
		s.call(s.load, "requests", load.Requests{Addr: addr, Path: list + path, Conns: conns, N: n}, &took)
		w.add(conns*n, took)
	}
	for range 2 {
		get(&work{}, p.addr, "/wares")
		get(&work{}, bareAddr, "/byhand")
	}
	return [][]run{s.rates(s.of(10),
		func(w *work) { get(w, bareAddr, "/byhand") },
		func(w *work) { get(w, p.addr, "/wares") },
	)}
}

// same is an error where two URLs answer otherwise.
func (s *stage) same(urls ...string) {
	var first []byte
	for _, url := range urls {
		if s.err != nil {
			return
		}
		r, err := http.Get(url)
		if err != nil {
			s.err = err
			return
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		body = bytes.TrimSpace(body)
		switch {
		case err != nil || r.StatusCode != http.StatusOK:
			s.err = fmt.Errorf("%s answers %s: %.300s", url, r.Status, body)
		case first == nil:
			first = body
		case !bytes.Equal(first, body):
			s.err = fmt.Errorf("%s answers %.300s, not %.300s", url, body, first)
		}
	}
}
