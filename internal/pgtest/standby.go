package pgtest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Standby starts a server that streams from this one and answers reads. To
// synchronous_standby_names its name is "standby". Settings are those of this
// server, and the options.
func (s *Server) Standby(t testing.TB, options ...Option) *Server {
	t.Helper()
	folder, err := newFolder()
	if err != nil {
		t.Fatal(err)
	}
	s.Set(t, "wal_keep_size", "512MB")
	from := fmt.Sprintf("host=127.0.0.1 port=%d user=postgres application_name=standby sslmode=disable", s.Port)
	said, err := s.programs.command("pg_basebackup", "-D", folder, "-d", from, "--checkpoint=fast", "--no-sync", "--wal-method=stream").CombinedOutput()
	if err != nil {
		t.Fatalf("pg_basebackup: %v: %s", err, said)
	}
	standby := &Server{Folder: folder, programs: s.programs, settings: maps.Clone(s.settings)}
	standby.settings["primary_conninfo"] = from
	standby.settings["hot_standby"] = "on"
	for _, o := range options {
		o(standby)
	}
	t.Cleanup(func() { standby.remove(t) })
	// What was set on the running server holds there alone.
	for name, text := range map[string]string{"standby.signal": "", "postgresql.auto.conf": ""} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := give(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := standby.begin(); err != nil {
		t.Fatal(err)
	}
	return standby
}

// Promote makes a standby a server that takes writes, on a timeline of its own.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	s.Exec(t, "SELECT pg_promote()")
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		recovering, err := value(s.URL, "SELECT pg_is_in_recovery()")
		if err == nil && recovering == "f" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the standby was not promoted within %v: %v: %s", patience, err, s.Log())
		}
	}
}
