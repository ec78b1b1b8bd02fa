package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
)

// plainConn is the least that a driver can be: no contexts, no shortcuts.
type plainConn struct{ log *[]string }

func (c plainConn) Prepare(text string) (driver.Stmt, error) { return plainStmt{c, text}, nil }
func (c plainConn) Close() error                             { return nil }
func (c plainConn) Begin() (driver.Tx, error)                { return c, nil }
func (c plainConn) Commit() error                            { *c.log = append(*c.log, "commit"); return nil }
func (c plainConn) Rollback() error                          { *c.log = append(*c.log, "rollback"); return nil }

type plainStmt struct {
	plainConn
	text string
}

func (s plainStmt) NumInput() int { return strings.Count(s.text, "?") }

func (s plainStmt) Exec(args []driver.Value) (driver.Result, error) {
	*s.log = append(*s.log, fmt.Sprint(s.text, args))
	return driver.RowsAffected(1), nil
}

func (s plainStmt) Query(args []driver.Value) (driver.Rows, error) {
	*s.log = append(*s.log, fmt.Sprint(s.text, args))
	return &plainRows{left: 2}, nil
}

type plainRows struct{ left int }

func (r *plainRows) Columns() []string { return []string{"n"} }
func (r *plainRows) Close() error      { return nil }
func (r *plainRows) Next(dest []driver.Value) error {
	if r.left == 0 {
		return io.EOF
	}
	dest[0] = int64(r.left)
	r.left--
	return nil
}

// oldConn knows the shortcuts of database/sql's first days.
type oldConn struct{ plainConn }

func (c oldConn) Query(text string, args []driver.Value) (driver.Rows, error) {
	return plainStmt{c.plainConn, "query:" + text}.Query(args)
}

func (c oldConn) Exec(text string, args []driver.Value) (driver.Result, error) {
	return plainStmt{c.plainConn, "exec:" + text}.Exec(args)
}

// skippingConn has the shortcuts, and does not want to take them.
type skippingConn struct{ plainConn }

func (skippingConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return nil, driver.ErrSkip
}

func (skippingConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return nil, driver.ErrSkip
}

// convertingConn checks arguments by column, and skips what it does not know.
type convertingConn struct{ plainConn }

type convertingPlainStmt struct{ plainStmt }

func (c convertingConn) Prepare(text string) (driver.Stmt, error) {
	return convertingPlainStmt{plainStmt{c.plainConn, text}}, nil
}

func (convertingPlainStmt) ColumnConverter(int) driver.ValueConverter { return upper{} }

type upper struct{}

func (upper) ConvertValue(v any) (driver.Value, error) { return strings.ToUpper(fmt.Sprint(v)), nil }

// checkingConn converts by itself.
type checkingConn struct{ plainConn }

func (checkingConn) CheckNamedValue(v *driver.NamedValue) error {
	v.Value = fmt.Sprint("<", v.Value, ">")
	return nil
}

type connector func() driver.Conn

func (c connector) Connect(context.Context) (driver.Conn, error) { return c(), nil }
func (c connector) Driver() driver.Driver                        { return nil }

// words describes a statement by its words: tables stand after FROM.
type words struct{}

func (words) Describe(_ context.Context, text string) (*readset.Statement, error) {
	if strings.HasPrefix(text, "secret") {
		return nil, errors.New("not to be described")
	}
	s := &readset.Statement{Text: text, Writes: strings.HasPrefix(text, "write")}
	if _, table, ok := strings.Cut(text, "from "); ok {
		s.Reads = []readset.Read{{Table: strings.Fields(table)[0]}}
	}
	return s, nil
}

// both opens the same driver bare and recorded.
func both(t *testing.T, conn func(log *[]string) driver.Conn) map[string]*handle {
	handles := map[string]*handle{}
	for _, name := range []string{"bare", "recorded"} {
		h := &handle{log: &[]string{}}
		var c driver.Connector = connector(func() driver.Conn { return conn(h.log) })
		if name == "recorded" {
			c = Record(c, Plain{words{}})
		}
		h.DB = sql.OpenDB(c)
		t.Cleanup(func() {
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		})
		handles[name] = h
	}
	return handles
}

type handle struct {
	*sql.DB
	log *[]string
}

// TestBehavesAsTheBareDriver runs the same calls on drivers that lack one or
// the other optional interface.
func TestBehavesAsTheBareDriver(t *testing.T) {
	drivers := map[string]func(log *[]string) driver.Conn{
		"plain":      func(log *[]string) driver.Conn { return plainConn{log} },
		"old":        func(log *[]string) driver.Conn { return oldConn{plainConn{log}} },
		"skipping":   func(log *[]string) driver.Conn { return skippingConn{plainConn{log}} },
		"converting": func(log *[]string) driver.Conn { return convertingConn{plainConn{log}} },
		"checking":   func(log *[]string) driver.Conn { return checkingConn{plainConn{log}} },
	}
	for name, conn := range drivers {
		t.Run(name, func(t *testing.T) {
			handles := both(t, conn)
			seen := map[string]string{}
			for name, h := range handles {
				seen[name] = exercise(h)
			}
			if seen["bare"] != seen["recorded"] {
				t.Errorf("bare:\n%s\nrecorded:\n%s", seen["bare"], seen["recorded"])
			}
		})
	}
}

// exercise makes calls of all kinds and tells what came of them.
func exercise(h *handle) string {
	var b strings.Builder
	tell := func(what string, values ...any) { fmt.Fprintln(&b, what, fmt.Sprint(values...)) }
	_, err := h.Exec("write ? ?", 1, "a")
	tell("exec", err)
	_, err = h.Exec("write ?", sql.Named("n", 1))
	tell("named", err)
	_, err = h.Exec("write ?", struct{}{})
	tell("odd argument", err)
	rows, err := h.Query("read ?", true)
	tell("query", err)
	if err == nil {
		types, err := rows.ColumnTypes()
		tell("types", err)
		for _, c := range types {
			length, hasLength := c.Length()
			nullable, hasNullable := c.Nullable()
			precision, scale, hasDecimal := c.DecimalSize()
			tell("type", c.Name(), c.DatabaseTypeName(), c.ScanType() == reflect.TypeFor[any](),
				length, hasLength, nullable, hasNullable, precision, scale, hasDecimal)
		}
		for rows.Next() {
			var n int
			tell("row", rows.Scan(&n), n)
		}
		tell("end", rows.Err(), rows.NextResultSet(), rows.Close())
	}
	_, err = h.BeginTx(context.Background(), &sql.TxOptions{ReadOnly: true})
	tell("read-only", err)
	_, err = h.BeginTx(context.Background(), &sql.TxOptions{Isolation: sql.LevelSerializable})
	tell("isolation", err)
	tx, err := h.Begin()
	tell("begin", err)
	prepared, err := tx.Prepare("read ? ?")
	tell("prepare", err)
	_, err = prepared.Query(1)
	tell("too few", err)
	_, err = prepared.Exec(1, 2)
	tell("prepared", err, tx.Commit())
	tell("ping", h.Ping())
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = h.ExecContext(cancelled, "write")
	tell("cancelled", err)
	tell("log", *h.log)
	return b.String()
}

func TestNotesWithoutSnapshots(t *testing.T) {
	for name, conn := range map[string]func(log *[]string) driver.Conn{
		"plain": func(log *[]string) driver.Conn { return plainConn{log} },
		"old":   func(log *[]string) driver.Conn { return oldConn{plainConn{log}} },
	} {
		t.Run(name, func(t *testing.T) {
			db := both(t, conn)["recorded"]
			set := &readset.Set{}
			ctx := readset.NewContext(t.Context(), set)
			for _, text := range []string{"read from a", "write from b returning"} {
				rows, err := db.QueryContext(ctx, text)
				if err != nil {
					t.Fatal(err)
				}
				rows.Close()
			}
			if _, err := db.ExecContext(ctx, "write from c"); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(set.Tables()); got != "[{a []} {b []}]" {
				t.Errorf("tables noted: %s", got)
			}
			if err := set.Err(); err != nil {
				t.Error(err)
			}
			if _, err := db.ExecContext(ctx, "secret"); err != nil {
				t.Fatal(err)
			}
			if err := set.Err(); err == nil || !strings.Contains(err.Error(), "not to be described") {
				t.Errorf("a statement that cannot be described: %v", err)
			}
		})
	}
}

type foreign struct{ source.Snapshot }

func TestForeignSnapshotFails(t *testing.T) {
	db := both(t, func(log *[]string) driver.Conn { return oldConn{plainConn{log}} })["recorded"]
	set := &readset.Set{Snapshot: foreign{}}
	rows, err := db.QueryContext(readset.NewContext(t.Context(), set), "read from a")
	if err != nil {
		t.Fatal(err)
	}
	rows.Close()
	if set.Err() == nil {
		t.Error("a read of another database than the source's is taken for one of it")
	}
}

func TestRaw(t *testing.T) {
	db := both(t, func(log *[]string) driver.Conn { return oldConn{plainConn{log}} })["recorded"]
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Raw(func(c any) error {
		if _, ok := c.(interface{ Raw() driver.Conn }).Raw().(oldConn); !ok {
			return errors.New("Raw is not the driver's connection")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
