package tutorial_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// patience only matters to a test that fails.
const patience = 60 * time.Second

// TestTutorial starts each step in an empty folder and does what its text says.
func TestTutorial(t *testing.T) {
	if os.Getenv("WAKEFUL_RACE") != "" {
		t.Skip("the programs that are started are the same without the race detector")
	}
	steps, err := filepath.Glob("[1-9]-*")
	if err != nil || len(steps) != 6 {
		t.Fatalf("steps: %v (%v)", steps, err)
	}
	programs := t.TempDir()
	build := exec.Command("go", "build", "-o", programs+string(filepath.Separator), "./...")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, step := range steps {
		t.Run(step, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(step, "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			r := start(t, filepath.Join(programs, step))
			blocks := regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(text), -1)
			if len(blocks) == 0 {
				t.Fatal("the text has nothing to run")
			}
			for _, block := range blocks {
				r.block(block[1])
			}
			r.end(strings.Contains(string(text), "prints `ended`"))
		})
	}
}

// runner does what a text says with a program that runs.
type runner struct {
	t       *testing.T
	ctx     context.Context
	address string
	program *exec.Cmd
	log     *bufio.Scanner
	stream  *bufio.Scanner
}

var serving = regexp.MustCompile(`http://(\S+)`)

func start(t *testing.T, program string) *runner {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	r := &runner{t: t, ctx: ctx, program: exec.CommandContext(ctx, program, "-listen", "127.0.0.1:0")}
	r.program.Dir = t.TempDir()
	out, err := r.program.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.program.Process.Kill()
		_ = r.program.Wait() // it was killed, or has ended
		cancel()
	})
	r.log = bufio.NewScanner(out)
	for r.log.Scan() {
		if found := serving.FindStringSubmatch(r.log.Text()); found != nil {
			r.address = found[1]
			return r
		}
		t.Log(r.log.Text())
	}
	t.Fatal("the program has ended")
	return nil
}

// end interrupts the program; orderly: it says so and ends with no error.
func (r *runner) end(orderly bool) {
	if !orderly || runtime.GOOS == "windows" {
		return
	}
	if err := r.program.Process.Signal(os.Interrupt); err != nil {
		r.t.Fatal(err)
	}
	last := ""
	for r.log.Scan() {
		last = r.log.Text()
	}
	if !strings.HasSuffix(last, " ended") {
		r.t.Errorf("the program's last words are %q", last)
	}
}

// block does one block of a text: lines to run with what they answer, or what
// the other terminal shows.
func (r *runner) block(text string) {
	r.t.Helper()
	if shown, ok := strings.CutPrefix(text, "# the other terminal\n"); ok {
		r.shows(strings.TrimSpace(shown))
		return
	}
	for _, command := range strings.Split(text, "$ ")[1:] {
		line, want, _ := strings.Cut(command, "\n")
		want = strings.TrimSpace(want)
		c, err := parse(line)
		if err != nil {
			r.t.Fatalf("%s: %v", line, err)
		}
		answer := r.send(c)
		if c.follow {
			r.stream = bufio.NewScanner(answer.Body)
			r.stream.Buffer(nil, 1<<20)
			r.shows(strings.TrimPrefix(want, "…\n"))
			continue
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			r.t.Fatal(err)
		}
		have := string(body)
		if c.head {
			var head strings.Builder
			_ = answer.Header.Write(&head) // a Builder takes all
			have = answer.Proto + " " + answer.Status + "\n" + head.String() + "\n" + have
		}
		if !matches(want, strings.TrimSpace(strings.ReplaceAll(have, r.address, "localhost:8080"))) {
			r.t.Errorf("$ %s\n%s\nwant\n%s", line, have, want)
		}
	}
}

// shows waits until the stream has a line of data as wanted. Only the types
// that the text shows are looked at: the first of them has to be it.
func (r *runner) shows(want string) {
	r.t.Helper()
	if r.stream == nil {
		r.t.Fatal("nothing is followed in the other terminal")
	}
	for r.stream.Scan() {
		line := r.stream.Text()
		if !strings.HasPrefix(line, `data: {"type":"snapshot"`) && !strings.HasPrefix(line, `data: {"type":"changes"`) {
			continue
		}
		if !matches(want, line) {
			r.t.Errorf("the other terminal shows\n%s\nwant\n%s", line, want)
		}
		return
	}
	r.t.Fatalf("the stream has ended (%v), want %s", r.stream.Err(), want)
}

// matches reports whether a text is as wanted, where … stands for anything.
func matches(want, have string) bool {
	parts := strings.Split(want, "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, ".*") + `$`).MatchString(strings.ReplaceAll(have, "\r", ""))
}

// command is a curl line.
type command struct {
	method, url, body string
	header            http.Header
	head, follow      bool
}

var word = regexp.MustCompile(`'[^']*'|\S+`)

func parse(line string) (*command, error) {
	words := word.FindAllString(line, -1)
	if len(words) < 2 || words[0] != "curl" {
		return nil, fmt.Errorf("not a curl line")
	}
	for i := range words {
		words[i] = strings.Trim(words[i], "'")
	}
	c := &command{method: http.MethodGet, header: http.Header{}}
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "-i":
			c.head = true
		case "-N":
			c.follow = true
		case "-X":
			i++
			c.method = words[i]
		case "-H":
			i++
			name, text, _ := strings.Cut(words[i], ": ")
			c.header.Add(name, text)
		case "--json":
			i++
			c.body = words[i]
			c.header.Set("Content-Type", "application/json")
			if c.method == http.MethodGet {
				c.method = http.MethodPost
			}
		default:
			rest, ok := strings.CutPrefix(words[i], "localhost:8080")
			if !ok {
				return nil, fmt.Errorf("the option %s is not known", words[i])
			}
			c.url = rest
		}
	}
	return c, nil
}

func (r *runner) send(c *command) *http.Response {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.ctx, c.method, "http://"+r.address+c.url, strings.NewReader(c.body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header = c.header
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}
