package resource

import (
	"context"
	"database/sql"
	"math/bits"
	"slices"

	"github.com/wakeful-dev/wakeful/internal/ivm"
)

// The most that one statement has: SQLite takes 500 arms of a UNION and 32,766
// arguments. PostgreSQL has a row for each list.
const (
	maxArms  = 256
	maxArgs  = 30_000
	maxLists = 1024
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
	perStatement := l.listsAtOnce(len(asked[0].values))
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

// listsAtOnce is of how many lists with so many arguments one statement may be.
func (l *layout) listsAtOnce(args int) int {
	if l.dialect().Typed() {
		return maxLists
	}
	n := maxArms
	for n > 1 && n*(args+3) > maxArgs {
		n /= 2
	}
	return n
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
	text, args := l.together(asked)
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

// together writes the statement for all of the lists. Each row of it says first
// which one it is of, where there are several.
func (l *layout) together(asked []asking) (text string, args []any) {
	switch {
	case len(asked) == 1:
		a := asked[0]
		all := a.args()
		all.Values = slices.Clip(a.values)
		b := append([]byte("SELECT "), a.body...)
		return string(appendWindow(b, all, a.limit+1, a.from)), all.Values
	case l.dialect().Typed():
		return lateral(asked)
	}
	return union(asked)
}

// union has an arm for each list.
func union(asked []asking) (text string, args []any) {
	const arm, window, between = "SELECT * FROM (SELECT ?, ", " LIMIT ? OFFSET ?", ") UNION ALL "
	n, body := padded(len(asked)), asked[0].body
	b := make([]byte, 0, n*(len(arm)+len(body)+len(window)+len(between)))
	for i := range n {
		if i > 0 {
			b = append(b, between...)
		}
		b = append(append(append(b, arm...), body...), window...)
		if i < len(asked) {
			a := asked[i]
			args = append(append(append(args, i), a.values...), a.limit+1, a.from)
		} else {
			args = append(append(append(args, i), asked[0].values...), 0, 0) // no rows
		}
	}
	return string(append(b, ')')), args
}

// lateral reads a list for each row of a table that has their arguments.
func lateral(asked []asking) (text string, args []any) {
	const row = "q"
	all := asked[0].args()
	all.Row = row
	body := asked[0].appendBody(nil, all)
	body = appendWindow(body, all, 0, 0)
	lists := make([][]any, len(asked))
	for i, a := range asked {
		lists[i] = append(slices.Clip(a.values), int64(a.limit+1), int64(a.from))
	}
	b, args := all.Batch([]byte("SELECT q.n - 1, l.* FROM "), row, all.Types, lists)
	b = append(append(b, " CROSS JOIN LATERAL (SELECT "...), body...)
	return string(append(b, ") AS l"...)), args
}

// take reads the rows of a statement of lists.
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
