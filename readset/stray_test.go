package readset

import (
	"strings"
	"sync"
	"testing"
)

// in runs f on another goroutine, started by this one, and waits for it.
func in(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// evaluate runs f as the view of a strict evaluation, on a goroutine of its own.
func evaluate(s *Set, f func()) {
	in(func() {
		s.BeStrict()
		defer s.Enter()()
		f()
	})
}

func TestStraysAreAttributed(t *testing.T) {
	tests := []struct {
		name string
		run  func(s *Set)
		want bool
	}{
		{"on the view's goroutine", func(*Set) { Look(nil, "SELECT 1") }, true},
		{"on one that the view starts", func(*Set) { in(func() { Look(nil, "SELECT 1") }) }, true},
		{"with another's set", func(*Set) { Look(&Set{}, "SELECT 1") }, true},
		{"with its own set", func(s *Set) { Look(s, "SELECT 1") }, false},
		{"with its own set on another goroutine", func(s *Set) { in(func() { Look(s, "SELECT 1") }) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &Set{}
			evaluate(s, func() { tt.run(s) })
			if got := len(s.Strays()) > 0; got != tt.want {
				t.Fatalf("strays %v, want one: %t", s.Strays(), tt.want)
			}
			if !tt.want {
				return
			}
			stray := s.Strays()[0]
			if !strings.Contains(stray.Stack, "stray_test.go") || stray.Text != "SELECT 1" || !strings.Contains(stray.String(), "SELECT 1") {
				t.Errorf("%s\n%s", stray, stray.Stack)
			}
		})
	}
}

// TestNobodyElseIsAccused: what other goroutines run while an evaluation is in
// flight is none of its business, however many there are.
func TestNobodyElseIsAccused(t *testing.T) {
	guilty, innocent := &Set{}, &Set{}
	entered, asked := make(chan struct{}), make(chan struct{})
	var views sync.WaitGroup
	for _, s := range []*Set{guilty, innocent} {
		views.Go(func() {
			s.BeStrict()
			defer s.Enter()()
			entered <- struct{}{}
			<-asked
			if s == guilty {
				Look(nil, "SELECT guilty")
			}
		})
	}
	<-entered
	<-entered
	var others sync.WaitGroup
	for range 8 {
		others.Go(func() {
			for range 50 {
				Look(nil, "SELECT other")
			}
		})
	}
	others.Wait()
	close(asked)
	views.Wait()
	if got := guilty.Strays(); len(got) != 1 || got[0].Text != "SELECT guilty" {
		t.Errorf("strays of the guilty: %v", got)
	}
	if got := innocent.Strays(); len(got) != 0 {
		t.Errorf("strays of the innocent: %v", got)
	}
}

// TestLeave: after the end nothing is left, whatever was within what.
func TestLeave(t *testing.T) {
	outer, inner := &Set{}, &Set{}
	evaluate(outer, func() {
		func() {
			inner.BeStrict()
			defer inner.Enter()()
			Look(nil, "in the inner")
		}()
		Look(nil, "in the outer")
	})
	if a, b := outer.Strays(), inner.Strays(); len(a) != 1 || a[0].Text != "in the outer" || len(b) != 1 || b[0].Text != "in the inner" {
		t.Errorf("outer %v, inner %v", a, b)
	}
	in(func() {
		defer func() { _ = recover() }()
		defer outer.Enter()()
		panic("the view is broken")
	})
	if n, m, k := evaluating.entered.Load(), evaluating.strict.Load(), len(evaluating.sets); n != 0 || m != 0 || k != 0 {
		t.Errorf("%d entered, %d strict, %d sets are left", n, m, k)
	}
	Look(nil, "outside of all") // finds nobody
}

// TestLooksAreFew: where nothing is strict a stack is looked at now and then.
func TestLooksAreFew(t *testing.T) {
	s := &Set{}
	in(func() {
		evaluating.entry.Store(0)
		evaluating.looked.Store(0)
		defer s.Enter()()
		for range 100 {
			Look(nil, "SELECT 1")
		}
	})
	if n := len(s.Strays()); n < 1 || n == maxStrays {
		t.Errorf("%d of 100 statements in no time were looked at", n)
	}
}

func TestStraysAreBounded(t *testing.T) {
	s := &Set{}
	evaluate(s, func() {
		for range 100 {
			Look(nil, "SELECT 1")
		}
	})
	if n := len(s.Strays()); n != maxStrays {
		t.Errorf("%d strays are kept", n)
	}
	(*Set)(nil).BeStrict()
}

func TestOwnerOfAStackThatIsNone(t *testing.T) {
	for _, text := range []string{"", "goroutine ", "goroutine x [running]:", "goroutine 99999999999999999999999 [running]:",
		"goroutine 18446744073709551615 [running]:\ncreated by main.main\n\t/x.go:1"} {
		if s := owner([]byte(text)); s != nil {
			t.Errorf("%q has an owner", text)
		}
	}
}

// BenchmarkEnter is what each evaluation pays, BenchmarkLook what a statement of
// a request that nobody observes does while evaluations are in flight.
func BenchmarkEnter(b *testing.B) {
	for _, name := range []string{"not strict", "strict"} {
		b.Run(name, func(b *testing.B) {
			s := &Set{}
			if name == "strict" {
				s.BeStrict()
			}
			in(func() {
				for b.Loop() {
					s.Enter()()
				}
			})
		})
	}
}

func BenchmarkLook(b *testing.B) {
	b.Run("no evaluation", func(b *testing.B) {
		for b.Loop() {
			Look(nil, "SELECT 1")
		}
	})
	b.Run("an evaluation", func(b *testing.B) {
		release, entered := make(chan struct{}), make(chan struct{})
		var view sync.WaitGroup
		view.Go(func() {
			evaluating.entry.Store(0)
			defer (&Set{}).Enter()()
			close(entered)
			<-release
		})
		<-entered
		for b.Loop() {
			Look(nil, "SELECT 1")
		}
		close(release)
		view.Wait()
	})
}
