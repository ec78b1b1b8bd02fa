//go:build planted

package ivm_test

import (
	"testing"

	"github.com/wakeful-dev/wakeful/internal/planted"
)

// TestPlanted: the law finds each bug in the bounded run.
func TestPlanted(t *testing.T) {
	defer planted.Plant("")
	for _, bug := range planted.Stepping {
		t.Run(string(bug), func(t *testing.T) {
			planted.Plant(bug)
			l := &law{reads: map[string]int{}}
			for seed := range uint64(worlds) {
				for _, of := range []kind{{}, {strange: true}, {nested: true}, {masked: true}} {
					if l.world(t, seed, of); l.wrong != "" {
						t.Logf("found in world %d: %.300s", seed, l.wrong)
						return
					}
				}
			}
			t.Errorf("%s is not found", bug)
		})
	}
}
