//go:build planted

package query_test

import (
	"testing"

	"github.com/wakeful-dev/wakeful/internal/planted"
)

// TestPlanted: the law finds each bug in the bounded run.
func TestPlanted(t *testing.T) {
	defer planted.Plant("")
	for _, bug := range planted.Reading {
		t.Run(string(bug), func(t *testing.T) {
			planted.Plant(bug)
			l := newLaw(t)
			for seed := range uint64(worlds()) {
				if l.world(seed, observers, transactions); l.missed != "" {
					t.Logf("found in world %d: %.300s", seed, l.missed)
					return
				}
			}
			t.Errorf("%s is not found", bug)
		})
	}
}
