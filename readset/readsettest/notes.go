package readsettest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
)

var nameByID = readset.Read{Table: "item", Columns: []string{"id", "name"}}

func testQuery(t *testing.T, h *Harness) {
	ctx, set := h.evaluation(t)
	got, err := texts(h.DB.QueryContext(ctx, h.byID(), 2))
	want(t, got, err, "two")
	noted(t, set, h.byID()+" [2]")
	reads(t, set, nameByID)
	if set.Uses()[0].Statement.Writes {
		t.Error("a query is said to write")
	}
}

// testExec: a statement whose rows nobody wants is a read too; one that writes
// and returns none is not noted.
func testExec(t *testing.T, h *Harness) {
	ctx, set := h.evaluation(t)
	if _, err := h.DB.ExecContext(ctx, h.byID(), 2); err != nil {
		t.Fatal(err)
	}
	if _, err := h.DB.ExecContext(ctx, "UPDATE account SET balance = 1 WHERE id = 2"); err != nil {
		t.Fatal(err)
	}
	noted(t, set, h.byID()+" [2]")
}

func testReturning(t *testing.T, h *Harness) {
	if !h.Returning {
		t.Skip("SKIPPED: the database has no RETURNING")
	}
	ctx, set := h.evaluation(t)
	text := "INSERT INTO item (id, name) VALUES (9, 'nine') RETURNING name"
	got, err := texts(h.DB.QueryContext(ctx, text))
	want(t, got, err, "nine")
	noted(t, set, text+" []")
	if !set.Uses()[0].Statement.Writes {
		t.Error("an insert is not said to write")
	}
	got, err = texts(h.DB.Query("SELECT name FROM item WHERE id = 9"))
	want(t, got, err, "nine")
}

func testExistenceOnly(t *testing.T, h *Harness) {
	ctx, set := h.evaluation(t)
	got, err := texts(h.DB.QueryContext(ctx, "SELECT count(*) FROM item"))
	want(t, got, err, "3")
	reads(t, set, readset.Read{Table: "item"})
}

func testPreparedBefore(t *testing.T, h *Harness) {
	prepared, err := h.DB.Prepare(h.byID())
	if err != nil {
		t.Fatal(err)
	}
	defer prepared.Close()
	got, err := texts(prepared.Query(1))
	want(t, got, err, "one")
	for range 2 {
		ctx, set := h.evaluation(t)
		got, err = texts(prepared.QueryContext(ctx, 3))
		want(t, got, err, "three")
		noted(t, set, h.byID()+" [3]")
	}
}

func testPreparedInside(t *testing.T, h *Harness) {
	ctx, set := h.evaluation(t)
	prepared, err := h.DB.PrepareContext(ctx, h.byID())
	if err != nil {
		t.Fatal(err)
	}
	defer prepared.Close()
	noted(t, set) // not run yet
	got, err := texts(prepared.QueryContext(ctx, 3))
	want(t, got, err, "three")
	noted(t, set, h.byID()+" [3]")
	reads(t, set, nameByID)
}

func testSameStatementAgain(t *testing.T, h *Harness) {
	ctx, set := h.evaluation(t)
	for _, id := range []int{1, 2, 2} {
		if _, err := texts(h.DB.QueryContext(ctx, h.byID(), id)); err != nil {
			t.Fatal(err)
		}
	}
	noted(t, set, h.byID()+" [1]", h.byID()+" [2]", h.byID()+" [2]")
}

func testNamed(t *testing.T, h *Harness) {
	if !h.Named {
		t.Skip("SKIPPED: the driver has no named arguments")
	}
	ctx, set := h.evaluation(t)
	text := "SELECT name FROM item WHERE id = :key"
	got, err := texts(h.DB.QueryContext(ctx, text, sql.Named("key", 2)))
	want(t, got, err, "two")
	args := set.Uses()[0].Args
	if named, ok := args[0].(sql.NamedArg); !ok || named.Name != "key" || fmt.Sprint(named.Value) != "2" {
		t.Errorf("the argument was noted as %#v", args[0])
	}
}

// testBuffer: an argument counts as it was sent, whatever the view does with
// its memory later.
func testBuffer(t *testing.T, h *Harness) {
	ctx, set := h.evaluation(t)
	buffer := []byte("two")
	text := "SELECT id FROM item WHERE name = " + h.Param(1)
	if _, err := texts(h.DB.QueryContext(ctx, text, buffer)); err != nil {
		t.Fatal(err)
	}
	copy(buffer, "one")
	if noted, ok := set.Uses()[0].Args[0].([]byte); !ok || string(noted) != "two" {
		t.Errorf("the argument was noted as %q, want \"two\"", set.Uses()[0].Args[0])
	}
}

func testTransaction(t *testing.T, h *Harness) {
	ctx, set := h.evaluation(t)
	tx, err := h.DB.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := texts(tx.QueryContext(ctx, h.byID(), 1))
	want(t, got, err, "one")
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	noted(t, set, h.byID()+" [1]")
}

func testPreparedInTransaction(t *testing.T, h *Harness) {
	ctx, set := h.evaluation(t)
	outside, err := h.DB.Prepare(h.byID())
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	tx, err := h.DB.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	inside, err := tx.PrepareContext(ctx, h.byID())
	if err != nil {
		t.Fatal(err)
	}
	for _, prepared := range []*sql.Stmt{inside, tx.StmtContext(ctx, outside)} {
		got, err := texts(prepared.QueryContext(ctx, 1))
		want(t, got, err, "one")
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	noted(t, set, h.byID()+" [1]", h.byID()+" [1]")
}

func testWithoutContext(t *testing.T, h *Harness) {
	_, set := h.evaluation(t)
	got, err := texts(h.DB.Query(h.byID(), 1))
	want(t, got, err, "one")
	got, err = texts(h.DB.QueryContext(context.Background(), h.byID(), 1))
	want(t, got, err, "one")
	noted(t, set)
}

// testStray: a statement that an evaluation runs without its context is told
// to the set, however it is run.
func testStray(t *testing.T, h *Harness) {
	other := context.Background()
	tests := map[string]func(ctx context.Context) error{
		"Query": func(context.Context) error {
			_, err := texts(h.DB.QueryContext(other, h.byID(), 2))
			return err
		},
		"Exec": func(context.Context) error {
			_, err := h.DB.ExecContext(other, "UPDATE account SET balance = 1 WHERE id = 2")
			return err
		},
		"prepared": func(ctx context.Context) error {
			stmt, err := h.DB.PrepareContext(ctx, h.byID())
			if err != nil {
				return err
			}
			_, err = texts(stmt.QueryContext(other, 2))
			return errors.Join(err, stmt.Close())
		},
		"": func(ctx context.Context) error { // none
			_, err := texts(h.DB.QueryContext(ctx, h.byID(), 2))
			return err
		},
	}
	for name, run := range tests {
		ctx, set := h.evaluation(t)
		set.BeStrict()
		leave := set.Enter()
		err := run(ctx)
		leave()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := len(set.Strays()) > 0; got != (name != "") {
			t.Errorf("%s without the evaluation's context: strays %v", name, set.Strays())
		}
	}
}

func testVolatile(t *testing.T, h *Harness) {
	if len(h.Volatile) == 0 {
		t.Skip("SKIPPED: the harness names no volatile functions")
	}
	for text, function := range h.Volatile {
		ctx, set := h.evaluation(t)
		if _, err := texts(h.DB.QueryContext(ctx, text)); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := set.Volatile()
		if function == "" && len(got) > 0 || function != "" && !slices.Contains(got, function) {
			t.Errorf("%s: volatile are %q, want %q", text, got, function)
		}
	}
}

func testUncovered(t *testing.T, h *Harness) {
	if h.Covers == nil || h.Uncovered == "" {
		t.Skip("SKIPPED: the harness names no uncovered table")
	}
	ctx, set := h.evaluation(t)
	if _, err := texts(h.DB.QueryContext(ctx, h.Uncovered)); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(set.Tables(), func(r readset.Read) bool { return r.Table == h.UncoveredTable }) {
		t.Fatalf("%s: noted %v, want the table %s", h.Uncovered, set.Tables(), h.UncoveredTable)
	}
	var uncovered *source.UncoveredError
	if err := h.Covers(t.Context(), h.UncoveredTable); !errors.As(err, &uncovered) {
		t.Errorf("Covers(%q) = %v, want an UncoveredError", h.UncoveredTable, err)
	}
}

// testUndescribed: what ran, but cannot be described, fails the set.
func testUndescribed(t *testing.T, h *Harness) {
	if h.Undescribed == "" {
		t.Skip("SKIPPED: the harness names no statement that cannot be described")
	}
	ctx, set := h.evaluation(t)
	conn, err := h.DB.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), h.Prelude); err != nil {
		t.Fatal(err)
	}
	if _, err := texts(conn.QueryContext(ctx, h.Undescribed)); err != nil {
		t.Errorf("%s: %v", h.Undescribed, err)
	}
	if set.Err() == nil {
		t.Errorf("%s: the set did not fail", h.Undescribed)
	}
}

// testFailedStatement: what did not run has read nothing; the handler may go
// on without it.
func testFailedStatement(t *testing.T, h *Harness) {
	ctx, set := h.evaluation(t)
	if _, err := texts(h.DB.QueryContext(ctx, "SELECT name FROM no_such_table")); err == nil {
		t.Fatal("a query of no_such_table succeeds")
	}
	noted(t, set)
	got, err := texts(h.DB.QueryContext(ctx, h.byID(), 1))
	want(t, got, err, "one")
}
