package resource

import (
	"context"
	"net/http"

	"github.com/wakeful-dev/wakeful/internal/dialect"
	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/where"
	"github.com/wakeful-dev/wakeful/wire"
)

// insertRow makes the row and returns it as it stands then.
func (in *input) insertRow(ctx context.Context) (*state, error) {
	if in.onlyNew() && in.keyGiven() {
		if exist, err := in.exists(ctx); err != nil || exist {
			return nil, orError(err, exists())
		}
	}
	if len(in.key) == 0 {
		return in.insertKeyless(ctx)
	}
	returned := in.keyColumns()
	text, args := in.insertion(returned, nil)
	values, err := in.oneRow(ctx, text, args, len(returned))
	switch {
	case err != nil:
		return nil, err
	case values == nil:
		return nil, ignored()
	}
	return in.made(ctx, values)
}

// keyGiven reports whether the whole key is known before the row is made, and
// takes it for the call's then.
func (in *input) keyGiven() bool {
	values := make([]any, len(in.key))
	for i, at := range in.key {
		f := &in.fields[at]
		if !in.set[f.place] || in.values[f.place] == nil {
			return false
		}
		values[i] = in.values[f.place]
	}
	in.call.values = values
	return true
}

// made reads a row that was written. Where the writer cannot see it, it is not
// the writer's to make.
func (c *call) made(ctx context.Context, key []any) (*state, error) {
	s, err := c.read(ctx, key)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, outOfScope()
	}
	return s, nil
}

// updateRow writes what is set, if the row is still the one that it was.
func (in *input) updateRow(ctx context.Context, db writer, current *state) (*state, error) {
	key, err := in.unmoved(ctx, current)
	if err != nil {
		return nil, err
	}
	text, args := in.update(key)
	if text == "" {
		return current, nil
	}
	if err := exactlyOne(ctx, db, text, args); err != nil {
		return nil, err
	}
	return in.made(ctx, key)
}

func (c *call) deleteRow(ctx context.Context, db writer, current *state) error {
	key, err := c.unmoved(ctx, current)
	if err != nil {
		return err
	}
	text, args := c.deletion(key)
	return exactlyOne(ctx, db, text, args)
}

// unmoved fails where the row is not the one that a write was made ready for,
// and returns its key as it is stored.
func (c *call) unmoved(ctx context.Context, current *state) (key []any, err error) {
	now, err := c.read(ctx, c.values)
	switch {
	case err != nil:
		return nil, err
	case now == nil || !now.equal(current):
		return nil, errMoved
	}
	key = make([]any, len(c.key))
	for i, at := range c.key {
		key[i] = now.values[c.fields[at].place]
	}
	return key, nil
}

func exactlyOne(ctx context.Context, db writer, text string, args []any) error {
	result, err := db.ExecContext(ctx, text, args...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	switch {
	case err != nil:
		return err
	case n == 0:
		return ignored()
	case n > 1:
		return wire.NewProblem(http.StatusConflict, wire.CodeConstraint, "more than one row has this key; nothing was written")
	}
	return nil
}

// unless has a write fail where a constraint of the table would take away the
// rows that stand against it: they may be others' than the writer's. It is said
// where it matters only, for it holds in the table's triggers too.
func (l *layout) unless() string {
	if l.table.Conflict {
		return " OR ABORT"
	}
	return ""
}

// insertKeyless makes a row of a table without a key, of which nothing but the
// values that were written can be read again.
func (in *input) insertKeyless(ctx context.Context) (*state, error) {
	scope, err := where.Bind(in.scope, in.table, in.schema)
	if err != nil {
		return nil, err
	}
	text, args := in.insertion(in.columns, scope)
	width := len(in.columns)
	if in.dialect().Typed() {
		width++
	}
	values, err := in.oneRow(ctx, text, args, width)
	switch {
	case err != nil:
		return nil, err
	case values == nil:
		return nil, ignored()
	}
	seen := scope.Match(in.columns)(values[:len(in.columns)]) == ivm.True
	if in.dialect().Typed() {
		seen = values[len(in.columns)] == true
	}
	if !seen {
		return nil, outOfScope()
	}
	return in.shown(ctx, values[:len(in.columns)])
}

// insertion is the statement that makes the row. It returns columns, and of
// PostgreSQL's whether the row is in a scope that is given.
func (in *input) insertion(returned []string, scope *where.Bound) (text string, values []any) {
	args, alias := in.args(), ""
	b := args.AppendTable([]byte("INSERT"+in.unless()+" INTO "), in.table)
	if args.Typed() {
		alias = "t"
		b = dialect.AppendName(append(b, " AS "...), alias)
	}
	var given []byte
	for i, column := range in.columns {
		c := in.table.Column(column)
		if !in.set[i] || c.Auto && in.values[i] == nil {
			continue
		}
		b = append(b, opened(given == nil, " (")...)
		given = append(given, opened(given == nil, "")...)
		b = dialect.AppendName(b, column)
		given = args.Stored(given, c, in.values[i])
	}
	if given == nil {
		b = append(b, " DEFAULT VALUES"...)
	} else {
		b = append(append(append(b, ") VALUES ("...), given...), ')')
	}
	b = in.appendColumns(append(b, " RETURNING "...), in.table, alias, returned)
	if scope != nil && args.Typed() {
		b = scope.Append(append(b, ", "...), alias, args)
	}
	return string(b), args.Values
}

// update is the statement that writes what is set, "" where nothing is.
func (in *input) update(key []any) (text string, values []any) {
	args := in.args()
	b := args.AppendTable([]byte("UPDATE"+in.unless()+" "), in.table)
	for i, column := range in.columns {
		if !in.set[i] {
			continue
		}
		b = append(b, opened(args.Values == nil, " SET ")...)
		b = append(dialect.AppendName(b, column), " = "...)
		b = args.Stored(b, in.table.Column(column), in.values[i])
	}
	if args.Values == nil {
		return "", nil
	}
	b = appendKeyed(b, in.table, "", in.keyColumns(), key, args)
	return string(b), args.Values
}

func (c *call) deletion(key []any) (text string, values []any) {
	args := c.args()
	b := args.AppendTable([]byte("DELETE FROM "), c.table)
	b = appendKeyed(b, c.table, "", c.keyColumns(), key, args)
	return string(b), args.Values
}

// exists reports whether there is a row of the key, whoever may see it.
func (c *call) exists(ctx context.Context) (bool, error) {
	return c.rowsAt(ctx, c.table, c.keyColumns(), c.values)
}

func opened(first bool, with string) string {
	if first {
		return with
	}
	return ", "
}

func orError(err error, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

func ignored() error {
	return wire.NewProblem(http.StatusConflict, wire.CodeConstraint, "a trigger of the table left it undone")
}

func outOfScope() error {
	return wire.NewProblem(http.StatusForbidden, wire.CodeOutOfScope, "the row would be one that is not yours to see")
}
