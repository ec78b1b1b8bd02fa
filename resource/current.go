package resource

import (
	"context"
	"database/sql"

	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/where"
)

// querier runs what reads: the handle, or the connection that writes.
type querier interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

type querierKey struct{}

// through returns a context in which a resource reads on one connection or in
// one transaction: what that has written and not committed is seen.
func through(ctx context.Context, q querier) context.Context {
	return context.WithValue(ctx, querierKey{}, q)
}

// query runs a statement that reads.
func (e *endpoint) query(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	var q querier = e.DB
	if other, ok := ctx.Value(querierKey{}).(querier); ok {
		q = other
	}
	return q.QueryContext(ctx, text, args...)
}

// read returns the row of a key as it is stored, nil where there is none that
// the request sees.
func (c *call) read(ctx context.Context, key []any) (*state, error) {
	scope, err := where.Bind(c.scope, c.table, c.schema)
	if err != nil {
		return nil, err
	}
	args := c.args()
	b := c.appendColumns([]byte("SELECT "), c.table, "t", c.columns)
	b = appendKeyed(c.appendFrom(b, c.table, "t"), c.table, "t", c.keyColumns(), key, args)
	b = append(b, " AND ("...)
	b = scope.Append(b, "t", args)
	values, err := c.oneRow(ctx, string(append(b, ") LIMIT 1"...)), args.Values, len(c.columns))
	if err != nil || values == nil {
		return nil, err
	}
	return c.shown(ctx, values)
}

// shown is a row with what answers show of it.
func (c *call) shown(ctx context.Context, values []any) (*state, error) {
	rows := &ivm.Rows{List: []ivm.Row{{Values: values}}}
	if err := c.fill(ctx, []*ivm.Rows{rows}); err != nil {
		return nil, err
	}
	item, err := c.appendItem(nil, values, rows.List[0].Nested)
	return &state{values, item}, err
}

// oneRow returns the first row of a statement, nil where there is none.
func (e *endpoint) oneRow(ctx context.Context, text string, args []any, width int) ([]any, error) {
	rows, err := e.query(ctx, text, args)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // what it could say, Err says
	var values []any
	for rows.Next() {
		if values != nil {
			continue // to the end: a statement that writes must be run whole
		}
		values = make([]any, width)
		to := make([]any, width)
		for i := range to {
			to[i] = &values[i]
		}
		if err := rows.Scan(to...); err != nil {
			return nil, err
		}
	}
	return values, rows.Err()
}
