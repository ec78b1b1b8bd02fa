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
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// quiet is how long a list must stay right after it has become right: what
// still comes then would make it wrong.
const quiet = 300 * time.Millisecond

// TestMain lets more scenarios run at once than there are processors: most of
// their time they wait for a client that dials again every 5 s.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(max(8, runtime.GOMAXPROCS(0)))); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestPublishedClient(t *testing.T) {
	requireClient(t)
	for name, scenario := range map[string]func(*testing.T){
		"random edits":                        randomEdits,
		"first of a thousand":                 firstOfMany,
		"cut of 5 s":                          cutOfFiveSeconds,
		"frames lost before a cut":            framesLostBeforeCut,
		"server restarts while others write":  serverRestarts,
		"frames lost before a restart":        framesLostBeforeRestart,
		"second tab":                          secondTab,
		"reload with the same session id":     reloadSameSession,
		"two living tabs with one session id": twoOfOneSession,
		"unsubscribe and observe again":       observeAgain,
		"late unsubscribe, observed again":    lateUnsubscribe,
		"late answer to the GET":              lateAnswer,
		"page that sleeps":                    sleepingPage,
		"make-good lost as well":              makeGoodLost,
		"absence longer than a session":       longAbsence,
		"list dropped during a cut":           droppedDuringCut,
		"list dropped during a restart":       droppedDuringRestart,
		"server killed":                       serverKilled,
		"storm":                               storm,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(t)
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

// everything is one list of each kind.
func everything() map[string]query {
	of := func(resource string, pairs ...string) query {
		parameters := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			parameters[pairs[i]] = pairs[i+1]
		}
		return query{resource, parameters}
	}
	return map[string]query{
		"all":      of("tickets"),
		"filtered": of("tickets", "project", "1", "open", "1"),
		"ranked":   of("tickets", "ordering", "-score"),
		"placed":   of("tickets", "ordering", "place"),
		"top":      of("tickets", "ordering", "-score", "limit", "5"),
		"window":   of("tickets", "ordering", "place", "limit", "5", "offset", "3"),
		"page":     of("pages", "ordering", "-score", "limit", "7"),
		"totals":   of("totals"),
		"board":    of("board"),
	}
}

// stage is an app, its network and one tab that follows everything.
type stage struct {
	*app
	link *link
	tab  *tab
	editor
}

func newStage(t *testing.T, seed uint64) *stage {
	t.Helper()
	return stageOf(t, newApp(t), seed)
}

func stageOf(t *testing.T, a *app, seed uint64) *stage {
	t.Helper()
	a.fill(1, 12)
	a.fill(2, 8)
	l := openLink(t, a.addr)
	s := &stage{app: a, link: l, tab: openTab(t, l.origin(), ""), editor: *newEditor(seed)}
	for name, q := range everything() {
		s.tab.observe(name, q)
	}
	return s
}

// edit commits n random transactions, every fifth by another program.
func (s *stage) edit(n int) {
	s.t.Helper()
	for range n {
		db := s.db
		if s.made%5 == 4 || db == nil {
			db = s.outside
		}
		s.transact(db, s.transaction()...)
	}
}

// equal waits until each tab shows for each of its queries what a plain GET
// answers, and goes on to do so. Nothing may be written meanwhile.
func equal(t *testing.T, a *app, tabs ...*tab) {
	t.Helper()
	for _, p := range tabs {
		late := time.After(patience)
		for {
			pulse := p.pulsing()
			difference := differs(a, p)
			if difference == "" {
				break
			}
			select {
			case <-pulse:
			case <-late:
				t.Fatalf("still unequal after %v:\n%s%s", patience, difference, p.state())
			}
		}
	}
}

// settled is equal, and still so when the network has been quiet.
func settled(t *testing.T, a *app, tabs ...*tab) {
	t.Helper()
	equal(t, a, tabs...)
	<-time.After(quiet)
	for _, p := range tabs {
		if difference := differs(a, p); difference != "" {
			t.Fatalf("equal, and then not:\n%s%s", difference, p.state())
		}
	}
}

// differs tells the first list of a tab that is not what a plain GET answers.
func differs(a *app, p *tab) string {
	a.t.Helper()
	shown := p.lists()
	names := make([]string, 0, len(p.queries))
	for name := range p.queries {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		want := a.plain(p.queries[name])
		if shown[name] == nil {
			return name + " is not shown"
		}
		got := decode(a.t, shown[name])
		if !reflect.DeepEqual(got, any(want)) {
			text, _ := json.Marshal(want)
			return fmt.Sprintf("%s  %s\nclient: %s\nserver: %s", name, p.queries[name].path(), shown[name], text)
		}
	}
	return ""
}

// asked fails where a client sent more observing GETs than its lists.
func (s *stage) asked(want int) {
	s.t.Helper()
	if got := s.observes.Load(); got != int64(want) {
		s.t.Errorf("%d observing GETs, want %d: what is shown must have come over the socket", got, want)
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

// storms is how many times a storm breaks the connection.
func storms() int {
	if os.Getenv("WAKEFUL_LONG") != "" {
		return 60
	}
	return 2
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

func cutOfFiveSeconds(t *testing.T) {
	s := newStage(t, 2)
	s.edit(10)
	equal(t, s.app, s.tab)
	s.link.cut()
	s.tab.await("the client to notice", func() bool { return !s.tab.up })
	over := time.After(5 * time.Second)
	beat := time.NewTicker(50 * time.Millisecond)
	defer beat.Stop()
	for away := true; away; {
		select {
		case <-beat.C:
			s.edit(1)
		case <-over:
			away = false
		}
	}
	s.link.heal()
	s.tab.await("the client to come back", func() bool { return s.tab.ups == 2 })
	settled(t, s.app, s.tab)
	s.edit(20)
	settled(t, s.app, s.tab)
	s.tab.unharmed(1)
	s.asked(len(everything()))
}

func framesLostBeforeCut(t *testing.T) {
	s := newStage(t, 3)
	s.edit(10)
	equal(t, s.app, s.tab)
	s.edit(3) // perhaps on their way when the loss begins
	s.loseSome(20)
	s.link.cut()
	s.edit(5)
	s.link.heal()
	s.tab.await("the client to come back", func() bool { return s.tab.ups == 2 })
	settled(t, s.app, s.tab)
	s.edit(20)
	settled(t, s.app, s.tab)
	s.tab.unharmed(1)
	s.asked(len(everything()))
}

// loseSome commits n transactions whose frames the server sends and nobody gets.
func (s *stage) loseSome(n int) {
	s.t.Helper()
	s.link.lose()
	for range n {
		before := s.link.lost()
		s.edit(1)
		s.transact(s.db, "UPDATE tickets SET score = score + 1 WHERE id = (SELECT max(id) FROM tickets)")
		s.link.await("frames to be lost", func() bool { return s.link.swallowed > before })
	}
}

func serverRestarts(t *testing.T) {
	s := newStage(t, 4)
	s.edit(10)
	equal(t, s.app, s.tab)
	s.edit(5)
	s.stop()
	s.db = nil
	s.edit(25)
	s.tab.await("the client to notice", func() bool { return !s.tab.up })
	s.start()
	s.edit(5)
	s.tab.await("the client to come back", func() bool { return s.tab.ups == 2 })
	settled(t, s.app, s.tab)
	s.edit(20)
	settled(t, s.app, s.tab)
	s.tab.unharmed(1)
	s.asked(len(everything()))
}

func framesLostBeforeRestart(t *testing.T) {
	s := newStage(t, 5)
	s.edit(10)
	equal(t, s.app, s.tab)
	s.loseSome(10)
	s.stop()
	s.db = nil
	s.link.cut()
	s.edit(10)
	s.start()
	s.link.heal()
	s.tab.await("the client to come back", func() bool { return s.tab.ups == 2 })
	settled(t, s.app, s.tab)
	s.edit(20)
	settled(t, s.app, s.tab)
	s.tab.unharmed(1)
	s.asked(len(everything()))
}

// secondTab: two sessions that share some lists; one goes and harms nobody.
func secondTab(t *testing.T) {
	s := newStage(t, 6)
	second := openTab(t, s.link.origin(), "")
	for _, name := range []string{"all", "top", "totals"} {
		s.edit(3)
		second.observe(name, everything()[name])
	}
	second.observe("closed", query{"tickets", map[string]string{"open": "0"}})
	for range 10 {
		s.edit(5)
		equal(t, s.app, s.tab, second)
	}
	settled(t, s.app, s.tab, second)
	second.unharmed(0)
	second.close()
	for range 5 {
		s.edit(5)
		equal(t, s.app, s.tab)
	}
	settled(t, s.app, s.tab)
	s.tab.unharmed(0)
}

// reloadSameSession: the old page hangs and never sees that it was replaced.
func reloadSameSession(t *testing.T) {
	a := newApp(t)
	a.fill(1, 12)
	l := openLink(t, a.addr)
	s := &stage{app: a, link: l, editor: *newEditor(7)}
	old := openTab(t, l.origin(), "one and the same")
	for _, name := range []string{"all", "placed", "totals"} {
		old.observe(name, everything()[name])
	}
	s.edit(10)
	equal(t, a, old)
	old.hang(time.Hour)
	s.edit(5)
	s.tab = openTab(t, l.origin(), "one and the same")
	if s.tab.session != old.session {
		t.Fatalf("sessions %s and %s", s.tab.session, old.session)
	}
	s.edit(5)
	for name, q := range everything() {
		s.tab.start(name, q)
		s.edit(1)
	}
	settled(t, a, s.tab)
	old.close()
	for range 5 {
		s.edit(5)
		equal(t, a, s.tab)
	}
	settled(t, a, s.tab)
	s.tab.unharmed(0)
}

// twoOfOneSession: two living tabs fight for one session id, which the client
// cannot be talked out of: it dials again at every close. Neither is left with a
// list that stands still in silence: the session ends, and both are told.
func twoOfOneSession(t *testing.T) {
	a := newApp(t)
	a.fill(1, 12)
	l := openLink(t, a.addr)
	l.set(func() { l.brusque = true })
	first := openTab(t, l.origin(), "one and the same")
	first.observe("all", everything()["all"])
	second := openTab(t, l.origin(), "one and the same")
	second.start("all", everything()["all"])
	a.fill(2, 3)
	for _, p := range []*tab{first, second} {
		p.await("error events without end", func() bool { return !p.up && p.refused >= 2 })
	}
}

func observeAgain(t *testing.T) {
	s := newStage(t, 9)
	for range 8 {
		for _, name := range []string{"all", "window", "totals"} {
			s.edit(2)
			s.tab.dispose(name)
			s.edit(2)
			s.tab.start(name, everything()[name])
		}
		s.edit(3)
		equal(t, s.app, s.tab)
	}
	settled(t, s.app, s.tab)
	s.tab.unharmed(0)
}

// lateUnsubscribe: messages reach the client when it has dropped the list, but
// the server does not know yet. The client keeps them, and applies them to the
// list when it observes it again.
func lateUnsubscribe(t *testing.T) {
	s := newStage(t, 11)
	for range 3 {
		s.link.postpone()
		s.tab.dispose("placed")
		s.link.await("unsubscribe to be on its way", func() bool { return s.link.stalled > 0 })
		before := s.tab.received()
		s.edit(5)
		s.transact(s.db, "UPDATE tickets SET title = title || '.'")
		s.tab.await("messages", func() bool { return len(s.tab.messages) >= before+20 })
		s.link.release()
		s.tab.start("placed", everything()["placed"])
		equal(t, s.app, s.tab)
		s.edit(5)
		equal(t, s.app, s.tab)
	}
	settled(t, s.app, s.tab)
	s.tab.unharmed(0)
}

// lateAnswer: messages for a list reach the client before the list does.
func lateAnswer(t *testing.T) {
	s := newStage(t, 10)
	for round := range 5 {
		name := fmt.Sprintf("late %d", round)
		s.link.delay()
		s.tab.start(name, query{"tickets", map[string]string{"ordering": "place", "limit": fmt.Sprint(10 + round)}})
		s.link.await("the answer to be on its way", func() bool { return s.link.held > 0 })
		before := s.tab.received()
		s.edit(5)
		s.transact(s.db, "UPDATE tickets SET title = title || '.'")
		s.tab.await("messages", func() bool { return len(s.tab.messages) >= before+20 })
		s.link.release()
		s.edit(round)
		equal(t, s.app, s.tab)
	}
	settled(t, s.app, s.tab)
	s.tab.unharmed(0)
}

// sleepingPage: more is due than is kept for a client that does not read.
func sleepingPage(t *testing.T) {
	a := newApp(t)
	a.fill(1, 20)
	l := openLink(t, a.addr)
	s := &stage{app: a, link: l, tab: openTab(t, l.origin(), ""), editor: *newEditor(12)}
	for _, name := range []string{"all", "placed", "window"} {
		s.tab.observe(name, everything()[name])
	}
	s.tab.hang(3 * time.Second)
	for i := range 40 {
		s.edit(1)
		s.transact(s.db, fmt.Sprintf("UPDATE tickets SET title = printf('%%.*c', 20000, '%c')", 'a'+i%26))
	}
	s.transact(s.db, "UPDATE tickets SET title = 'short again ' || id")
	settled(t, a, s.tab)
	s.edit(20)
	settled(t, a, s.tab)
	s.tab.unharmed(0)
}

// makeGoodLost: what repairs a list is lost on its way like anything else.
func makeGoodLost(t *testing.T) {
	s := newStage(t, 13)
	s.edit(10)
	s.link.cut()
	s.edit(10)
	s.link.heal()
	s.link.lose()
	lost := s.link.lost()
	s.link.await("the make-good to be lost", func() bool { return s.link.swallowed > lost })
	s.edit(5)
	s.link.cut()
	s.edit(5)
	s.link.heal()
	s.tab.await("the client to come back again", func() bool { return s.tab.ups == 3 })
	settled(t, s.app, s.tab)
	s.tab.unharmed(2)
	s.asked(len(everything()))
}

// longAbsence: nobody keeps the lists up to date any more when the client comes
// back, and who it was is all that is known.
func longAbsence(t *testing.T) {
	a := newApp(t)
	a.stop()
	a.sessionTTL = 300 * time.Millisecond
	a.start()
	s := stageOf(t, a, 14)
	s.edit(10)
	equal(t, s.app, s.tab)
	s.loseSome(5)
	s.link.cut()
	s.edit(10)
	s.tab.await("the client to notice", func() bool { return !s.tab.up })
	<-time.After(3 * time.Second)
	s.edit(10)
	s.link.heal()
	s.tab.await("the client to come back", func() bool { return s.tab.ups == 2 })
	settled(t, s.app, s.tab)
	s.edit(20)
	settled(t, s.app, s.tab)
	s.tab.unharmed(1)
	s.asked(len(everything()))
}

// droppedDuringCut: the client says that it dropped a list when the server is
// already repairing it.
func droppedDuringCut(t *testing.T) {
	s := newStage(t, 15)
	s.edit(10)
	s.loseSome(5)
	s.link.cut()
	s.tab.await("the client to notice", func() bool { return !s.tab.up })
	s.dropSome()
	s.edit(10)
	s.link.heal()
	s.tab.await("the client to come back", func() bool { return s.tab.ups == 2 })
	s.observeDropped()
	s.tab.unharmed(1)
}

func droppedDuringRestart(t *testing.T) {
	s := newStage(t, 16)
	s.edit(10)
	s.stop()
	s.db = nil
	s.tab.await("the client to notice", func() bool { return !s.tab.up })
	s.dropSome()
	s.edit(10)
	s.start()
	s.tab.await("the client to come back", func() bool { return s.tab.ups == 2 })
	s.observeDropped()
	s.tab.unharmed(1)
}

var dropped = []string{"all", "window", "totals"}

func (s *stage) dropSome() {
	s.t.Helper()
	for _, name := range dropped {
		s.tab.dispose(name)
	}
}

// observeDropped lets time pass and goes back to what was dropped.
func (s *stage) observeDropped() {
	s.t.Helper()
	settled(s.t, s.app, s.tab)
	s.edit(10)
	for _, name := range dropped {
		s.tab.start(name, everything()[name])
		s.edit(2)
	}
	settled(s.t, s.app, s.tab)
	s.edit(10)
	settled(s.t, s.app, s.tab)
}

// serverKilled: nobody knows what the client holds, so it is told, again and
// again, and a page loaded anew works.
func serverKilled(t *testing.T) {
	s := newStage(t, 17)
	s.edit(10)
	equal(t, s.app, s.tab)
	s.stopAsKilled(s.tab.session)
	s.edit(5)
	s.start()
	s.tab.await("the client to be told", func() bool { return s.tab.refused >= 2 })
	if s.tab.ups != 1 {
		t.Errorf("the client was let in again, as if nothing had happened%s", s.tab.state())
	}
	again := openTab(t, s.link.origin(), "")
	for name, q := range everything() {
		again.observe(name, q)
	}
	s.edit(10)
	settled(t, s.app, again)
	again.unharmed(0)
}

// stopAsKilled stops the app and leaves its files as they were while it ran,
// when it had noted that the session lives.
func (s *stage) stopAsKilled(session string) {
	s.t.Helper()
	late, beat := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer beat.Stop()
	for {
		text, err := os.ReadFile(s.state())
		if err == nil && strings.Contains(string(text), session) {
			s.stop()
			s.db = nil
			if err := os.WriteFile(s.state(), text, 0o600); err != nil {
				s.t.Fatal(err)
			}
			return
		}
		select {
		case <-beat.C:
		case <-late:
			s.t.Fatalf("the session was never noted: %s %v", text, err)
		}
	}
}

// storm: whatever can go wrong does, in any order, and lists are dropped and
// observed again all the while.
func storm(t *testing.T) {
	s := newStage(t, seed())
	t.Logf("seed %d", seed())
	breaks := []func(){
		func() { s.link.cut() },
		func() { s.loseSome(1 + s.random.IntN(10)); s.link.cut() },
		func() { s.stop(); s.db = nil },
		func() { s.loseSome(1 + s.random.IntN(5)); s.stop(); s.db = nil; s.link.cut() },
	}
	names := slices.Sorted(maps.Keys(everything()))
	change := func() {
		for range s.random.IntN(6) {
			s.edit(s.random.IntN(4))
			name := names[s.random.IntN(len(names))]
			if _, ok := s.tab.queries[name]; ok {
				s.tab.dispose(name)
			} else {
				s.tab.start(name, everything()[name])
			}
		}
		s.edit(s.random.IntN(10))
	}
	for cuts := 1; cuts <= storms(); cuts++ {
		change()
		equal(t, s.app, s.tab)
		s.tab.idle()
		s.edit(s.random.IntN(4))
		breaks[s.random.IntN(len(breaks))]()
		s.tab.await("the client to notice", func() bool { return !s.tab.up })
		change()
		if s.db == nil {
			s.start()
		}
		change()
		s.link.heal()
		s.tab.await("the client to come back", func() bool { return s.tab.ups == 1+cuts })
		change()
		settled(t, s.app, s.tab)
	}
	s.tab.unharmed(storms())
}

// seed makes a storm another one each time that somebody asks for it.
func seed() uint64 {
	n, err := strconv.ParseUint(os.Getenv("WAKEFUL_SEED"), 10, 64)
	if err != nil {
		return 18
	}
	return n
}
