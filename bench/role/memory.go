package role

import (
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
)

// Used is the memory of a process as the system counts it: its resident set,
// in bytes.
type Used struct {
	Found int64 `json:"found"` // as it stands
	Held  int64 `json:"held"`  // after garbage has been collected and given back: what is really in use
}

// Look asks what a process uses.
type Look struct {
	Profile string `json:"profile,omitempty"` // where to write a profile of the heap, "" for nowhere
}

// Memory returns what the process uses.
func Memory(l Look) (any, error) {
	found, err := resident()
	if err != nil {
		return nil, err
	}
	runtime.GC()
	debug.FreeOSMemory() // collects again: what pools kept goes with the second time
	held, err := resident()
	if err == nil && l.Profile != "" {
		err = heapProfile(l.Profile)
	}
	return Used{found, held}, err
}

func heapProfile(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(pprof.WriteHeapProfile(f), f.Close())
}
