package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/bus/bustest"
	"github.com/wakeful-dev/wakeful/internal/checker"
)

// scenario is one way to run the crowd.
type scenario struct {
	name       string
	share      int // percent of all states
	bus        func(seed uint64) bus.Bus
	triggerLog bool
	outside    bool // writers that do not use the application's handle
	postgres   bool
}

var scenarios = []scenario{
	{name: "own", share: 40},
	{name: "outside", share: 10, outside: true},
	{name: "outside with trigger log", share: 15, outside: true, triggerLog: true},
	{name: "encoded bus", share: 10, bus: func(uint64) bus.Bus { return bus.Encoded(bus.New()) }},
	{name: "faulty bus", share: 15, bus: func(seed uint64) bus.Bus { return bustest.Faulty(bus.New(), seed, 0.01) }},
	{name: "postgres", share: 10, outside: true, postgres: true},
}

// long says that there is time: set WAKEFUL_LONG=1.
var long = os.Getenv("WAKEFUL_LONG") != ""

// states is how many states of lists are checked in all: WAKEFUL_STATES, or
// else what there is time for.
func states() int {
	if n, err := strconv.Atoi(os.Getenv("WAKEFUL_STATES")); err == nil {
		return n
	}
	switch {
	case long:
		return 1_000_000
	case raceEnabled || testing.Short():
		return 1_500 // SQLite without cgo is 25 times slower under the race detector
	}
	return 100_000
}

// firstSeed is WAKEFUL_SEED, or else of the clock.
func firstSeed(t testing.TB) uint64 {
	seed := uint64(time.Now().UnixNano()) % 1_000_000
	if text := os.Getenv("WAKEFUL_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatalf("WAKEFUL_SEED: %v", err)
		}
	}
	return seed
}

// summary is what a run proves.
type summary struct {
	Scenario string          `json:"scenario"`
	Seed     uint64          `json:"seed"`
	Seconds  float64         `json:"seconds"`
	Report   *checker.Report `json:"report"`
}

// TestHistory lets a crowd of clients and writers at the application, and holds
// every list that any of them was ever shown against an independent log.
func TestHistory(t *testing.T) {
	seed := firstSeed(t)
	commit, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		commit = []byte("unknown")
	}
	var all []summary
	for i, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			began := time.Now()
			report := s.run(t, seed+uint64(i), states()*s.share/100)
			all = append(all, summary{s.name, seed + uint64(i), time.Since(began).Seconds(), report})
		})
	}
	if path := os.Getenv("WAKEFUL_PROOF"); path != "" && !t.Failed() {
		writeProof(t, path, strings.TrimSpace(string(commit)), all)
	}
}

// run makes a world, lets the crowd in until it has seen enough, and judges.
func (s *scenario) run(t testing.TB, seed uint64, states int) *checker.Report {
	w := newWorld(t, options{triggerLog: s.triggerLog, postgres: s.postgres, config: func(c *wakeful.Config) {
		if s.bus != nil {
			c.Bus = s.bus(seed)
		}
	}})
	c := &crowd{world: w, seed: seed}
	c.active, c.enough = context.WithCancel(context.Background())
	defer c.enough()
	began := time.Now()
	c.populate(s)
	c.watchCount(states)
	c.running.Wait()
	acted := time.Since(began)
	for _, err := range c.errs {
		t.Errorf("seed %d: %v", seed, err)
	}
	if !t.Failed() {
		c.settle()
	}
	settled := time.Since(began) - acted
	w.stop()
	report := w.judge()
	t.Logf("seed %d: %d states of %d clients, %d transactions, %d evaluations for %d results, %d cuts; acted %.1f s, settled %.2f s, judged %.1f s",
		seed, report.States, report.Clients, report.Transactions, report.Evaluations, report.Results, report.Cuts,
		acted.Seconds(), settled.Seconds(), (time.Since(began) - acted - settled).Seconds())
	for i, v := range report.Violations {
		if i == 10 {
			t.Errorf("… and %d more", len(report.Violations)-i)
			break
		}
		t.Errorf("seed %d: %v", seed, v)
	}
	return report
}

// populate starts everybody.
func (c *crowd) populate(s *scenario) {
	persons := 32
	if raceEnabled {
		persons = 6
	}
	for n := range persons {
		c.running.Go(c.actor(n).run)
	}
	for n := range persons / 2 {
		c.running.Go(c.actorV1(100 + n).run)
	}
	for n := range max(persons/8, 2) {
		c.running.Go(c.actorPoll(500 + n).run)
		c.running.Go(c.listener(600 + n).run)
		c.running.Go(c.viewer(700 + n).run)
		c.running.Go(c.liver(800 + n).run)
	}
	c.running.Go(c.clear)
	for n := range 2 {
		c.running.Go(func() {
			c.writer(200+n, func(ctx context.Context, r *rand.Rand) error {
				if r.IntN(10) == 0 {
					return rollback(ctx, c.db, r)
				}
				_, err := c.write(ctx)
				return err
			})
		})
	}
	c.running.Go(func() {
		c.writer(300, func(ctx context.Context, r *rand.Rand) error {
			_, err := transact(ctx, c.db, r)
			return err
		})
	})
	if s.outside {
		c.running.Go(func() {
			c.writer(400, func(ctx context.Context, r *rand.Rand) error {
				_, err := transact(ctx, c.outside, r)
				return err
			})
		})
	}
}

// watchCount ends the run when there are enough states, or when nothing comes.
func (c *crowd) watchCount(states int) {
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		last, moved := 0, time.Now()
		for {
			select {
			case <-c.active.Done():
				return
			case <-tick.C:
			}
			n := c.checker.States()
			if n/10_000 > last/10_000 {
				c.t.Logf("%d states", n)
			}
			if n > last {
				last, moved = n, time.Now()
			}
			if n >= states {
				c.enough()
			} else if time.Since(moved) > patience {
				c.failed(fmt.Errorf("stuck at %d of %d states: worker at %s, clients at %v", n, states, c.live.Status().Worker.Position, c.positions()))
				if os.Getenv("WAKEFUL_STACKS") != "" {
					_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1) // for who looks at the test
				}
			}
		}
	}()
}

// writeProof keeps what a run has shown.
func writeProof(t testing.TB, path, commit string, all []summary) {
	var md strings.Builder
	fmt.Fprintf(&md, "# Checked histories\n\nWritten by `WAKEFUL_PROOF=%s WAKEFUL_LONG=%s go test -run TestHistory ./e2e`\non %s, commit %s.\n\n",
		path, os.Getenv("WAKEFUL_LONG"), time.Now().UTC().Format(time.DateOnly), commit)
	md.WriteString("| scenario | seed | clients | transactions | states of lists | cuts | violations | seconds |\n|---|---|---|---|---|---|---|---|\n")
	for _, s := range all {
		fmt.Fprintf(&md, "| %s | %d | %d | %d | %d | %d | %d | %.0f |\n", s.Scenario, s.Seed,
			s.Report.Clients, s.Report.Transactions, s.Report.States, s.Report.Cuts, len(s.Report.Violations), s.Seconds)
	}
	data, err := json.MarshalIndent(map[string]any{"commit": commit, "runs": all}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"history.md": []byte(md.String()), "history.json": append(data, '\n')} {
		if err := os.WriteFile(filepath.Join(path, name), content, 0o644); err != nil {
			t.Error(err)
		}
	}
}
