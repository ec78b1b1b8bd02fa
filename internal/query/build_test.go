//go:build !planted && !race

package query_test

import (
	"os/exec"
	"testing"
)

// TestEachPlantedBugIsFound runs the law in a build that has the bugs.
func TestEachPlantedBugIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the tests a second time")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command to build with")
	}
	out, err := exec.CommandContext(t.Context(), tool, "test", "-tags", "planted", "-count=1", "-run", "^TestPlanted", ".").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
