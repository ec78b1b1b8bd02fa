package main

import (
	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/load"
	"github.com/wakeful-dev/wakeful/bench/role"
)

const ownersName = "10,000 declared lists, a socket each: "

// ownersView is the list of an owner.
const ownersView = "/wares?owner=%d&ordering=-score&limit=50"

var owners = measurement{
	bars: []bar{
		{ownersName + "changes (floor: author pushes)", "changes/s", reaches, 5000},
		{ownersName + "CPU of a change (floor: 100)", "ms", atMost, 1.3},
		{ownersName + "evaluations", "", exactly, 0},
	},
	measure: (*stage).owners,
}

// owners measures changes that one of many lists has each: as fast as they can
// be made, and what one costs at a pace, beside a server of few lists over a
// table of the same size. Never are two large crowds there at once.
func (s *stage) owners() [][]run {
	const each, rate = 10, 1000
	lists, n := s.of(10_000), s.of(20_000)
	table := app.Wares{Rows: lists * each, Each: each}
	shout := s.pushed(table, lists)
	floors := make([]float64, s.runs())
	for i := range floors {
		floors[i] = s.all(s.churn(shout, bare, 1, app.Churn{N: n, Rows: table.Rows})).rate()
	}
	s.leave(bare)
	s.end(shout.server)

	few, many := s.open(app.Database{Folder: s.sub("few"), Wares: table}), s.open(app.Database{Folder: s.sub("many"), Wares: table})
	const fewLists = 100
	s.gather(load.Target{Crowd: "few", Addr: few.addr, View: ownersView, First: 1, Version: load.V2, Clients: fewLists})
	s.gather(load.Target{Crowd: live, Addr: many.addr, View: ownersView, First: 1, Version: load.V2, Clients: lists})
	paced := func(p *shop, crowd string, lists int) *churned {
		return s.all(s.churn(p, crowd, 1, app.Churn{N: s.of(1500), Rows: lists * each, Rate: rate}))
	}
	paced(few, "few", fewLists)
	paced(many, live, lists)
	s.churn(many, live, 1, app.Churn{N: n, Rows: table.Rows})
	runs := make([][]run, 3)
	for i := range s.runs() {
		fast := s.all(s.churn(many, live, 1, app.Churn{N: n, Rows: table.Rows}))
		a, b := paced(few, "few", fewLists), paced(many, live, lists)
		runs[0] = append(runs[0], run{fast.rate(), floors[i]})
		runs[1] = append(runs[1], run{b.cpu(), a.cpu()})
		runs[2] = append(runs[2], run{Figure: float64(b.counts.Evaluations)})
	}
	return runs
}

// pushed starts the floor of writes whose author tells the clients himself.
func (s *stage) pushed(table app.Wares, clients int) *shop {
	p := &shop{base: 1}
	p.server, p.addr = s.floorWith("shout", app.Database{Folder: s.newFolder(), Wares: table})
	s.gather(load.Target{Crowd: bare, Addr: p.addr, Clients: clients})
	var settled app.Counts
	s.call(p.server, "counts", role.None{}, &settled)
	return p
}
