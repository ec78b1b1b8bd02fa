package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/role"
)

// options is what the command line says.
type options struct {
	match        *regexp.Regexp
	quick        bool
	times        int
	out, profile string
}

// measurement measures one or more bars on one stage.
type measurement struct {
	bars    []bar
	measure func(*stage) [][]run // the runs of each bar
}

// measurements lists all, in the order in which they are made and printed.
var measurements = slices.Concat(
	[]measurement{ownLatency, outsideLatency, fanoutV1, fanoutV2, reconnectV1, reconnectV2, firstV1, firstV2, unobserved, autocommit, bulk},
	crowds, engine, declared, onPostgres,
)

// stage is the processes of one measurement. After an error its methods do
// nothing, so that a measurement reads without checks.
type stage struct {
	options   options
	bar       string // name of the first
	folder    string // gone after the measurement
	onServer  bool   // apps work on PostgreSQL, each on a database of its own
	processes []*role.Process
	load      *role.Process
	err       error
}

// conduct measures what the options ask for and reports to out. It returns
// whether all bars are met.
func conduct(o options, out io.Writer) (met bool, err error) {
	r := newReport(out)
	for _, m := range measurements {
		if !o.wants(m) {
			continue
		}
		runs, err := o.stageOf(m)
		for i, b := range m.bars {
			switch {
			case err != nil:
				r.add(b.failed(err))
			default:
				r.add(b.judge(runs[i]))
			}
		}
	}
	if len(r.verdicts) == 0 {
		return false, fmt.Errorf("-run %s: no bar of that name", o.match)
	}
	return r.met(), r.write(o.out)
}

func (o options) wants(m measurement) bool {
	for _, b := range m.bars {
		if o.match.MatchString(b.Name) {
			return true
		}
	}
	return false
}

// stageOf runs a measurement on processes of its own.
func (o options) stageOf(m measurement) (runs [][]run, err error) {
	folder, err := os.MkdirTemp("", "wakeful-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	s := &stage{options: o, bar: m.bars[0].Name, folder: folder}
	s.load = s.start("load")
	if s.err == nil {
		runs = m.measure(s)
	}
	for _, p := range s.processes {
		if err := p.Stop(); err != nil && s.err == nil {
			s.err = err
		}
	}
	if s.err == nil && len(runs) != len(m.bars) {
		s.err = fmt.Errorf("%d of %d bars measured", len(runs), len(m.bars))
	}
	return runs, s.err
}

// call has a process do something.
func (s *stage) call(p *role.Process, verb string, args, result any) {
	if s.err == nil {
		s.err = p.Call(verb, args, result)
	}
}

// end stops a process before the measurement is over.
func (s *stage) end(p *role.Process) {
	if p == nil {
		return
	}
	s.processes = slices.DeleteFunc(s.processes, func(q *role.Process) bool { return q == p })
	if err := p.Stop(); err != nil && s.err == nil {
		s.err = err
	}
}

// runs is how often floor and subject are measured.
func (s *stage) runs() int {
	if s.options.quick {
		return 1
	}
	return max(1, s.options.times)
}

// of scales a number of samples down for a quick run.
func (s *stage) of(n int) int {
	if s.options.quick {
		return max(1, n/5)
	}
	return n
}

// alternate measures floor and subject in turn, each run in so many parts:
// what else the machine does meets both. Which comes first alternates too.
func (s *stage) alternate(parts int, floor, figure func(run int)) {
	for i := range s.runs() * parts {
		if s.err != nil {
			return
		}
		if i%2 == 0 {
			floor(i / parts)
			figure(i / parts)
		} else {
			figure(i / parts)
			floor(i / parts)
		}
	}
}

// work is how much was done, and in which time.
type work struct {
	done        int
	nanoseconds int64
}

func (w *work) add(done int, took app.Took) {
	w.done += done
	w.nanoseconds += took.Nanoseconds
}

func (w *work) rate() float64 { return float64(w.done) / (float64(w.nanoseconds) / 1e9) }

// rates measures floor and subject in turn and returns what each did a second.
func (s *stage) rates(parts int, floor, figure func(*work)) []run {
	floors, figures := make([]work, s.runs()), make([]work, s.runs())
	s.alternate(parts,
		func(i int) { floor(&floors[i]) },
		func(i int) { figure(&figures[i]) },
	)
	runs := make([]run, s.runs())
	for i := range runs {
		runs[i] = run{Figure: figures[i].rate(), Floor: floors[i].rate()}
	}
	return runs
}
