package pgtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// DB is an empty database of a test, dropped with its replication slots when
// the test ends, whoever still uses it.
type DB struct {
	// URL is of this database, for the superuser.
	URL string
	// Name is unique in its server: a good beginning for the names of roles,
	// which all databases of a server share.
	Name string
	// Server is where it is. Of Database it is the one that other tests use at
	// the same time: not to be stopped.
	Server *Server
}

// Database makes a database on the server that all tests of this binary share.
func Database(t testing.TB) *DB {
	t.Helper()
	have(t)
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	db := s.Database(t)
	t.Cleanup(func() { db.drop(t) })
	return db
}

var databases atomic.Int64

// Database makes a database on this server, which goes with it.
func (s *Server) Database(t testing.TB) *DB {
	t.Helper()
	db := &DB{Name: fmt.Sprintf("test%d", databases.Add(1)), Server: s}
	s.Exec(t, "CREATE DATABASE "+db.Name)
	db.URL = s.DatabaseURL(db.Name)
	return db
}

// DatabaseURL is where a database of this server is, for the superuser. A
// standby has the databases of the server that it follows.
func (s *Server) DatabaseURL(name string) string {
	return strings.Replace(s.URL, "/postgres?", "/"+name+"?", 1)
}

// drop takes the database away.
func (db *DB) drop(t testing.TB) {
	slots := fmt.Sprintf(`FROM pg_replication_slots WHERE database = '%s'`, db.Name)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		err := execute(db.Server.URL,
			"SELECT pg_terminate_backend(active_pid) "+slots+" AND active",
			"SELECT pg_drop_replication_slot(slot_name) "+slots+" AND NOT active",
			fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", db.Name))
		var refused *pgconn.PgError
		switch {
		case err == nil:
			return
		case !errors.As(err, &refused) || time.Now().After(deadline):
			t.Errorf("%s could not be dropped: %v", db.Name, err)
			return
		}
	}
}

// Exec runs statements one by one, each as a transaction of its own unless they
// say otherwise.
func (db *DB) Exec(t testing.TB, sql ...string) {
	t.Helper()
	if err := execute(db.URL, sql...); err != nil {
		t.Fatal(err)
	}
}

// Try is Exec where it may fail.
func (db *DB) Try(sql ...string) error { return execute(db.URL, sql...) }

// Value is the one value that a statement returns, as text; "" for NULL.
func (db *DB) Value(t testing.TB, sql string) string {
	t.Helper()
	value, err := value(db.URL, sql)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func value(url, sql string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer c.Close(ctx)
	results, err := c.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", fmt.Errorf("%s: %w", sql, err)
	}
	last := results[len(results)-1]
	if len(last.Rows) != 1 || len(last.Rows[0]) != 1 {
		return "", fmt.Errorf("%s: %d rows, not one value", sql, len(last.Rows))
	}
	return string(last.Rows[0][0]), nil
}

// Connect opens a connection, closed when the test ends.
func (db *DB) Connect(t testing.TB) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := pgx.Connect(ctx, db.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		c.Close(ctx)
	})
	return c
}
