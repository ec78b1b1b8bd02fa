//go:build planted

package worker

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/wakeful-dev/wakeful/internal/planted"
)

// TestPlanted: the laws find each bug in the bounded run.
func TestPlanted(t *testing.T) {
	defer planted.Plant("")
	for _, bug := range planted.Keeping {
		t.Run(string(bug), func(t *testing.T) {
			planted.Plant(bug)
			found := ""
			for seed := uint64(0); seed < 40 && found == ""; seed++ {
				synctest.Test(t, func(t *testing.T) {
					b := newBoard(t, seed, Config{Audit: -1})
					b.fault = func(format string, args ...any) { found = fmt.Sprintf(format, args...) }
					if err := b.play(80); err != nil {
						found = err.Error()
					}
				})
			}
			for seed := uint64(0); seed < 40 && found == ""; seed++ {
				synctest.Test(t, func(t *testing.T) {
					log, adjust := behind(seed, true)
					b := newBoardOver(t, seed, log, Config{Audit: -1}, adjust)
					b.fault = func(format string, args ...any) { found = fmt.Sprintf(format, args...) }
					if err := b.play(80); err != nil {
						found = err.Error()
					}
				})
			}
			if found == "" {
				synctest.Test(t, func(t *testing.T) {
					if err := newBoard(t, 1, held).stepInRound(); err != nil {
						found = err.Error()
					}
				})
			}
			if found == "" {
				synctest.Test(t, func(t *testing.T) {
					if err := changeWhilePinned(t); err != nil {
						found = err.Error()
					}
				})
			}
			if found == "" {
				synctest.Test(t, func(t *testing.T) {
					if err := queuedWhilePinned(t); err != nil {
						found = err.Error()
					}
				})
			}
			if found == "" {
				t.Errorf("%s is not found", bug)
			}
			t.Logf("%.300s", found)
		})
	}
}
