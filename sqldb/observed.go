package sqldb

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/wakeful-dev/wakeful/readset"
)

// noteQuery runs a query of an evaluation, in the snapshot where it can.
func (c *conn) noteQuery(ctx context.Context, set *readset.Set, text string, args []driver.NamedValue,
	own func() (driver.Rows, error),
) (driver.Rows, error) {
	if c.teller != nil && c.teller.Apart() {
		c.writes(text)
		return c.tell(ctx, set, &readset.Statement{Text: text}, own)
	}
	statement, err := c.database.Describe(ctx, text)
	if errors.Is(err, ErrSnapshotClosed) {
		return nil, err
	}
	if err != nil {
		rows, runErr := own()
		return rows, c.undescribed(set, text, err, runErr)
	}
	c.note(set, statement, args)
	if !statement.Writes {
		pinned := c.pinned(set, statement)
		if pinned == nil {
			return c.tell(ctx, set, statement, own)
		}
		rows, err := c.inSnapshot(ctx, pinned, set, statement, args)
		if !errors.Is(err, ErrWrites) {
			return rows, err
		}
	}
	c.writes(text)
	return c.tell(ctx, set, statement, own)
}

// tell runs a statement on this connection, and notes what is known of it only
// then.
func (c *conn) tell(ctx context.Context, set *readset.Set, statement *readset.Statement, own func() (driver.Rows, error)) (driver.Rows, error) {
	if c.teller == nil {
		return own()
	}
	return c.teller.Tell(ctx, set, statement, own)
}

// inSnapshot runs a statement where the snapshot is.
func (c *conn) inSnapshot(ctx context.Context, pinned Pinned, set *readset.Set, statement *readset.Statement,
	args []driver.NamedValue,
) (driver.Rows, error) {
	parts := c.database.Split(statement.Text)
	if parts == nil {
		return pinned.Query(ctx, set, statement, statement.Text, args)
	}
	for _, part := range parts[:len(parts)-1] {
		rows, err := pinned.Query(ctx, set, statement, part, args)
		if err == nil {
			err = rows.Close()
		}
		if err != nil {
			return nil, err
		}
	}
	return pinned.Query(ctx, set, statement, parts[len(parts)-1], args)
}

// noteExec runs a statement of an evaluation whose rows nobody wants.
func (c *conn) noteExec(ctx context.Context, set *readset.Set, text string, args []driver.NamedValue,
	own func() (driver.Result, error),
) (driver.Result, error) {
	statement, err := c.database.Describe(ctx, text)
	if errors.Is(err, ErrSnapshotClosed) {
		return nil, err
	}
	if err != nil {
		result, runErr := own()
		return result, c.undescribed(set, text, err, runErr)
	}
	if statement.Writes {
		c.writes(text)
	} else {
		c.note(set, statement, args)
	}
	return own()
}

// note adds a run of a statement to the set.
func (c *conn) note(set *readset.Set, statement *readset.Statement, args []driver.NamedValue) {
	if r, ok := c.database.(Refiner); ok {
		statement = r.Refine(statement, args)
	}
	set.Add(statement, values(args))
}

// writes notes that a statement may write, before it runs.
func (c *conn) writes(text string) {
	c.control(text)
	if c.tx {
		c.wrote = true
	}
}

// pinned returns the connection to read from, nil for this connection itself.
func (c *conn) pinned(set *readset.Set, statement *readset.Statement) Pinned {
	if set.Snapshot == nil {
		return nil
	}
	p := c.database.Pinned(set.Snapshot)
	if p == nil && len(statement.Reads) > 0 {
		set.Fail(fmt.Errorf("sqldb: %.200q reads a database other than that of the server's source; "+
			"open that database without the recorder and use Poll or DependsOn", statement.Text))
	}
	if c.wrote {
		return nil
	}
	return p
}

// undescribed decides what becomes of a statement that the database would not
// describe. One that does not run either has read nothing.
func (c *conn) undescribed(set *readset.Set, text string, err, runErr error) error {
	if runErr == nil || errors.Is(runErr, driver.ErrSkip) {
		set.Fail(fmt.Errorf("sqldb: cannot tell what %.200q reads "+
			"(a temporary table or an attached database exists on one connection only): %w", text, err))
	}
	return runErr
}

// values are the arguments as a set keeps them.
func values(args []driver.NamedValue) []any {
	if len(args) == 0 {
		return nil
	}
	list := make([]any, len(args))
	for i, arg := range args {
		list[i] = Frozen(arg.Value)
		if arg.Name != "" {
			list[i] = sql.Named(arg.Name, list[i])
		}
	}
	return list
}

// Frozen copies what lies behind an argument: the memory is the view's, which
// may use it again.
func Frozen(arg any) any {
	switch arg := arg.(type) {
	case nil, int64, float64, bool, string, time.Time, int, int32:
		return arg
	case []byte:
		return bytes.Clone(arg)
	}
	switch v := reflect.ValueOf(arg); v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return arg
		}
		to := reflect.New(v.Type().Elem())
		frozenInto(to.Elem(), v.Elem())
		return to.Interface()
	case reflect.Slice:
		if v.IsNil() {
			return arg
		}
		list := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			frozenInto(list.Index(i), v.Index(i))
		}
		return list.Interface()
	}
	return arg
}

func frozenInto(to, from reflect.Value) {
	switch from.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Interface:
		if !from.IsNil() {
			to.Set(reflect.ValueOf(Frozen(from.Interface())))
		}
	default:
		to.Set(from)
	}
}
