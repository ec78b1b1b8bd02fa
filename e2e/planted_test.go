package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/internal/planted"
)

// inMutant says that this is the binary with a planted bug: it waits less for
// what may never come.
var inMutant = os.Getenv("WAKEFUL_PLANT") != ""

func init() {
	if inMutant {
		patience = 4 * time.Second
	}
}

// found is what the checker prints for a violation.
var found = regexp.MustCompile(`seed \d+: ((unreal|backward|torn|late|unequal|broken|misplaced): .{0,120})`)

// perMutant bounds the search for one bug.
const perMutant = time.Minute

// TestPlantedBugsAreFound proves the checker: a build with one bug planted must
// be caught, each within a minute, and the same build without one must not be.
func TestPlantedBugsAreFound(t *testing.T) {
	if raceEnabled || testing.Short() || inMutant {
		t.Skip("it builds the tests anew and runs them many times")
	}
	binary := filepath.Join(t.TempDir(), "e2e.test")
	if out, err := exec.Command("go", "test", "-c", "-tags", "planted", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build with planted bugs: %v\n%s", err, out)
	}
	var mu sync.Mutex
	rows := map[planted.Bug]string{}
	t.Cleanup(func() {
		if path := os.Getenv("WAKEFUL_PROOF"); path != "" && !t.Failed() {
			writePlanted(t, path, rows)
		}
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		if out, err := mutant(t, binary, "", 1); err != nil {
			t.Errorf("without a bug: %v\n%s", err, out)
		}
	})
	for _, bug := range planted.All {
		t.Run(string(bug), func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			for seed := uint64(1); time.Since(began) < perMutant; seed++ {
				out, err := mutant(t, binary, bug, seed)
				if err == nil {
					continue
				}
				if m := found.FindSubmatch(out); m != nil {
					t.Logf("found after %.1f s by %s", time.Since(began).Seconds(), m[1])
					mu.Lock()
					defer mu.Unlock()
					rows[bug] = fmt.Sprintf("| `%s` | %s | %d | %.0f |\n", bug, m[2], seed, time.Since(began).Seconds())
					return
				}
				t.Fatalf("the run failed for another reason: %v\n%s", err, out)
			}
			t.Errorf("not found within %v", perMutant)
		})
	}
}

// writePlanted keeps what the checker has found.
func writePlanted(t *testing.T, path string, rows map[planted.Bug]string) {
	var md strings.Builder
	md.WriteString("# Planted bugs\n\nWhat TestPlantedBugsAreFound found: each bug is in a build of its own (package internal/planted),\n" +
		"and the same build without a bug passes. Kinds are those of package internal/checker.\n\n" +
		"| bug | found as | runs | seconds |\n|---|---|---|---|\n")
	for _, bug := range planted.All {
		md.WriteString(rows[bug])
	}
	if err := os.WriteFile(filepath.Join(path, "planted.md"), []byte(md.String()), 0o644); err != nil {
		t.Error(err)
	}
}

// mutant runs a short history with a bug planted.
func mutant(t *testing.T, binary string, bug planted.Bug, seed uint64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(t.Context(), perMutant)
	defer cancel()
	command := exec.CommandContext(ctx, binary, "-test.run", "^TestHistory$/^own$", "-test.timeout", perMutant.String())
	command.Env = append(os.Environ(), "WAKEFUL_PLANT="+string(bug), fmt.Sprint("WAKEFUL_SEED=", seed), "WAKEFUL_STATES=6000", "WAKEFUL_PROOF=", "WAKEFUL_LONG=")
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err := command.Run()
	if ctx.Err() != nil {
		err = errors.Join(err, ctx.Err())
	}
	return out.Bytes(), err
}
