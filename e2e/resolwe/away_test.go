package resolwe

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

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
