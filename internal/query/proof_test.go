package query_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// prove writes what a run found, for docs/proof.
func (l *law) prove(dir string, cases int, took time.Duration) {
	commit, err := exec.CommandContext(l.t.Context(), "git", "rev-parse", "HEAD").Output()
	if err != nil {
		l.t.Fatalf("which commit is this: %v", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# The law of reading SQL\n\nIf a result changed, the index said so: random schemas, statements and writes, asked of SQLite.\n"+
		"Written by `WAKEFUL_LONG=1 WAKEFUL_PROOF=../../docs/proof go test -run '^TestNothingMissed$' ./internal/query`\non %s, commit %s.\n\n"+
		"%d cases in %d worlds (seeds 0 to %d), %d seconds, **0 missed**.\n\n"+
		"| form | statements | read in full | cases | results that changed | reported for nothing | share |\n|---|---|---|---|---|---|---|\n",
		time.Now().UTC().Format(time.DateOnly), strings.TrimSpace(string(commit)), cases, worlds(), worlds()-1, int(took.Seconds()))
	for _, f := range forms {
		tl := l.tally(f.name)
		fmt.Fprintf(&b, "| %s | %d | %.1f %% | %d | %d | %d | %.1f %% |\n", f.name, tl.generated,
			100-100*float64(tl.opaque)/float64(max(tl.generated-tl.rejected, 1)), tl.cases, tl.changed, tl.idle,
			100*float64(tl.idle)/float64(max(tl.idle+tl.changed, 1)))
	}
	fmt.Fprintf(&b, "\nOf %s at most 5 %% of the reports may leave the result as it was, of every form at least 95 %% must be read in full: else the test fails.\n"+
		"Arguments of *clock*, *recent* and *moving* are others at each evaluation, so nothing may narrow there.\n", strings.Join(exact, ", "))
	if err := os.WriteFile(filepath.Join(dir, "query-law.md"), []byte(b.String()), 0o644); err != nil {
		l.t.Fatal(err)
	}
}
