package postgres

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/postgres"
)

// What tells a test binary that it is the program to be killed.
const (
	childURL    = "WAKEFUL_E2E_DATABASE"
	childListen = "WAKEFUL_E2E_LISTEN"
)

// child serves until it is killed, or its input ends with the test.
func child(url string) error {
	listener, err := net.Listen("tcp", os.Getenv(childListen))
	if err != nil {
		return err
	}
	a, err := serve(postgres.Config{URL: url, Logger: logTo(os.Stderr)}, listener, nil)
	if err != nil {
		return err
	}
	fmt.Printf("serving %s\n", a.http.URL)
	orphaned, told := make(chan error, 1), make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		orphaned <- err
	}()
	select {
	case <-told:
	case <-orphaned:
	case err := <-a.ended:
		return fmt.Errorf("Run: %w", err)
	}
	return a.stop()
}

// process is the application in a process of its own, on an address that stays.
type process struct {
	t       testing.TB
	url     string
	address string
	command *exec.Cmd
	input   io.Closer
	log     saying
}

// saying collects what a program says.
type saying struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *saying) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(data)
}

func (s *saying) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// apart starts the application in another process.
func (w *world) apart(url string) *process {
	w.t.Helper()
	p := &process{t: w.t, url: url, address: "127.0.0.1:0"}
	p.start()
	w.server = "http://" + p.address
	w.t.Cleanup(func() {
		w.quiet()
		w.leave()
		p.kill()
		if w.t.Failed() {
			text := p.log.String()
			w.t.Logf("what the application said last:\n%s", text[max(0, len(text)-4000):])
		}
	})
	return p
}

// start begins a process; it returns when that listens.
func (p *process) start() {
	p.t.Helper()
	p.command = exec.Command(os.Args[0])
	p.command.Env = append(os.Environ(), childURL+"="+p.url, childListen+"="+p.address)
	p.command.Stderr = &p.log
	input, err := p.command.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	output, err := p.command.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.input = input
	line, err := bufio.NewReader(output).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "serving http://")
	if !ok {
		p.t.Fatalf("the application did not start: %v: %s", errors.Join(err, p.command.Wait()), p.log.String())
	}
	p.address = address
}

// kill ends the process as nobody can prepare for.
func (p *process) kill() {
	_ = p.command.Process.Kill() // it may have ended
	_ = p.command.Wait()
	_ = p.input.Close()
}

// resident is what the process has in memory, 0 where that cannot be told.
func (p *process) resident() int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	_, after, found := strings.Cut(string(text), "VmRSS:")
	if !found {
		return 0
	}
	kilobytes, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		p.t.Fatal(err)
	}
	return kilobytes << 10
}

// every polls until the returned function is called, which waits for the end.
func every(interval time.Duration, do func()) (end func()) {
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				do()
			case <-stop:
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-ended
	}
}
