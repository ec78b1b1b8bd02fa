package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

// restartWait is what a client was told when its socket was closed.
func restartWait(t *testing.T, reason string) time.Duration {
	t.Helper()
	text := strings.TrimSuffix(strings.TrimPrefix(reason, "reconnect after "), " ms")
	ms, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("reason %q", reason)
	}
	return time.Duration(ms) * time.Millisecond
}

// TestDrain closes sockets one after the other. Each client is told to come
// back when all are closed, no two at one time; who is not closed yet is served
// on; what is new is refused.
func TestDrain(t *testing.T) {
	const clients, drain = 20, 400 * time.Millisecond
	h := newHouse(t, Config{Drain: drain}, nil)
	type end struct {
		at   time.Time
		wait time.Duration
	}
	ends := make([]end, clients)
	var all sync.WaitGroup
	for i := range clients {
		c := h.dial(fmt.Sprint("s", i), version(1+i%2))
		all.Go(func() {
			for {
				_, err := c.readFrame(waitMost)
				var closed *closedError
				if errors.As(err, &closed) && closed.code == wire.CloseRestart {
					ends[i] = end{time.Now(), restartWait(t, closed.reason)}
					_ = c.conn.Close()
					return
				}
				if err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
			}
		})
	}
	e := h.observe("/a", "s0")
	stopped := make(chan struct{})
	go func() {
		h.stop()
		close(stopped)
	}()
	for !h.gw.isClosing() {
		<-time.After(time.Millisecond)
	}
	refusedWhileDraining(t, h)
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	h.awaitState(e.Observer, 1)
	all.Wait()
	<-stopped
	slices.SortFunc(ends, func(a, b end) int { return a.at.Compare(b.at) })
	if took := ends[clients-1].at.Sub(ends[0].at); took < drainPause*clients/2 {
		t.Errorf("all sockets were closed within %v", took)
	}
	slices.SortFunc(ends, func(a, b end) int { return a.at.Add(a.wait).Compare(b.at.Add(b.wait)) })
	first, last := ends[0].at.Add(ends[0].wait), ends[clients-1].at.Add(ends[clients-1].wait)
	if spread := last.Sub(first); spread < drain/2 {
		t.Errorf("clients come back within %v", spread)
	}
	closed := slices.MaxFunc(ends, func(a, b end) int { return a.at.Compare(b.at) }).at
	if first.Before(closed.Add(-50 * time.Millisecond)) {
		t.Errorf("a client comes back %v before the last socket is closed", closed.Sub(first))
	}
}

func refusedWhileDraining(t *testing.T, h *house) {
	t.Helper()
	resp, body := h.do("GET", "/a?observe=new")
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), string(wire.CodeShutdown)) {
		t.Errorf("observe while draining: %d %s", resp.StatusCode, body)
	}
	var refused *refusedError
	if _, err := h.tryDial("new", version1); !errors.As(err, &refused) || refused.status != http.StatusServiceUnavailable {
		t.Errorf("version 1 socket while draining: %v", err)
	}
	h.dial("new", version2).expectClose(wire.CloseGoingAway)
}

// TestDrainOfClientsThatDoNotRead: Run returns although nobody takes the close
// frame.
func TestDrainOfClientsThatDoNotRead(t *testing.T) {
	h := newHouse(t, Config{Limits: Limits{Undelivered: 1}}, nil)
	e := h.observe("/a", "slow")
	h.throttled("slow")
	h.worker.set(map[string][]diff.Item{"/a": large("a")})
	h.awaitState(e.Observer, 1)
	began := time.Now()
	h.stop()
	if took := time.Since(began); took > closeWait+time.Second {
		t.Errorf("the shutdown took %v", took)
	}
}

// TestDrainOfAnAppThatHangs: nor does a handler that heeds no context keep Run.
func TestDrainOfAnAppThatHangs(t *testing.T) {
	inside, release := make(chan struct{}), make(chan struct{})
	mux := testApp()
	mux.HandleFunc("/hangs", func(http.ResponseWriter, *http.Request) {
		close(inside)
		<-release
	})
	var log bytes.Buffer
	h := newHouse(t, Config{StartWait: 300 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))}, mux)
	c := h.begin("s1")
	c.say(`{"type":"subscribe","id":1,"url":"/hangs"}`)
	<-inside
	h.stop()
	if !strings.Contains(log.String(), "does not heed its context") {
		t.Errorf("log %q", log.String())
	}
	close(release)
	h.gw.readers.Wait()
}

// TestRestartUnderLoad: a version 1 client follows its lists over restarts while
// they move all the time, also between two runs, and nothing is lost.
func TestRestartUnderLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	cfg := Config{StateFile: file, Drain: 20 * time.Millisecond}
	h := newHouse(t, cfg, nil)
	list := items("1:0", "2:0", "3:0")
	h.worker.lists["/a"] = list
	c := h.dial("s1", version1)
	model := modelOf(h.observe("/a", "s1").Items)
	for run := range 4 {
		c.mute = run%2 == 1 // nothing is proven
		stop := make(chan struct{})
		var moving sync.WaitGroup
		moving.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				list = items(fmt.Sprintf("%d:%d", 1+i%3, i), fmt.Sprintf("%d:%d", 4+i%5, run), fmt.Sprintf("99:%d", i))
				h.worker.set(map[string][]diff.Item{"/a": list})
			}
		})
		for range 20 {
			if raw, err := c.readFrame(waitMost); err == nil {
				applyRaw(t, model, raw)
			}
		}
		h.stop()
		close(stop)
		moving.Wait()
		for { // what was on its way; some clients lose it
			raw, err := c.readFrame(waitMost)
			if err != nil {
				break
			}
			if run < 2 {
				applyRaw(t, model, raw)
			}
		}
		h = newHouse(t, cfg, nil)
		list = append(items(fmt.Sprintf("7:run%d", run)), list[:2]...)
		h.worker.lists["/a"] = list
		c = h.dial("s1", version1)
		c.follow(model, list)
	}
}

// TestStateFileThatIsNotOurs: a file that cannot be used is named in a warning
// that says what it costs, and is replaced by a good one, for its owner only.
func TestStateFileThatIsNotOurs(t *testing.T) {
	for name, test := range map[string]struct{ data, want string }{
		"cut off":     {`{"format":1,"secret":"AAAA`, "not read"},
		"other text":  {"hello", "not read"},
		"future":      {`{"format":2,"sessions":[{"id":"s1","since":"2999-01-01T00:00:00Z"}]}`, "format 2"},
		"no format":   {`{"sessions":[]}`, "format 0"},
		"other key":   {`{"format":1,"check":"no","sessions":[{"id":"s1","since":"2999-01-01T00:00:00Z"}]}`, "another secret"},
		"a directory": {"", "not read"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "state")
			if name == "a directory" {
				if err := os.Mkdir(file, 0o700); err != nil {
					t.Fatal(err)
				}
			} else if err := os.WriteFile(file, []byte(test.data), 0o644); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			gw, err := New(Config{Bus: newHouse(t, Config{}, nil).gw.Bus, StateFile: file, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(log.String(), test.want) || !strings.Contains(log.String(), "level=WARN") {
				t.Errorf("log %q, want a warning of %q", log.String(), test.want)
			}
			if len(gw.sessions) != 0 {
				t.Error("sessions were taken over")
			}
			if name == "a directory" {
				return
			}
			if err := gw.saveState(); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(file)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the new file: %v %v, want mode 0600", info.Mode(), err)
			}
			log.Reset()
			if _, err := New(Config{Bus: gw.Bus, StateFile: file, Logger: slog.New(slog.NewTextHandler(&log, nil))}); err != nil || log.Len() > 0 {
				t.Errorf("reading the new file: %v %s", err, log.String())
			}
		})
	}
}
