package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	name, _, _ := strings.Cut(t.Name(), "/")
	proof.Lock()
	defer proof.Unlock()
	proof.rows = append(proof.rows, fmt.Sprintf("| %s | `%s` | %s | %d | %d | %d | %d | %s | %.0f |",
		what, name, version(), v.Commits, v.Diffs, v.States, len(v.Violations), also, time.Since(began).Seconds()))
}

// version is the commit that the tests are of, and the day.
var version = sync.OnceValue(func() string {
	of, err := exec.Command("git", "describe", "--always", "--dirty", "--exclude=*").Output()
	if err != nil {
		of = []byte("unknown")
	}
	return strings.TrimSpace(string(of)) + " | " + time.Now().UTC().Format(time.DateOnly)
})

const proofHead = `# PostgreSQL, raced, killed and failed over

Each line is a run of its own, on a real server, at the commit that it names:

    WAKEFUL_PROOF=../../docs/proof WAKEFUL_LONG=1 go test -timeout 60m -run '^TEST$' ./e2e/postgres

A writer's groups are chosen by a fixed seed; which of them commits when is the
machine's choice. What is in question is what clients were shown, held against
the server's own log.

| run | test | commit | on | commits | diffs | states of lists | violations | | seconds |
|---|---|---|---|---|---|---|---|---|---|
`

// writeProof keeps what a run has shown, where WAKEFUL_PROOF says. A line takes
// the place of the last one of its name.
func writeProof() error {
	path := os.Getenv("WAKEFUL_PROOF")
	if path == "" || len(proof.rows) == 0 {
		return nil
	}
	path = filepath.Join(path, "postgres.md")
	have, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	lines := map[string]string{}
	for _, line := range append(strings.Split(string(have), "\n"), proof.rows...) {
		name, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | `")
		if ok {
			lines[name] = line
		}
	}
	text := proofHead
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		text += lines[name] + "\n"
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
