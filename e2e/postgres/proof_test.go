package postgres

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// proof collects what the tests of a run have shown.
var proof struct {
	sync.Mutex
	rows []string
}

// prove notes one line, and logs it.
func prove(t testing.TB, began time.Time, what string, v *verdict, also string, arguments ...any) {
	t.Helper()
	also = fmt.Sprintf(also, arguments...)
	if v == nil {
		v = &verdict{}
	}
	t.Logf("%s: %d commits, %d diffs, %d states, %d violations; %s", what, v.Commits, v.Diffs, v.States, len(v.Violations), also)
	proof.Lock()
	defer proof.Unlock()
	proof.rows = append(proof.rows, fmt.Sprintf("| %s | %d | %d | %d | %d | %s | %.0f |\n",
		what, v.Commits, v.Diffs, v.States, len(v.Violations), also, time.Since(began).Seconds()))
}

// writeProof keeps what a run has shown, where WAKEFUL_PROOF says.
func writeProof() error {
	path := os.Getenv("WAKEFUL_PROOF")
	if path == "" || len(proof.rows) == 0 {
		return nil
	}
	of, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		of = []byte("unknown")
	}
	text := fmt.Sprintf("# PostgreSQL, raced, killed and failed over\n\nWritten by `WAKEFUL_PROOF=%s WAKEFUL_LONG=%s go test ./e2e/postgres`\non %s, commit %s.\n\n"+
		"| test | commits | diffs | states of lists | violations | | seconds |\n|---|---|---|---|---|---|---|\n%s",
		path, os.Getenv("WAKEFUL_LONG"), time.Now().UTC().Format(time.DateOnly), strings.TrimSpace(string(of)), strings.Join(proof.rows, ""))
	return os.WriteFile(filepath.Join(path, "postgres.md"), []byte(text), 0o644)
}
