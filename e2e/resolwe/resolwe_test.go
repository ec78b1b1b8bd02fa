// Package resolwe proves version 1 of the protocol with the published client
// of the predecessor itself, @genialis/resolwe 17.2.0, unmodified: each tab is a
// process with a browser's page and that client in it, the app is an ordinary
// one over SQLite, and between them is a network that fails.
//
// What a client shows is compared with a plain GET of the same query. The
// client never asks again after its first GET, so whatever it shows came over
// its socket.
package resolwe

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// TestMain lets more scenarios run at once than there are processors: most of
// their time they wait for a client that dials again every 5 s.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(max(8, runtime.GOMAXPROCS(0)))); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// scenarios lists those that wait longest first.
var scenarios = []struct {
	name string
	run  func(*testing.T)
}{
	{"storm", storm},
	{"two living tabs with one session id", twoOfOneSession},
	{"make-good lost as well", makeGoodLost},
	{"cut of 5 s", cutOfFiveSeconds},
	{"list dropped during a cut", droppedDuringCut},
	{"random edits", randomEdits},
	{"first of a thousand", firstOfMany},
	{"frames lost before a cut", framesLostBeforeCut},
	{"server restarts while others write", serverRestarts},
	{"frames lost before a restart", framesLostBeforeRestart},
	{"second tab", secondTab},
	{"reload with the same session id", reloadSameSession},
	{"unsubscribe and observe again", observeAgain},
	{"late unsubscribe, observed again", lateUnsubscribe},
	{"late answer to the GET", lateAnswer},
	{"page that sleeps", sleepingPage},
	{"absence longer than a session", longAbsence},
	{"list dropped during a restart", droppedDuringRestart},
	{"server killed", serverKilled},
}

func TestPublishedClient(t *testing.T) {
	requireClient(t)
	for _, scenario := range scenarios {
		t.Run(scenario.name, func(t *testing.T) {
			t.Parallel()
			scenario.run(t)
		})
	}
}

// requireClient skips where there is no Node or no client, which is a failure
// in CI.
func requireClient(t *testing.T) {
	t.Helper()
	give := t.Skipf
	if os.Getenv("CI") == "true" {
		give = t.Fatalf
	}
	if _, err := exec.LookPath("node"); err != nil {
		give("the published client was not tried: there is no node here")
	}
	const manifest = "node_modules/@genialis/resolwe/package.json"
	text, err := os.ReadFile(filepath.FromSlash(manifest))
	if err != nil {
		give("the published client was not tried: run scripts/setup.sh, which installs it (%v)", err)
	}
	var client struct{ Version string }
	if err := json.Unmarshal(text, &client); err != nil || client.Version != "17.2.0" {
		t.Fatalf("%s: want version 17.2.0, got %q, %v", manifest, client.Version, err)
	}
}

func randomEdits(t *testing.T) {
	s := newStage(t, 1)
	for s.made < transactions() {
		s.edit(1 + s.random.IntN(12))
		equal(t, s.app, s.tab)
	}
	settled(t, s.app, s.tab)
	s.tab.unharmed(0)
	s.asked(len(everything()))
}

// transactions is how many random ones make a run.
func transactions() int {
	switch {
	case os.Getenv("WAKEFUL_LONG") != "":
		return 20_000
	case os.Getenv("WAKEFUL_RACE") != "":
		return 100
	}
	return 400
}

// firstOfMany: the rows behind the one that goes are not sent again.
func firstOfMany(t *testing.T) {
	a := newApp(t)
	a.fill(1, 1000)
	l := openLink(t, a.addr)
	p := openTab(t, l.origin(), "")
	p.observe("all", everything()["all"])
	a.transact(a.db, "DELETE FROM tickets WHERE id = (SELECT min(id) FROM tickets)")
	settled(t, a, p)
	if got := p.received(); got != 1 {
		t.Errorf("%d messages for one row that went, want 1%s", got, p.state())
	}
	p.unharmed(0)
}
