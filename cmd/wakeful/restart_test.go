package main

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"syscall"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/follow"
)

// startProcess runs wakeful serve in a process of its own.
func startProcess(t *testing.T, arguments string) (program *exec.Cmd, address string) {
	t.Helper()
	program = exec.Command(os.Args[0], "-test.run", "^TestProgram$")
	program.Env = append(os.Environ(), "WAKEFUL_TEST_PROGRAM=serve "+arguments)
	out, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Process.Kill() })
	first, err := bufio.NewReader(out).ReadString('\n')
	found := regexp.MustCompile(`http://([^/]+)/`).FindStringSubmatch(first)
	if err != nil || found == nil {
		t.Fatalf("serve said %q, %v", first, err)
	}
	return program, found[1]
}

// TestServeIsKilled: a client goes on with what it holds when the server comes
// back, whether it was killed or stopped, and with what was written meanwhile.
func TestServeIsKilled(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be asked to end there")
	}
	file, other := board(t)
	program, address := startProcess(t, "--operator off --drain 10ms --listen 127.0.0.1:0 --db "+file)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := follow.NewClient(follow.Config{Server: "http://" + address, Session: "me", Transport: transport})
	defer c.Close()
	if err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := c.Get(t.Context(), "/api/posts?ordering=id")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"first", "second"}
	await(t, c, list, want...)
	for _, how := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		if err := program.Process.Signal(how); err != nil {
			t.Fatal(err)
		}
		if _, err := c.AwaitEnd(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := program.Wait(); (err == nil) != (how == syscall.SIGTERM) {
			t.Errorf("after %v: %v", how, err)
		}
		name := "while it was away after " + how.String()
		if _, err := other.ExecContext(t.Context(), `INSERT INTO posts (title, owner_id) VALUES (?, 'eve')`, name); err != nil {
			t.Fatal(err)
		}
		want = append(want, name)
		program, _ = startProcess(t, "--operator off --drain 10ms --listen "+address+" --db "+file)
		transport.CloseIdleConnections()
		if err := c.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		await(t, c, list, want...)
		if _, err := other.ExecContext(t.Context(), `INSERT INTO posts (title, owner_id) VALUES ('and after', 'eve')`); err != nil {
			t.Fatal(err)
		}
		want = append(want, "and after")
		await(t, c, list, want...)
	}
	for _, fault := range c.Faults() {
		t.Error(fault)
	}
}
