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
	var names []string
	for _, f := range forms {
		names = append(names, f.name)
	}
	l.write(proof{dir, "query-law.md", "SQLite", "TestNothingMissed", names, exact, "*clock*, *recent* and *moving*", cases, took})
}

func (l *postgresLaw) provePostgres(dir string, cases int, took time.Duration) {
	var names []string
	for _, f := range postgresForms {
		names = append(names, f.name)
	}
	l.write(proof{dir, "query-law-postgres.md", "PostgreSQL", "TestNothingMissedPostgres", names, postgresExact, "*recent* and *moving*", cases, took})
}

// proof is what a run of the law is about.
type proof struct {
	dir, file, database, test string
	forms, exact              []string
	moving                    string
	cases                     int
	took                      time.Duration
}

func (l *law) write(p proof) {
	commit, err := exec.CommandContext(l.t.Context(), "git", "rev-parse", "HEAD").Output()
	if err != nil {
		l.t.Fatalf("which commit is this: %v", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# The law of reading SQL\n\nIf a result changed, the index said so: random schemas, statements and writes, asked of %s.\n"+
		"Written by `WAKEFUL_LONG=1 WAKEFUL_PROOF=../../docs/proof go test -run '^%s$' ./internal/query`\non %s, commit %s.\n\n"+
		"%d cases in %d worlds (seeds 0 to %d), %d seconds, **0 missed**.\n\n"+
		"| form | statements | read in full | cases | results that changed | reported for nothing | share |\n|---|---|---|---|---|---|---|\n",
		p.database, p.test, time.Now().UTC().Format(time.DateOnly), strings.TrimSpace(string(commit)), p.cases, worlds(), worlds()-1, int(p.took.Seconds()))
	for _, name := range p.forms {
		tl := l.tally(name)
		fmt.Fprintf(&b, "| %s | %d | %.1f %% | %d | %d | %d | %.1f %% |\n", name, tl.generated,
			100-100*float64(tl.opaque)/float64(max(tl.generated-tl.rejected, 1)), tl.cases, tl.changed, tl.idle,
			100*float64(tl.idle)/float64(max(tl.idle+tl.changed, 1)))
	}
	fmt.Fprintf(&b, "\nOf %s at most 5 %% of the reports may leave the result as it was, of every form at least 95 %% must be read in full: else the test fails.\n"+
		"Arguments of %s are others at each evaluation, so nothing may narrow there.\n", strings.Join(p.exact, ", "), p.moving)
	if err := os.WriteFile(filepath.Join(p.dir, p.file), []byte(b.String()), 0o644); err != nil {
		l.t.Fatal(err)
	}
}
