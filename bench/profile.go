package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"

	"github.com/wakeful-dev/wakeful/bench/role"
)

// start runs a role that ends with the stage.
func (s *stage) start(name string) *role.Process {
	if s.err != nil {
		return nil
	}
	args := []string{"-role", name}
	if s.options.profile != "" {
		file := fmt.Sprintf("%s-%d.pprof", profileName(s.bar, name), len(s.processes))
		args = append(args, "-profile", filepath.Join(s.options.profile, file))
	}
	p, err := role.Start(name, args...)
	if err != nil {
		s.err = err
		return nil
	}
	s.processes = append(s.processes, p)
	return p
}

// profileName names the profile of a process at some time.
func profileName(bar, of string) string { return strings.Map(fileRune, bar+" "+of) }

// fileRune keeps letters and digits of a name.
func fileRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
		return r
	}
	return '-'
}

// profiled writes a CPU profile to the file until stop is called, and what is in
// memory then to one beside it; "" is none.
func profiled(file string) (stop func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	runtime.MemProfileRate = 64 << 10 // for the profiles of the heap: small things show too
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close() // a profile that is cut off says so when it is read
		if f, err := os.Create(strings.TrimSuffix(file, ".pprof") + "-heap.pprof"); err == nil {
			_ = pprof.Lookup("allocs").WriteTo(f, 0)
			_ = f.Close()
		}
	}, nil
}
