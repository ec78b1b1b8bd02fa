package main

import (
	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/load"
)

const scopesName = "500 declared scopes, 1,000 changes/s to 25 each: "

var scopes = measurement{
	bars: []bar{
		{scopesName + "lost", "messages", exactly, 0},
		{scopesName + "p95 (floor: a loop of writes)", "ms", atMost, 5},
		{scopesName + "p95", "ms", within, 50},
		{scopesName + "evaluations", "", exactly, 0},
		{scopesName + "CPU of a message (floor: a loop of writes)", "ms", noted, 0},
	},
	measure: (*stage).scopes,
}

// scopes measures changes at a pace, each of which many users see who share no
// list: from the commit to each socket, and by how much the write was late. The
// floor writes the same rows, and the same number of frames of the same length.
func (s *stage) scopes() [][]run {
	const users, each, rate = 500, 10, 1000
	table := app.Wares{Rows: users * each, Each: each}
	shout := s.pushed(table, users)
	p := s.open(app.Database{Folder: s.newFolder(), Wares: table})
	s.gather(load.Target{Crowd: live, Addr: p.addr, View: "/mine?ordering=-score&limit=500", First: 1, Version: load.V2, Clients: users, Users: true})
	writes := app.Churn{N: s.of(5 * rate), Rows: table.Rows, Rate: rate}
	warm := writes
	warm.N = rate
	s.churn(shout, bare, app.Seen, warm)
	s.churn(p, live, app.Seen, warm)
	runs := make([][]run, 5)
	for range s.runs() {
		floor := s.all(s.churn(shout, bare, app.Seen, writes))
		figure := s.churn(p, live, app.Seen, writes)
		p95 := run{milliseconds(figure.Times, 95), milliseconds(floor.Times, 95)}
		runs[0] = append(runs[0], run{Figure: float64(figure.Lost)})
		runs[1], runs[2] = append(runs[1], p95), append(runs[2], p95)
		runs[3] = append(runs[3], run{Figure: float64(figure.counts.Evaluations)})
		runs[4] = append(runs[4], run{figure.cpu() / app.Seen, floor.cpu() / app.Seen})
	}
	return runs
}
