package pgtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a PostgreSQL server. Its methods fail the test that it was started
// for when they cannot do what they are for.
type Server struct {
	// URL is of the database postgres, for the superuser.
	URL string
	// Port is the loopback port, which stays the same across restarts.
	Port int
	// Folder is the data folder.
	Folder string

	programs programs
	settings map[string]string
	process  *os.Process // nil: stopped
}

// Option is a choice for one server.
type Option func(*Server)

// Set chooses a setting of postgresql.conf.
func Set(name, value string) Option {
	return func(s *Server) { s.settings[name] = value }
}

// Durable makes the server wait for its disk, as one does that must not lose
// anything in a power failure.
func Durable() Option { return Set("fsync", "on") }

// patience is how long a server may take for anything: far longer than it does.
const patience = 60 * time.Second

// settings of all servers.
func settings() map[string]string {
	return map[string]string{
		"listen_addresses":          "127.0.0.1",
		"unix_socket_directories":   "",
		"wal_level":                 "logical",
		"max_connections":           "300",
		"max_wal_senders":           "100",
		"max_replication_slots":     "100",
		"max_prepared_transactions": "20",
		"max_slot_wal_keep_size":    "1GB",
		"fsync":                     "off",
		"lc_messages":               "C",
		"log_line_prefix":           "%m [%p] %q%a %d ",
		"log_checkpoints":           "off",
		"logging_collector":         "off",
		"timezone":                  "UTC",
	}
}

// Start starts a server of the test's own. It ends with the test.
func Start(t testing.TB, options ...Option) *Server {
	t.Helper()
	s, err := start(have(t), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.remove(t) })
	return s
}

// have returns the programs, or ends the test with what is missing.
func have(t testing.TB) programs {
	t.Helper()
	err := possible()
	var p programs
	if err == nil {
		p, err = find()
	}
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
	return p
}

func start(p programs, options ...Option) (*Server, error) {
	folder, err := newFolder()
	if err != nil {
		return nil, err
	}
	if err := p.create(folder); err != nil {
		return nil, err
	}
	s := &Server{Folder: folder, programs: p, settings: settings()}
	for _, o := range options {
		o(s)
	}
	return s, s.begin()
}

// begin starts the first process, on a port that nobody else has.
func (s *Server) begin() error {
	var err error
	for range 20 {
		if s.Port, err = freePort(); err != nil {
			return err
		}
		s.URL = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", s.Port)
		s.settings["port"] = fmt.Sprint(s.Port)
		if err = s.configure(); err != nil {
			return err
		}
		if err = s.run(); err == nil || !strings.Contains(err.Error(), "could not create any TCP/IP sockets") {
			return err
		}
	}
	return err
}

// freePort finds one below those that a system gives to outgoing connections,
// which would take it while the server restarts.
func freePort() (int, error) {
	for range 1000 {
		port := 15000 + rand.IntN(15000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port from 15000 to 30000")
}

// configure writes postgresql.conf.
func (s *Server) configure() error {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.settings)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, strings.ReplaceAll(s.settings[name], "'", "''"))
	}
	path := filepath.Join(s.Folder, "postgresql.conf")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		return err
	}
	return give(path)
}

// run starts the process and waits until it takes connections.
func (s *Server) run() error {
	log, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	from, err := log.Seek(0, 2)
	if err != nil {
		return err
	}
	cmd := s.programs.command("postgres", "-D", s.Folder)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	s.process = cmd.Process
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(patience)
	for !s.ready(cmd.Process.Pid) {
		if ended(cmd.Process) {
			s.process = nil
			said, _ := os.ReadFile(s.logPath())
			return fmt.Errorf("postgres ended: %s", said[min(from, int64(len(said))):])
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("postgres took no connections within %v: %s", patience, s.Log())
		}
		<-tick.C
	}
	return nil
}

// ready reports whether the process of this id says that it takes connections,
// in the way that pg_ctl reads it.
func (s *Server) ready(pid int) bool {
	text, _ := os.ReadFile(filepath.Join(s.Folder, "postmaster.pid"))
	lines := strings.Split(string(text), "\n")
	return len(lines) > 7 && lines[0] == fmt.Sprint(pid) && slices.Contains([]string{"ready", "standby"}, strings.TrimSpace(lines[7]))
}

func (s *Server) logPath() string { return s.Folder + ".log" }

// Log is what the server has logged.
func (s *Server) Log() string {
	text, _ := os.ReadFile(s.logPath())
	return string(text)
}

// Stop ends the server as an administrator does: sessions are cut off.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.process == nil {
		return
	}
	if err := quickStop(s.process); err != nil {
		t.Fatal(err)
	}
	s.gone(t)
}

// Kill ends the server as a crash does, kill -9 of all its processes.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if s.process == nil {
		return
	}
	if err := kill(s.process); err != nil {
		t.Fatal(err)
	}
	s.gone(t)
	if err := os.Remove(filepath.Join(s.Folder, "postmaster.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

// gone waits for the end of the process.
func (s *Server) gone(t testing.TB) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ended(s.process); <-tick.C {
		if time.Now().After(deadline) {
			kill(s.process)
			t.Errorf("postgres did not end within %v: %s", patience, s.Log())
			break
		}
	}
	s.process = nil
}

// Restart stops the server where it runs, and starts it with these options too.
func (s *Server) Restart(t testing.TB, options ...Option) {
	t.Helper()
	s.Stop(t)
	for _, o := range options {
		o(s)
	}
	if err := s.configure(); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		err := s.run()
		if err == nil {
			return
		}
		if time.Now().After(deadline) || !strings.Contains(err.Error(), "still in use") { // by one who has not noticed that the server was killed
			t.Fatal(err)
		}
	}
}

// Set changes settings of the running server that need no restart.
func (s *Server) Set(t testing.TB, name, value string) {
	t.Helper()
	s.Exec(t, fmt.Sprintf("ALTER SYSTEM SET %s = '%s'", name, strings.ReplaceAll(value, "'", "''")), "SELECT pg_reload_conf()")
}

// remove ends the server without ceremony and deletes its folder.
func (s *Server) remove(t testing.TB) {
	if s.process != nil {
		if err := kill(s.process); err != nil {
			t.Error(err)
		}
		s.gone(t)
	}
	if t.Failed() {
		t.Logf("what PostgreSQL on port %d logged last:\n%s", s.Port, tail(s.Log(), 40))
	}
	if err := errors.Join(os.RemoveAll(s.Folder), os.RemoveAll(s.logPath())); err != nil {
		t.Error(err)
	}
}

func tail(text string, lines int) string {
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Exec runs statements one by one in the database postgres, as superuser.
func (s *Server) Exec(t testing.TB, sql ...string) {
	t.Helper()
	if err := execute(s.URL, sql...); err != nil {
		t.Fatal(err)
	}
}

func execute(url string, sql ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	for _, statement := range sql {
		if _, err := c.PgConn().Exec(ctx, statement).ReadAll(); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// the server that the tests of this binary share.
var shared = sync.OnceValues(func() (*Server, error) {
	p, err := find()
	if err != nil {
		return nil, err
	}
	return start(p)
})
