// Bench measures Wakeful beside floors: for each bar the least program that
// does the same, in the same run, on the same machine, with the same client.
//
//	go run ./bench                     all bars, five runs each
//	go run ./bench -quick              one short run each
//	go run ./bench -run 'fan-out|GET'  the bars whose names match
//
// It prints one line for each bar and ends with 1 where one is missed. Server,
// floor and load are processes of their own (the program starts itself again).
// Runs of the floor and of Wakeful alternate, so that what else the machine
// does meets both; what is judged is the median of the ratios, or differences,
// of neighbouring runs. How to read the table: docs/benchmarks.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/floor"
	"github.com/wakeful-dev/wakeful/bench/index"
	"github.com/wakeful-dev/wakeful/bench/load"
	"github.com/wakeful-dev/wakeful/bench/role"
	"github.com/wakeful-dev/wakeful/bench/route"
)

func main() {
	var o options
	var name, match string
	flag.StringVar(&name, "role", "", "what a process of a benchmark is; for its own use")
	flag.StringVar(&match, "run", "", "only bars whose name matches this regular expression")
	flag.BoolVar(&o.quick, "quick", false, "one short run of each: to see that it works, not to judge")
	flag.IntVar(&o.times, "runs", 5, "how often each is measured")
	flag.StringVar(&o.out, "out", "bench/out/bench.json", "write the figures as JSON to this file; empty: do not")
	flag.StringVar(&o.profile, "profile", "", "write a CPU and a memory profile of each process to this folder")
	flag.Parse()
	if name != "" {
		fail(play(name, o.profile))
		return
	}
	var err error
	if o.match, err = regexp.Compile(match); err != nil {
		fail(fmt.Errorf("-run: %w", err))
	}
	met, err := conduct(o, os.Stdout)
	fail(err)
	if !met {
		os.Exit(1)
	}
}

// fail ends the program with 2 where it could not measure.
func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
}

// play is the whole life of a role.
func play(name, profile string) error {
	kind, detail, _ := strings.Cut(name, " ")
	var verbs map[string]role.Verb
	switch kind {
	case "app":
		verbs = app.Verbs()
	case "writer":
		verbs = app.WriterVerbs()
	case "load":
		verbs = load.Verbs()
	case "index":
		verbs = index.Verbs()
	case "route":
		verbs = route.Verbs()
	case "committer":
		verbs = app.PostgresWriterVerbs()
	case "floor":
		verbs = floor.Verbs(detail)
	}
	if verbs == nil {
		return fmt.Errorf("no role %q", name)
	}
	stop, err := profiled(profile)
	if err != nil {
		return err
	}
	defer stop()
	return role.Serve(os.Stdin, os.Stdout, verbs)
}
