package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/floor"
	"github.com/wakeful-dev/wakeful/bench/load"
	"github.com/wakeful-dev/wakeful/bench/role"
	"github.com/wakeful-dev/wakeful/bench/route"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// onPostgres lists the measurements on a PostgreSQL server, which is started for
// them.
var onPostgres = []measurement{
	pgEqual, pgRanges, pgUnobserved, pgLatency, pgDeclared,
	there(fanoutV2), there(reconnectV2), there(ownersMany), there(lengths), there(windows),
}

// there is a measurement whose apps work on PostgreSQL. What is compared with a
// floor or counted is to hold there too; what depends on how fast the database
// writes is told.
func there(m measurement) measurement {
	of := measurement{measure: func(s *stage) [][]run {
		s.onServer = true
		return m.measure(s)
	}}
	for _, b := range m.bars {
		b.Name = "PostgreSQL: " + b.Name
		if b.Sense == reaches {
			b.Sense = noted
		}
		of.bars = append(of.bars, b)
	}
	return of
}

var (
	pgEqual      = routedOf("100,000 observers, owner = X, one row a commit", 20_000, app.Commits{N: 50_000, Each: 1, Among: 100_000}, false)
	pgRanges     = routedOf("100,000 observers, ranges, one row a commit", 20_000, app.Commits{N: 50_000, Each: 1, Among: 100_000}, true)
	pgUnobserved = routedOf("unobserved, 1,000 rows a commit", 180_000, app.Commits{N: 1_000_000, Each: 1000}, false)
)

// routedOf measures how many changes a second of its own processor time Wakeful
// routes, beside one who does nothing but read them.
func routedOf(what string, least float64, c app.Commits, ranges bool) measurement {
	name := "PostgreSQL, " + what + ": "
	return measurement{
		bars: []bar{
			{name + "routed a CPU second (floor: bare reader)", "/s", reaches, least},
			{name + "of the bare reader", "/s", atLeast, 0.6},
		},
		measure: func(s *stage) [][]run { return s.routed(c, ranges) },
	}
}

// still does something while processes stand still.
func (s *stage) still(do func(), processes ...*role.Process) {
	if s.err != nil {
		return
	}
	for _, p := range processes {
		s.fail(p.Pause())
	}
	do()
	for _, p := range processes {
		s.fail(p.Resume())
	}
}

// routed has both read the same commits, which are made before: so many come at a
// time as they can take, where the writers and the server on the same cores could
// not make them.
func (s *stage) routed(c app.Commits, ranges bool) [][]run {
	const observers = 100_000
	url := s.database()
	s.fillPostgres(url, observers)
	router, bare, writer := s.start("route"), s.start("floor replica"), s.start("committer")
	d := app.Database{URL: url}
	s.call(router, "open", route.Open{URL: url, N: observers, Ranges: ranges}, nil)
	s.call(bare, "open", d, nil)
	s.call(writer, "open", d, nil)
	commits := c.N / c.Each
	var rates []run
	for range s.runs() + 1 { // the first is to warm up; a quick run is as long, as a short one has more of its beginning in it than of its work
		var from, to, bareFrom, bareTo floor.Took
		s.call(router, "begin", role.None{}, &from.CPU)
		s.call(bare, "begin", role.None{}, &bareFrom.CPU)
		s.still(func() { s.call(writer, "commit", c, nil) }, router, bare)
		s.call(router, "took", floor.Read{Commits: commits}, &to)
		s.call(bare, "took", floor.Read{Commits: commits}, &bareTo)
		if s.err == nil && c.Among > 0 && to.Hits != c.N {
			s.err = fmt.Errorf("%d changes marked %d observers", c.N, to.Hits)
		}
		a := float64(c.N) / (float64(to.CPU-from.CPU) / 1e9)
		b := float64(c.N) / (float64(bareTo.CPU-bareFrom.CPU) / 1e9)
		rates = append(rates, run{Figure: a, Floor: b})
	}
	return [][]run{rates[1:], rates[1:]}
}

var (
	pgLatency  = frameAfter("PostgreSQL", false)
	pgDeclared = frameAfter("PostgreSQL, declared", true)
)

// frameAfter measures how much later than a bare reader of the log a client has
// what changed: lists of a handler, which are evaluated again, or of a resource,
// which are stepped.
func frameAfter(what string, declared bool) measurement {
	few, many := what+", 1 observer: change to the frame, ", what+", 100,000 observers: change to the frame, "
	return measurement{
		bars: []bar{
			{few + "p50 (floor: bare reader)", "ms", above, 1},
			{few + "p99 (floor: bare reader)", "ms", above, 5},
			{many + "p50 (floor: bare reader)", "ms", above, 1},
			{many + "p99 (floor: bare reader)", "ms", above, 5},
			{many + "p50 (floor: 1 observer)", "ms", atMost, 1.2},
		},
		measure: func(s *stage) [][]run { return s.frameAfter(declared) },
	}
}

// city is a server of so many observers on a database of its own, and who reads
// its log beside it.
type city struct {
	*town
	reader   *role.Process
	declared bool
}

// frameAfter measures changes at 200 commits a second, each of a row that one
// observer has.
func (s *stage) frameAfter(declared bool) [][]run {
	rows := s.of(100_000)
	few, many := s.found("few", 1, rows, declared), s.found("many", rows, rows, declared)
	const parts, n = 10, 60
	for _, c := range []*city{few, many} {
		s.hit(c, n)
	}
	of := func() [][]int64 { return make([][]int64, s.runs()) }
	fewTook, fewBare, manyTook, manyBare := of(), of(), of(), of()
	add := func(c *city, took, bare *[]int64) {
		a, b := s.hit(c, n)
		*took, *bare = append(*took, a...), append(*bare, b...)
	}
	s.alternate(parts, func(i int) {
		add(few, &fewTook[i], &fewBare[i])
	}, func(i int) {
		add(many, &manyTook[i], &manyBare[i])
	})
	runs := make([][]run, 5)
	for i := range s.runs() {
		for j, pair := range [][2][]int64{{fewTook[i], fewBare[i]}, {manyTook[i], manyBare[i]}} {
			runs[2*j] = append(runs[2*j], run{milliseconds(pair[0], 50), milliseconds(pair[1], 50)})
			runs[2*j+1] = append(runs[2*j+1], run{milliseconds(pair[0], 99), milliseconds(pair[1], 99)})
		}
		runs[4] = append(runs[4], run{milliseconds(manyTook[i], 50), milliseconds(fewTook[i], 50)})
	}
	return runs
}

// found starts a server on a database of its own, with so many observers.
func (s *stage) found(crowd string, observers, rows int, declared bool) *city {
	c := &city{town: &town{crowd: crowd, rows: observers}, declared: declared}
	d := app.Database{URL: s.database(), Goods: app.Goods{Rows: rows, Each: 1}}
	view := "/goods/owner?owner=%d"
	if declared {
		d.Goods, d.Wares = app.Goods{}, app.Wares{Rows: rows, Each: 1}
		view = "/wares?owner=%d"
	}
	var addr string
	c.server, addr = s.appOf(d)
	c.reader = s.start("floor replica")
	s.call(c.reader, "open", d, nil)
	s.call(s.load, "connect", load.Target{Crowd: crowd, Addr: addr, View: view, Version: load.V2, Clients: max(1, observers/1000)}, nil)
	const atOnce = 5000
	for first := 1; first <= observers; first += atOnce {
		s.call(s.load, "observe", load.Lists{Crowd: crowd, First: first, N: min(atOnce, observers-first+1)}, nil)
	}
	return c
}

// hit makes so many changes, and returns how long each took from the return of its
// commit to the frame, and to the bare reader.
func (s *stage) hit(c *city, n int) (took, bare []int64) {
	var from int64
	var got load.Samples
	var read floor.Took
	s.call(c.reader, "begin", role.None{}, &from)
	s.call(s.load, "strike", load.Strikes{Crowd: c.crowd, Wares: c.declared, N: n, Among: c.rows, GapMicro: 3500}, &got)
	s.call(c.reader, "took", floor.Read{Commits: n}, &read)
	if s.err == nil && (len(read.Commits) != n || len(got.Committed) != n) {
		s.err = fmt.Errorf("%d of %d commits were read, %d measured", len(read.Commits), n, len(got.Committed))
	}
	if s.err != nil {
		return nil, nil
	}
	for i, at := range got.Committed {
		bare = append(bare, max(0, read.Commits[i]-at))
	}
	return got.Nanoseconds, bare
}

// server is the one of this program. It ends with it.
var server = sync.OnceValues(func() (*pgtest.Server, error) { return pgtest.Run(pgtest.Durable()) })

// databases counts those that were made.
var databases atomic.Int64

// database makes one, and returns where it is.
func (s *stage) database() string {
	running, err := server()
	if err != nil {
		s.fail(err)
		return ""
	}
	name := fmt.Sprintf("bench_%d", databases.Add(1))
	conn, err := pgx.Connect(context.Background(), running.URL)
	if err != nil {
		s.fail(err)
		return ""
	}
	defer conn.Close(context.Background())
	_, err = conn.Exec(context.Background(), "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	s.fail(err)
	return running.DatabaseURL(name)
}

func (s *stage) fillPostgres(url string, rows int) {
	if s.err == nil {
		s.fail(app.FillPostgres(context.Background(), app.Database{URL: url, Goods: app.Goods{Rows: rows, Each: 1}}))
	}
}

func (s *stage) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}
