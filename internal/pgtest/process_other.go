//go:build !unix

package pgtest

import (
	"errors"
	"os"
	"os/exec"
)

func possible() error { return errors.New("servers for tests run on Unix only") }

func asServer(*exec.Cmd) {}

func give(string) error { return possible() }

func owner() string { return "" }

func reachable(string) bool { return false }

func ended(*os.Process) bool { return true }

func quickStop(child *os.Process) error { return child.Kill() }

func kill(child *os.Process) error { return child.Kill() }
