package main

import (
	"fmt"

	"github.com/wakeful-dev/wakeful/bench/index"
)

var (
	equalLookup = lookupOf("owner = X", false)
	rangeLookup = lookupOf("price BETWEEN A AND B", true)
)

// touched is how many observers a change touches in each bar. What a lookup may
// take is 2 µs, and 0.5 µs for each of them.
var touched = []int{1, 10}

func lookupOf(what string, ranges bool) measurement {
	m := measurement{measure: func(s *stage) [][]run { return s.lookup(ranges) }}
	for _, hits := range touched {
		m.bars = append(m.bars, bar{fmt.Sprintf("index of 1,000,000, %s: a change that hits %d", what, hits), "µs", within, 2 + 0.5*float64(hits)})
	}
	return m
}

// lookup measures the index of observers by itself, beside a map.
func (s *stage) lookup(ranges bool) [][]run {
	subject, floor := s.start("index"), s.start("floor lookup")
	var runs [][]run
	for _, hits := range touched {
		entries := index.Entries{N: s.of(1_000_000), Hits: hits, Ranges: ranges}
		s.call(subject, "fill", entries, nil)
		s.call(floor, "fill", entries, nil)
		runs = append(runs, s.each(200_000, func(n int) (took int64) {
			s.call(floor, "look", index.Looks{N: n}, &took)
			return took
		}, func(n int) (took int64) {
			s.call(subject, "look", index.Looks{N: n}, &took)
			return took
		}))
	}
	return runs
}

var parser = measurement{
	bars: []bar{
		{"parser: a statement that is new, mean of five kinds", "µs", within, 5},
		{"parser: the same again", "µs", within, 1},
	},
	measure: (*stage).parse,
}

// parse measures how statements are read, beside a loop over their bytes.
func (s *stage) parse() [][]run {
	subject, floor := s.start("index"), s.start("floor lookup")
	var runs [][]run
	for _, verb := range []string{"read", "reread"} {
		runs = append(runs, s.each(1000*len(index.Kinds), func(n int) (took int64) {
			s.call(floor, "walk", index.Reads{N: n / len(index.Kinds)}, &took)
			return took
		}, func(n int) (took int64) {
			s.call(subject, verb, index.Reads{N: n / len(index.Kinds)}, &took)
			return took
		}))
	}
	return runs
}

// each measures what one of n takes, in microseconds.
func (s *stage) each(n int, floor, figure func(n int) int64) []run {
	const parts = 4
	floors, figures := make([]float64, s.runs()), make([]float64, s.runs())
	add := func(into *float64, took int64) { *into += float64(took) / 1e3 / float64(n) / parts }
	floor(n)
	figure(n)
	s.alternate(parts, func(i int) { add(&floors[i], floor(n)) }, func(i int) { add(&figures[i], figure(n)) })
	runs := make([]run, s.runs())
	for i := range runs {
		runs[i] = run{figures[i], floors[i]}
	}
	return runs
}
