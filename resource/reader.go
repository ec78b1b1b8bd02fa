package resource

import (
	"context"
	"database/sql"
	"math/bits"
	"slices"

	"github.com/wakeful-dev/wakeful/internal/ivm"
)

// The most that one statement has: SQLite takes 500 arms of a UNION and 32,766
// arguments.
const (
	maxArms = 256
	maxArgs = 30_000
)

// padded rounds the arms of a statement up to a power of two, so that only few
// texts are made of a shape, which databases keep prepared.
func padded(n int) int { return 1 << bits.Len(uint(n-1)) }

// Read reads the rows that results of the plans begin with. It implements
// ivm.Reader.
func (l *layout) Read(ctx context.Context, plans []*ivm.Plan) ([]*ivm.Rows, error) {
	now, err := l.Catalog.Schema(ctx)
	if err != nil {
		return nil, err
	}
	if now.Version != l.schema.Version {
		return nil, ivm.ErrStale
	}
	asked := make([]asking, len(plans))
	for i, plan := range plans {
		p, ok := plan.Query.(*reading)
		if !ok || p.layout != l {
			return nil, ivm.ErrStale
		}
		asked[i] = p.withReserve(plan.Reserve())
	}
	perStatement := maxArms
	for perStatement > 1 && perStatement*(len(asked[0].args)+3) > maxArgs {
		perStatement /= 2
	}
	for part := range slices.Chunk(asked, perStatement) {
		if err := l.ask(ctx, part); err != nil {
			return nil, err
		}
	}
	list := make([]*ivm.Rows, len(asked))
	for i := range asked {
		list[i] = asked[i].rows
	}
	return list, l.fill(ctx, list)
}

// asking is a reading and the part of its list that is read.
type asking struct {
	*reading
	from, limit int
	rows        *ivm.Rows
}

// withReserve asks for the window, a reserve of so many rows on both sides of
// it, and whether there is more.
func (p *reading) withReserve(reserve int) asking {
	if p.plan.Single {
		return p.exactly()
	}
	before := min(p.plan.Offset, reserve)
	return p.part(p.plan.Offset-before, before+p.plan.Limit+reserve)
}

// exactly asks for the window.
func (p *reading) exactly() asking { return p.part(p.plan.Offset, max(p.plan.Limit, 1)) }

func (p *reading) part(from, limit int) asking {
	return asking{reading: p, from: from, limit: limit, rows: &ivm.Rows{Before: from}}
}

// ask reads lists of one shape in one statement.
func (l *layout) ask(ctx context.Context, asked []asking) error {
	text, args := union(asked)
	rows, err := l.query(ctx, text, args)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // what it could say, Err says
	if err := take(rows, asked); err != nil {
		return err
	}
	for i := range asked {
		if err := asked[i].finish(ctx); err != nil {
			return err
		}
	}
	return nil
}

// union writes the statement for all of the lists. Each row of it says first
// which one it is of, where there are several.
func union(asked []asking) (text string, args []any) {
	if len(asked) == 1 {
		a := asked[0]
		return "SELECT " + string(a.body), append(slices.Clip(a.args), a.limit+1, a.from)
	}
	const arm, between = "SELECT * FROM (SELECT ?, ", ") UNION ALL "
	n, body := padded(len(asked)), asked[0].body
	b := make([]byte, 0, n*(len(arm)+len(body)+len(between)))
	for i := range n {
		if i > 0 {
			b = append(b, between...)
		}
		b = append(append(b, arm...), body...)
		if i < len(asked) {
			a := asked[i]
			args = append(append(append(args, i), a.args...), a.limit+1, a.from)
		} else {
			args = append(append(append(args, i), asked[0].args...), 0, 0) // no rows
		}
	}
	return string(append(b, ')')), args
}

// take reads the rows of a union.
func take(rows *sql.Rows, asked []asking) error {
	columns := len(asked[0].plan.Columns)
	var which, total int64
	var dest []any
	if len(asked) > 1 {
		dest = append(dest, &which)
	}
	if asked[0].plan.Counted {
		dest = append(dest, &total)
	}
	first := len(dest)
	dest = append(dest, make([]any, columns)...)
	var space []any
	for rows.Next() {
		if len(space) < columns {
			space = make([]any, columns*min(64, asked[0].limit+1))
		}
		values := space[:columns:columns]
		space = space[columns:]
		for i := range values {
			dest[first+i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		a := &asked[which]
		a.rows.Total = int(total)
		if len(a.rows.List) == a.limit {
			a.rows.More = true
			continue
		}
		a.rows.List = append(a.rows.List, ivm.Row{Values: values})
	}
	return rows.Err()
}

// finish counts where no row has said how many there are.
func (a *asking) finish(ctx context.Context) error {
	if len(a.rows.List) > 0 || !a.plan.Counted || a.from == 0 {
		return nil
	}
	text, args := a.count()
	rows, err := a.query(ctx, text, args)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // what it could say, Err says
	for rows.Next() {
		if err := rows.Scan(&a.rows.Total); err != nil {
			return err
		}
	}
	return rows.Err()
}
