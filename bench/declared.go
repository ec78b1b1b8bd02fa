package main

import (
	"fmt"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/floor"
	"github.com/wakeful-dev/wakeful/bench/load"
	"github.com/wakeful-dev/wakeful/bench/role"
)

// declared lists the measurements of resources, whose lists are kept by steps.
var declared = []measurement{lengths, windows, owners, transaction, scopes, listGET}

// shop is a server with a resource, and how far its scores are used up.
type shop struct {
	server *role.Process
	addr   string
	base   int64
}

// open starts a server with wares.
func (s *stage) open(d app.Database) *shop {
	p := &shop{base: 1}
	p.server, p.addr = s.appOf(d)
	return p
}

// next begins writes of scores that no earlier ones had.
func (p *shop) next(n int) int64 {
	if p.base+int64(n) >= app.Step {
		p.base = 1
	}
	base := p.base
	p.base += int64(n)
	return base
}

// churned is what some writes were and brought.
type churned struct {
	app.Churned
	load.Arrivals
	counts app.Counts // the difference
	n      int
}

// cpu is what one write costs the server, in milliseconds.
func (c *churned) cpu() float64 { return float64(c.counts.CPU) / 1e6 / float64(c.n) }

// rate is how many a second came to all who are to see them.
func (c *churned) rate() float64 { return float64(c.n) * 1e9 / float64(c.Last-c.Start) }

// churn has a server write, and a crowd count what comes. Times are taken where
// there is a rate.
func (s *stage) churn(p *shop, crowd string, seen int, c app.Churn) *churned {
	c.Base = p.next(c.N)
	got := &churned{n: c.N}
	asked := load.Tallied{Crowd: crowd}
	var before, after app.Counts
	s.call(s.load, "tally", load.Tally{Crowd: crowd, Churn: c, Seen: seen}, nil)
	s.call(p.server, "counts", role.None{}, &before)
	s.call(p.server, "churn", floor.Shouts{Churn: c, Seen: seen}, &got.Churned)
	if c.Rate > 0 {
		asked.Committed, asked.Late = got.Committed, got.Late
	}
	s.call(s.load, "tallied", asked, &got.Arrivals)
	s.call(p.server, "counts", role.None{}, &after)
	got.counts = after.Since(before)
	return got
}

// all is an error where messages are missing.
func (s *stage) all(c *churned) *churned {
	if s.err == nil && c.Lost > 0 {
		s.err = fmt.Errorf("%d messages of %d writes did not arrive", c.Lost, c.n)
	}
	return c
}
