package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestCommandLine(t *testing.T) {
	tests := []struct {
		name   string
		args   string
		status int
		stdout string
		stderr string
	}{
		{"nothing", "", 2, "", "wakeful demo"},
		{"help", "--help", 0, "wakeful version", ""},
		{"unknown", "dance", 2, "", `no command "dance"`},
		{"version", "version", 0, "wakeful ", ""},
		{"version has no arguments", "version 2", 2, "", `unexpected "2"`},
		{"help of a verb", "demo --help", 0, "", "--listen address"},
		{"unknown flag", "demo --colour", 2, "", "-colour"},
		{"bad address", "demo --listen nowhere:at:all", 1, "", "wakeful: listen"},
		{"bad folder", "demo --listen 127.0.0.1:0 --db /nowhere/at/all.db", 1, "", "wakeful: sqlite"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := run(t.Context(), strings.Fields(tt.args), &stdout, &stderr)
			if status != tt.status || !strings.Contains(stdout.String(), tt.stdout) || !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("wakeful %s: status %d, want %d\nstdout %q\nstderr %q", tt.args, status, tt.status, stdout.String(), stderr.String())
			}
		})
	}
}

func TestListenTakesAnotherPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	if l, err := listen(address, false, io.Discard); err == nil {
		l.Close()
		t.Errorf("listen(%s) took a port that is taken", address)
	}
	var said bytes.Buffer
	l, err := listen(address, true, &said)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if !strings.Contains(said.String(), address) || !strings.Contains(said.String(), "a free port instead") {
		t.Errorf("said %q, want that %s cannot be had", said.String(), address)
	}
}

// TestDemo is the whole program: it serves, takes writes, keeps a file over a
// restart, and leaves nothing behind.
func TestDemo(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Setenv("TMPDIR", t.TempDir())
	file := filepath.Join(t.TempDir(), "kept.db")

	d := startDemo(t, "--db", file)
	d.post(t, "/api/tickets", url.Values{"title": {"Kept over a restart"}})
	d.stop(t)

	d = startDemo(t, "--db", file)
	if list := d.get(t, "/api/tickets?project=1&status=todo"); !strings.Contains(list, "Kept over a restart") {
		t.Errorf("after a restart: %s", list)
	}
	d.stop(t)

	d = startDemo(t)
	if answer := d.get(t, "/api/top?observe=me"); !strings.Contains(answer, `"observer":"`) {
		t.Errorf("GET with observe: %s", answer)
	}
	d.stream(t)
	d.stop(t)
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left in the temporary folder: %v, %v", left, err)
	}
}

type runningDemo struct {
	url    string
	said   string // all that it invites to
	client *http.Client
	cancel context.CancelFunc
	status chan int
	stderr *bytes.Buffer
}

func startDemo(t *testing.T, args ...string) *runningDemo {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	d := &runningDemo{client: &http.Client{Transport: &http.Transport{}}, cancel: cancel, status: make(chan int, 1), stderr: &bytes.Buffer{}}
	go func() {
		d.status <- run(ctx, append([]string{"demo", "--listen", "127.0.0.1:0"}, args...), in, d.stderr)
		in.Close()
	}()
	said := bufio.NewReader(out)
	for !strings.Contains(d.said, "Ctrl-C") {
		line, err := said.ReadString('\n')
		if d.said += line; err != nil {
			cancel()
			t.Fatalf("the demo said %q, %v; status %d, %s", d.said, err, <-d.status, d.stderr)
		}
	}
	d.url = regexp.MustCompile(`http://\S+`).FindString(d.said)
	go func() { _, _ = io.Copy(io.Discard, said) }()
	return d
}

func (d *runningDemo) stop(t *testing.T) {
	t.Helper()
	d.client.CloseIdleConnections()
	d.cancel()
	if status := <-d.status; status != 0 || d.stderr.Len() > 0 {
		t.Errorf("the demo ended with %d and said %q", status, d.stderr)
	}
}

// stream does what the line with curl -N says, until the list has come and
// moved.
func (d *runningDemo) stream(t *testing.T) {
	t.Helper()
	line := regexp.MustCompile(`curl -N -H '(.*): (.*)' '(.*)'`).FindStringSubmatch(d.said)
	if line == nil {
		t.Fatalf("no curl -N in %s", d.said)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, line[3], nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(line[1], line[2])
	answer, err := d.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	events := bufio.NewScanner(answer.Body)
	events.Buffer(nil, 1<<20)
	for _, want := range []string{"event: snapshot", "event: changes"} {
		for events.Scan() && events.Text() != want {
		}
		if events.Text() != want {
			t.Errorf("no %s: %v", want, events.Err())
		}
	}
}

func (d *runningDemo) get(t *testing.T, path string) string {
	t.Helper()
	answer, err := d.client.Get(d.url + path)
	return body(t, answer, err)
}

func (d *runningDemo) post(t *testing.T, path string, form url.Values) string {
	t.Helper()
	answer, err := d.client.PostForm(d.url+path, form)
	return body(t, answer, err)
}

func body(t *testing.T, answer *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %s %v", answer.Request.Method, answer.Request.URL.Path, answer.Status, text, err)
	}
	return string(text)
}
