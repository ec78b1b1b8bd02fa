package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// TestProgram is no test: it is the program, as a process that other tests
// start.
func TestProgram(t *testing.T) {
	arguments := os.Getenv("WAKEFUL_TEST_PROGRAM")
	if arguments == "" {
		t.Skip("runs in a process of its own")
	}
	os.Args = append([]string{"wakeful"}, strings.Fields(arguments)...)
	main()
}

// TestSecondSignal: the first interrupt ends the program in an orderly way,
// though a client does not answer; a second one ends it at once.
func TestSecondSignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be interrupted there")
	}
	for _, signals := range []int{1, 2} {
		program := exec.Command(os.Args[0], "-test.run", "^TestProgram$")
		program.Env = append(os.Environ(), "WAKEFUL_TEST_PROGRAM=demo --still --listen 127.0.0.1:0", "TMPDIR="+t.TempDir())
		out, err := program.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := program.Start(); err != nil {
			t.Fatal(err)
		}
		first, err := bufio.NewReader(out).ReadString('\n')
		address := regexp.MustCompile(`http://(\S+)`).FindStringSubmatch(first)
		if err != nil || address == nil {
			t.Fatalf("the program said %q, %v", first, err)
		}
		conn, in := silentSocket(t, address[1])
		if signals == 2 {
			defer halfRequest(t, address[1]).Close() // which is waited for, for longer than the second signal takes
		}
		interrupt(t, program.Process)
		if _, err := in.ReadByte(); err != nil { // the close frame, which is not answered
			t.Errorf("no close frame: %v", err)
		}
		if signals == 2 {
			interrupt(t, program.Process)
		}
		err = program.Wait()
		if orderly := err == nil; orderly != (signals == 1) {
			t.Errorf("after %d signals: %v", signals, err)
		}
		_ = conn.Close()
	}
}

func interrupt(t *testing.T, process *os.Process) {
	t.Helper()
	if err := process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
}

// halfRequest sends a request whose body does not come.
func halfRequest(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /api/tickets HTTP/1.1\r\nHost: %s\r\nExpect: 100-continue\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\n", address)
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil { // the handler waits for the body
		t.Fatal(err)
	}
	return conn
}

// silentSocket connects a client that says nothing.
func silentSocket(t *testing.T, address string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /ws/s1 HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", address)
	in := bufio.NewReader(conn)
	answer, err := http.ReadResponse(in, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %+v %v", answer, err)
	}
	return conn, in
}
