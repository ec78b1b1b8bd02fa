//go:build planted

package affected

import (
	"testing"

	"github.com/wakeful-dev/wakeful/internal/planted"
)

// TestPlanted: the law finds that a row is looked at as it is now alone.
func TestPlanted(t *testing.T) {
	defer planted.Plant("")
	planted.Plant(planted.HoldersForgotten)
	if missed := nothingMissed(t); missed == "" {
		t.Error("it is not found")
	} else {
		t.Log(missed)
	}
}
