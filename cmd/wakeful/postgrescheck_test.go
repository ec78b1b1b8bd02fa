package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// ran is what a command says, and how it ends.
func ran(t *testing.T, args ...string) (status int, said string) {
	t.Helper()
	var out, log bytes.Buffer
	status = run(t.Context(), args, &out, &log)
	return status, out.String() + log.String()
}

// says fails where a command does not end as it should, or does not say what it
// should.
func says(t *testing.T, want int, parts []string, args ...string) string {
	t.Helper()
	status, said := ran(t, args...)
	if status != want {
		t.Errorf("%q: %d, want %d\n%s", args, status, want, said)
	}
	for _, part := range parts {
		if !strings.Contains(said, part) {
			t.Errorf("%q lacks %q:\n%s", args, part, said)
		}
	}
	return said
}

// TestCheckPostgres: what is missing is listed with what mends it, --fix does
// what it may, and clear takes everything out again.
func TestCheckPostgres(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, postgresSQL, "CREATE UNLOGGED TABLE cache (id int PRIMARY KEY)", "ALTER TABLE teams ENABLE ROW LEVEL SECURITY")
	made := func() string {
		return db.Value(t, `SELECT concat_ws(' ', (SELECT count(*) FROM pg_publication), (SELECT count(*) FROM pg_publication_tables),
			(SELECT count(*) FROM pg_event_trigger), (SELECT count(*) FROM pg_replication_slots WHERE database = current_database()))`)
	}
	says(t, 1, []string{
		"MISSING  notes cannot be followed: it has no key", "ADD PRIMARY KEY", "MISSING  cache cannot be followed: it is unlogged", "SET LOGGED",
		"MISSING  best cannot be followed", "key: [...]", "there are no rules", "note     there is no publication wakeful yet",
		"by wakeful check --fix: CREATE PUBLICATION", "there is no replication slot wakeful_", "posts is served and can be followed",
		"app.posts is served", "policies of teams do not count", "REPLICA IDENTITY FULL", "3 missing",
	}, "check", "--db", db.URL)
	if got := made(); got != "0 0 0 0" {
		t.Errorf("check has made something: %s", got)
	}
	said := says(t, 1, []string{"done     there is no publication wakeful yet", "by: CREATE PUBLICATION", "done     there is no event trigger", "3 missing"},
		"check", "--fix", "--db", db.URL)
	if strings.Contains(said, "PERFORM") {
		t.Errorf("a whole function is told: %s", said)
	}
	if got := made(); got != "1 4 2 0" {
		t.Errorf("--fix has made %s", got)
	}
	rules := put(t, filepath.Join(t.TempDir(), "wakeful.yaml"), "default: {read: public}\ntables: {best: {key: [id]}, notes: {read: nobody}, cache: {read: nobody}}")
	says(t, 0, []string{"nothing is missing"}, "check", "--db", db.URL, "--config", rules)

	s := startServe(t, "--db", db.URL, "--config", rules)
	s.want(t, asked{method: "GET", path: "/api/posts"}, 200, `"count":2`)
	says(t, 0, []string{"nothing is missing"}, "check", "--db", db.URL, "--config", rules)
	says(t, 0, []string{"log ", "kept for wakeful_", "ready"}, "status", "--url", s.operator)
	says(t, 0, []string{"0 observers ended"}, "clear", "--url", s.operator)
	says(t, 1, []string{"is read by another program", "stop that program"}, "clear", "--db", db.URL, "--yes")
	s.stop(t)
	says(t, 0, []string{"nothing of Wakeful is left"}, "clear", "--db", db.URL, "--yes")
	if got := made(); got != "0 0 0 0" {
		t.Errorf("clear has left %s", got)
	}
	says(t, 0, []string{"nothing of Wakeful is left"}, "clear", "--db", db.URL, "--yes")
	says(t, 1, []string{"which one?"}, "clear", "--yes")
	says(t, 1, []string{"is a file"}, "clear", "--db", "app.db", "--yes")
}

// TestConfirmed: only a yes is one.
func TestConfirmed(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "Y\n": true, "yes\n": true, "": false, "\n": false, "n\n": false, "nay\n": false} {
		if confirmed(strings.NewReader(answer)) != want {
			t.Errorf("%q", answer)
		}
	}
}

// bothVerbs are those that look at a database before they do anything.
func bothVerbs(t *testing.T, db string, parts ...string) {
	t.Helper()
	for _, verb := range []string{"serve", "check"} {
		status, said := ran(t, verb, "--db", db, "--listen", "127.0.0.1:0", "--operator", "off")
		if status != 1 {
			t.Errorf("%s --db %s: %d\n%s", verb, db, status, said)
		}
		for _, part := range parts {
			if !strings.Contains(said, part) {
				t.Errorf("%s --db %s lacks %q:\n%s", verb, db, part, said)
			}
		}
		if strings.Contains(said, "hunter") {
			t.Errorf("%s: the password is in what is said:\n%s", verb, said)
		}
		lines := 0
		for line := range strings.Lines(said) {
			if !strings.Contains(line, "the environment names settings") { // those of the tests are none of the program's
				lines++
			}
		}
		if verb == "serve" && lines > 2 {
			t.Errorf("%s says it in %d lines:\n%s", verb, lines, said)
		}
	}
}

// TestServerLacksSettings: each is named with the statement that sets it, and
// --fix sets it.
func TestServerLacksSettings(t *testing.T) {
	server := pgtest.Start(t, pgtest.Set("wal_level", "replica"), pgtest.Set("max_slot_wal_keep_size", "-1"))
	db := server.Database(t)
	db.Exec(t, "CREATE TABLE posts (id int PRIMARY KEY)")
	bothVerbs(t, db.URL, "wal_level is replica", "ALTER SYSTEM SET wal_level = 'logical' and restart the server")
	said := says(t, 1, []string{"MISSING  max_slot_wal_keep_size is -1", "--unbounded-wal", "posts is served"}, "check", "--db", db.URL)
	if strings.Contains(said, "Config.") {
		t.Errorf("it is told in the words of a program: %s", said)
	}
	// What postgresql.conf of a test's server says is no longer all there is.
	if err := os.Remove(filepath.Join(server.Folder, "postgresql.auto.conf")); err != nil {
		t.Fatal(err)
	}
	server.Exec(t, "SELECT pg_reload_conf()")
	says(t, 1, []string{
		"done     wal_level is replica", "it counts when the server has been restarted", "done     max_slot_wal_keep_size is -1", "MISSING  wal_level is replica",
	}, "check", "--fix", "--db", db.URL)
	server.Restart(t)
	if status, said := ran(t, "check", "--db", db.URL); status != 0 {
		t.Errorf("after the restart: %d\n%s", status, said)
	}
	s := startServe(t, "--db", db.URL)
	s.want(t, asked{method: "GET", path: "/api/posts"}, 200, `"count":0`)
}

// TestBadPostgres: what keeps a database from being served is said in a line,
// with what mends it.
func TestBadPostgres(t *testing.T) {
	db := pgtest.Database(t)
	db.Exec(t, "CREATE TABLE posts (id int PRIMARY KEY)")
	plain := db.Name + "_plain"
	db.Exec(t, "CREATE ROLE "+plain+" LOGIN PASSWORD 'x'", "GRANT SELECT ON posts TO "+plain)
	t.Cleanup(func() { db.Exec(t, "DROP OWNED BY "+plain, "DROP ROLE "+plain) })
	as := func(user string) string { return strings.Replace(db.URL, "postgres@", user+"@", 1) }
	port := fmt.Sprint(db.Server.Port)

	bothVerbs(t, as(plain), "may not read the server's log", "ALTER ROLE", "REPLICATION")
	bothVerbs(t, as("nobody_of_that_name:hunter2"), `role "nobody_of_that_name" does not exist`)
	bothVerbs(t, strings.Replace(db.URL, "/"+db.Name+"?", "/no_such_database?", 1), `database "no_such_database" does not exist`, "psql -l")
	bothVerbs(t, strings.Replace(db.URL, ":"+port, ":1", 1), "connection refused", "does the server run")
	bothVerbs(t, strings.Replace(db.URL, "127.0.0.1:"+port, "no-such-host.invalid", 1), "no-such-host.invalid")
	bothVerbs(t, strings.Replace(db.URL, "sslmode=disable", "sslmode=require", 1), "TLS", "sslmode=disable")
	bothVerbs(t, db.URL+"&sslmode=maybe", "sslmode")
	bothVerbs(t, strings.Replace(as("postgres:hunter2"), "sslmode=disable", "sslmode=maybe&password=hunter3", 1), "sslmode")
	bothVerbs(t, db.URL+"&no_such_setting=1", "no_such_setting")
}

// TestWrongPassword: it is said where the password is read from, and not what
// it is.
func TestWrongPassword(t *testing.T) {
	server := pgtest.Start(t)
	server.Exec(t, "CREATE TABLE posts (id int PRIMARY KEY)", "ALTER ROLE postgres PASSWORD 'rabbit2'")
	const hba = "host all all 127.0.0.1/32 scram-sha-256\n"
	if err := os.WriteFile(filepath.Join(server.Folder, "pg_hba.conf"), []byte(hba), 0o600); err != nil {
		t.Fatal(err)
	}
	server.Exec(t, "SELECT pg_reload_conf()")
	with := func(password string) string {
		return strings.Replace(server.URL, "postgres@", "postgres:"+password+"@", 1)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		status, said := ran(t, "check", "--db", with("hunter2"))
		if status == 1 && strings.Contains(said, "28P01") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server asks for no password: %s", said)
		}
	}
	bothVerbs(t, with("hunter2"), "password authentication failed", "PGPASSWORD", "--db-password-file")
	file := put(t, filepath.Join(t.TempDir(), "password"), "rabbit2\n")
	if said := says(t, 0, []string{"posts is served"}, "check", "--db", server.URL, "--db-password-file", file); strings.Contains(said, "rabbit") {
		t.Errorf("the password is shown: %s", said)
	}
	t.Setenv("PGPASSWORD", "rabbit2")
	s := startServe(t, "--db", server.URL)
	s.want(t, asked{method: "GET", path: "/api/posts"}, 200, `"count":0`)
	s.stop(t)
	if strings.Contains(s.log.String(), "rabbit") {
		t.Errorf("the password is in the log: %s", s.log)
	}
}

// TestOldServer: one that cannot be followed is named by its version.
func TestOldServer(t *testing.T) {
	address := standIn(t, map[string]string{"pg_backend_pid": "77", "server_version_num": "130014", "pg_is_in_recovery": "f"})
	bothVerbs(t, "postgres://postgres@"+address+"/app?sslmode=disable", "PostgreSQL 13", "14 or later")
}

// standIn speaks the protocol of a server that knows nothing but some answers:
// by a word of the question.
func standIn(t *testing.T, answers map[string]string) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(ctx, func() { conn.Close() })
			go answer13(pgproto3.NewBackend(conn, conn), answers)
		}
	}()
	t.Cleanup(func() {
		cancel()
		listener.Close()
		<-ended
	})
	return listener.Addr().String()
}

// answer13 answers one connection until it ends.
func answer13(b *pgproto3.Backend, answers map[string]string) {
	if _, err := b.ReceiveStartupMessage(); err != nil {
		return
	}
	b.Send(&pgproto3.AuthenticationOk{})
	for name, value := range map[string]string{"server_version": "13.14", "standard_conforming_strings": "on", "client_encoding": "UTF8"} {
		b.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
	}
	b.Send(&pgproto3.BackendKeyData{ProcessID: 77, SecretKey: []byte{0, 0, 0, 1}})
	ready := &pgproto3.ReadyForQuery{TxStatus: 'I'}
	b.Send(ready)
	texts, current, binary := map[string]string{}, "", false
	find := func(text string) {
		current = ""
		for word, answer := range answers {
			if strings.Contains(text, word) {
				current = answer
			}
		}
	}
	field := func() *pgproto3.RowDescription {
		f := pgproto3.FieldDescription{Name: []byte("a"), DataTypeOID: 23, DataTypeSize: 4, TypeModifier: -1}
		if current == "f" {
			f.DataTypeOID, f.DataTypeSize = 16, 1
		}
		return &pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{f}}
	}
	value := func() []byte {
		n, err := strconv.Atoi(current)
		switch {
		case !binary:
			return []byte(current)
		case err != nil:
			return []byte{0}
		}
		return []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	}
	row := func() {
		b.Send(&pgproto3.DataRow{Values: [][]byte{value()}})
		b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
	}
	for b.Flush() == nil {
		message, err := b.Receive()
		if err != nil {
			return
		}
		switch m := message.(type) {
		case *pgproto3.Query:
			find(m.String)
			binary = false
			b.Send(field())
			row()
			b.Send(ready)
		case *pgproto3.Parse:
			texts[m.Name] = m.Query
			find(m.Query)
			b.Send(&pgproto3.ParseComplete{})
		case *pgproto3.Describe:
			if m.ObjectType == 'S' {
				find(texts[m.Name])
				b.Send(&pgproto3.ParameterDescription{})
			}
			b.Send(field())
		case *pgproto3.Bind:
			find(texts[m.PreparedStatement])
			binary = len(m.ResultFormatCodes) > 0 && m.ResultFormatCodes[0] == 1
			b.Send(&pgproto3.BindComplete{})
		case *pgproto3.Execute:
			row()
		case *pgproto3.Sync:
			b.Send(ready)
		case *pgproto3.Terminate:
			return
		}
	}
}
