package explain

import (
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/affected"
)

// Finish adds what is worth a person's notice in all the rest.
func (e *Explanation) Finish() {
	say := func(text string) {
		if !slices.Contains(e.Notes, text) {
			e.Notes = append(e.Notes, text)
		}
	}
	for _, s := range e.Statements {
		if s.Opaque != "" {
			say("a statement was not understood (" + s.Opaque + "), so any row of its tables counts")
		}
		if len(s.Volatile) > 0 {
			say("it calls " + strings.Join(s.Volatile, ", ") + ", whose result changes though no row does: only Poll and Until make it run for that")
		}
		if s.Ties != "" {
			say("its order is not total: " + s.Ties)
		}
	}
	for _, r := range e.Reads {
		if slices.Contains(r.Columns, affected.AnyColumn) {
			say("it declares " + r.Table + " (DependsOn), so every change of it counts")
		}
	}
	if e.Kept.Failures > 0 {
		say("its newest runs failed: the list is the last good one")
	}
	if e.Kept.Echoes > 0 {
		say("evaluations write what it reads, so they cause each other: it is slowed down")
	}
	if e.Kept.Gateways == 0 {
		say("nobody follows it, so it does not run; it is kept for a while")
	}
}
