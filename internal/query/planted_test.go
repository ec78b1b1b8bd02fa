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

// betrays lists the forms of statements that show a bug. The worlds of each bug
// have these only: PostgreSQL takes longer to be asked.
var betrays = map[planted.Bug][]string{
	planted.OrDropped: {"filter", "exists"}, planted.OuterNarrowed: {"anti join"}, planted.NotInNull: {"null in"},
	planted.AffinityIgnored: {"affinity"}, planted.LikeCase: {"collated"}, planted.CollationIgnored: {"sorted"},
	planted.CorrelatedTaken: {"correlated"}, planted.HavingNarrows: {"rollup"}, planted.CTEIgnored: {"shadow"},
	planted.OldImageIgnored: {"filter"}, planted.BetweenBound: {"collated", "filter"}, planted.InLosesOne: {"filter", "array"},
	planted.ClockTrusted: {"recent", "moving"}, planted.OuterOnPreserved: {"outer join"}, planted.EqualAnywhere: {"equal columns"},
	planted.LimitPushed: {"limited"},
}

// TestPlantedPostgres: so does that of PostgreSQL.
func TestPlantedPostgres(t *testing.T) {
	defer planted.Plant("")
	base := newPostgresBase(t)
	for _, bug := range planted.Reading {
		t.Run(string(bug), func(t *testing.T) {
			planted.Plant(bug)
			l := &postgresLaw{law: *newLaw(t), base: base, only: betrays[bug]}
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

// betraysHeld is betrays of the bugs in telling which rows were read.
var betraysHeld = map[string][]string{
	string(planted.SkippedHeld): {"skipping"}, string(planted.PeersForgot): {"window"},
	string(planted.OthersTrusted): {"counted too"}, string(planted.MovingHeld): {"moving"},
	"key_incomplete": {"part of a key", "keyless"}, "rows_left": {"filter", "ordered"},
}

// TestPlantedByKeys: so does that of rows known by their keys.
func TestPlantedByKeys(t *testing.T) {
	defer planted.Plant("")
	for bug, forms := range betraysHeld {
		t.Run(bug, func(t *testing.T) {
			t.Setenv("WAKEFUL_PLANT", bug) // for package postgres
			planted.Plant(planted.Bug(bug))
			l := newHeldLaw(t)
			for seed := range uint64(heldWorlds()) {
				if l.world(seed, heldFormsOf(forms...), heldViews, heldTransactions); l.missed != "" {
					t.Logf("found in world %d: %.600s", seed, l.missed)
					return
				}
			}
			t.Errorf("%s is not found", bug)
		})
	}
}

// heldFormsOf are those of some names.
func heldFormsOf(names ...string) (list []*heldForm) {
	for _, f := range heldForms {
		for _, name := range names {
			if f.name == name {
				list = append(list, f)
			}
		}
	}
	return list
}
