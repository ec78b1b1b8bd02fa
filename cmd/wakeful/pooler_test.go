//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// pooled is the URL of a database behind PgBouncer in transaction mode.
func pooled(t *testing.T, db *pgtest.DB, settings string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program, err = filepath.Abs("../../.cache/bin/pgbouncer"); err == nil {
			_, err = os.Stat(program)
		}
	}
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skipf("no pgbouncer: scripts/setup.sh fetches it: %v", err)
	}
	dir, err := os.MkdirTemp("/tmp", "wakeful-pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	users := put(t, filepath.Join(dir, "users"), `"postgres" ""`+"\n")
	config := put(t, filepath.Join(dir, "pgbouncer.ini"), fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
%s
`, db.Server.Port, port, users, settings))
	// It ends with its input, which is the end of this process whatever ends it.
	cmd := exec.Command("/bin/sh", "-c", `"$0" -q "$1" & pid=$!; read -r _; kill -KILL $pid`, program, config)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.SysProcAttr = &said, &said, "/", &syscall.SysProcAttr{Setsid: true}
	leash, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // it does not run as root
		nobody, err := user.Lookup("nobody")
		if err != nil {
			t.Skip(err)
		}
		uid, _ := strconv.Atoi(nobody.Uid)
		gid, _ := strconv.Atoi(nobody.Gid)
		for _, name := range []string{dir, users, config} {
			if err := os.Chown(name, uid, gid); err != nil {
				t.Fatal(err)
			}
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		leash.Close()
		_ = cmd.Wait() // it was killed
	})
	address := fmt.Sprintf("127.0.0.1:%d", port)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-tick.C {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("pgbouncer does not listen: %v\n%s", err, said.String())
		}
	}
	u, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = address
	return u.String()
}

// TestPooler: what stands in between is noticed, however it is set up, before
// anything is served.
func TestPooler(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, "CREATE TABLE posts (id int PRIMARY KEY)")
	for name, settings := range map[string]string{
		"as it is installed":      "",
		"taking all that is said": "ignore_startup_parameters = extra_float_digits,intervalstyle,search_path,options",
	} {
		t.Run(name, func(t *testing.T) {
			address := pooled(t, db, settings)
			for _, verb := range []string{"serve", "check"} {
				var out, log bytes.Buffer
				status := run(t.Context(), []string{verb, "--db", address, "--listen", "127.0.0.1:0", "--operator", "off"}, &out, &log)
				said := out.String() + log.String()
				if status != 1 || !strings.Contains(said, "pooler") || !strings.Contains(said, "own address") {
					t.Errorf("%s: %d\n%s", verb, status, said)
				}
			}
		})
	}
}
