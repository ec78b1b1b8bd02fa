package resolwe

import (
	"fmt"
	"testing"
	"time"
)

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
