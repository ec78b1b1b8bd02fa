// Package postgres races, kills and fails over real PostgreSQL servers under a
// live application, and judges what its clients were shown by the server's own
// log, which a reader that knows nothing of Wakeful has read beside it.
//
// WAKEFUL_LONG=1 does the full counts; WAKEFUL_PROOF names the folder in which
// a run leaves what it has shown.
package postgres

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// long says that there is time.
var long = os.Getenv("WAKEFUL_LONG") != ""

// planted says that this is the binary with a planted bug.
var planted = os.Getenv("WAKEFUL_PLANT") != ""

// patience is how long anything may take that needs no luck.
var patience = 30 * time.Second

func init() {
	if raceEnabled || long {
		patience *= 4
	}
	if planted {
		patience = 5 * time.Second
	}
}

// sized chooses how much is done: in the long run, in make test, with the race
// detector.
func sized(full, usual, raced int) int {
	switch {
	case long:
		return full
	case raceEnabled:
		return raced
	}
	return usual
}

// TestMain is also the program that is killed. It demands that servers leave no
// goroutine behind.
func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		if err := child(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code == 0 {
		if err := writeProof(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
