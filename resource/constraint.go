package resource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/wire"
)

// refuse answers for a write that the database did not take, with what of it
// the client can do something about.
func (c *call) refuse(w http.ResponseWriter, doing string, r *schema.Refusal, err error) *wire.Problem {
	switch r.Reason {
	case schema.Duplicate:
		return c.duplicate(r)
	case schema.Dangling:
		return wire.NewProblem(http.StatusUnprocessableEntity, wire.CodeConstraint, "a foreign key would lead to no row")
	case schema.Missing:
		return c.against(r.Columns, "must have a value", "a column that answers do not show must have a value")
	case schema.Checked:
		text := "the check " + r.Constraint + " does not hold"
		return c.against(c.columnsNamed(r.Constraint), text, text)
	case schema.Mistyped:
		return c.against(r.Columns, "the column does not take such a value", "a column does not take such a value")
	case schema.Raised:
		return wire.NewProblem(http.StatusUnprocessableEntity, wire.CodeConstraint, r.Constraint)
	case schema.Forbidden:
		return c.forbidden(doing, err)
	case schema.TooBig:
		c.Logger.Error("the database has no room", "resource", c.Name, "error", err)
		return wire.NewProblem(http.StatusInsufficientStorage, wire.CodeUnavailable, "the database has no room for it")
	case schema.Busy:
		w.Header().Set("Retry-After", "1")
	}
	return c.unavailable(doing, err)
}

// duplicate answers for a row that has what is another one's alone.
func (c *call) duplicate(r *schema.Refusal) *wire.Problem {
	var problem *wire.Problem
	switch names := c.fieldNames(r.Columns); {
	case r.Constraint != "":
		problem = wire.NewProblem(0, "", "another row stands against it: the index "+r.Constraint+" is unique")
	case len(names) < len(r.Columns):
		problem = wire.NewProblem(0, "", "another row has the same "+listed(append(names, "value of a column that answers do not show")))
	default:
		problem = c.against(r.Columns, "another row has the same "+strings.Join(names, " and "), "")
	}
	problem.Status, problem.Code, problem.Title = http.StatusConflict, wire.CodeDuplicate, http.StatusText(http.StatusConflict)
	return problem
}

// against says the same of each of the columns, and otherwise of none that the
// client knows.
func (c *call) against(columns []string, text, otherwise string) *wire.Problem {
	wrong := complaints{}
	for _, name := range c.fieldNames(columns) {
		wrong.add(wire.CodeConstraint, name, "%s", text)
	}
	problem := wrong.problem()
	if problem == nil {
		return wire.NewProblem(http.StatusUnprocessableEntity, wire.CodeConstraint, otherwise)
	}
	problem.Status, problem.Title = http.StatusUnprocessableEntity, http.StatusText(http.StatusUnprocessableEntity)
	return problem
}

// fieldNames are the names in JSON of those of the columns that answers show.
func (l *layout) fieldNames(columns []string) []string {
	var names []string
	for _, column := range columns {
		if f := l.fieldOf(column); f != nil {
			names = append(names, f.name)
		}
	}
	return names
}

// columnsNamed are the columns that the text of a check has as words.
func (l *layout) columnsNamed(text string) []string {
	words := strings.FieldsFunc(text, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	var columns []string
	for i := range l.fields {
		column := l.fields[i].column.Name
		if slices.ContainsFunc(words, func(word string) bool { return strings.EqualFold(word, column) }) {
			columns = append(columns, column)
		}
	}
	return columns
}

// explain says which foreign key of a row that is written leads nowhere. Where
// the database does not tell, it is looked for.
func (in *input) explain(ctx context.Context, err error) error {
	r := in.refusal(err)
	switch {
	case r == nil || r.Reason != schema.Dangling:
		return err
	case r.Table != "" && r.Table != in.table.Name:
		return referenced(r, err)
	case r.Table != "":
		return in.dangling(r, err)
	}
	wrong := complaints{}
	for i := range in.table.Foreign {
		key := &in.table.Foreign[i]
		values, ok := in.valuesAt(key.Columns, in.values)
		if !ok || slices.Contains(values, nil) {
			continue
		}
		found, failed := in.rowsAt(ctx, in.schema.Table(key.Table), key.To, values)
		if failed != nil || found {
			continue
		}
		for _, name := range in.fieldNames(key.Columns) {
			wrong.add(wire.CodeConstraint, name, "there is no such row in %s", key.Table)
		}
	}
	if problem := wrong.problem(); problem != nil {
		problem.Status, problem.Title = http.StatusUnprocessableEntity, http.StatusText(http.StatusUnprocessableEntity)
		return problem
	}
	if in.current == nil {
		return err
	}
	return in.explainReferenced(ctx, in.current, err)
}

// dangling says which columns the database has said to lead nowhere.
func (in *input) dangling(r *schema.Refusal, err error) error {
	i := slices.IndexFunc(in.table.Foreign, func(key schema.ForeignKey) bool { return slices.Equal(key.Columns, r.Columns) })
	names := in.fieldNames(r.Columns)
	if i < 0 || len(names) == 0 {
		return err
	}
	wrong := complaints{}
	for _, name := range names {
		wrong.add(wire.CodeConstraint, name, "there is no such row in %s", in.table.Foreign[i].Table)
	}
	problem := wrong.problem()
	problem.Status, problem.Title = http.StatusUnprocessableEntity, http.StatusText(http.StatusUnprocessableEntity)
	return problem
}

// referenced says which rows the database has said to be in the way.
func referenced(r *schema.Refusal, err error) error {
	if r.Columns == nil {
		return errors.Join(wire.NewProblem(http.StatusConflict, wire.CodeReferenced, "rows of "+r.Table+" refer to it"), err)
	}
	return wire.NewProblem(http.StatusConflict, wire.CodeReferenced, fmt.Sprintf("rows of %s (%s) refer to it", r.Table, strings.Join(r.Columns, ", ")))
}

// explainDelete says which rows of other tables keep a row from going.
func (c *call) explainDelete(ctx context.Context, current *state, err error) error {
	r := c.refusal(err)
	switch {
	case r == nil || r.Reason != schema.Dangling:
		return err
	case r.Table != "":
		return referenced(r, err)
	}
	return c.explainReferenced(ctx, current.values, err)
}

func (c *call) explainReferenced(ctx context.Context, current []any, err error) error {
	var by []string
	for _, t := range c.schema.Tables {
		for i := range t.Foreign {
			key := &t.Foreign[i]
			values, ok := c.valuesAt(key.To, current)
			if !ok || c.schema.Table(key.Table) != c.table {
				continue
			}
			if found, failed := c.rowsAt(ctx, t, key.Columns, values); failed == nil && found {
				by = append(by, fmt.Sprintf("%s (%s)", t.Name, strings.Join(key.Columns, ", ")))
			}
		}
	}
	if len(by) == 0 {
		return errors.Join(wire.NewProblem(http.StatusConflict, wire.CodeReferenced, "other rows refer to it"), err)
	}
	return wire.NewProblem(http.StatusConflict, wire.CodeReferenced, "rows of "+strings.Join(by, " and ")+" refer to it")
}

// valuesAt are those of columns, ok false where one of them is not read.
func (l *layout) valuesAt(columns []string, values []any) (of []any, ok bool) {
	for _, column := range columns {
		i := slices.Index(l.columns, column)
		if i < 0 {
			return nil, false
		}
		of = append(of, values[i])
	}
	return of, len(of) > 0
}

// rowsAt reports whether a table has a row with these values.
func (l *layout) rowsAt(ctx context.Context, of *schema.Table, columns []string, values []any) (bool, error) {
	args := l.args()
	b := appendKeyed(l.appendFrom([]byte("SELECT 1"), of, "t"), of, "t", columns, values, args)
	row, err := l.oneRow(ctx, string(append(b, " LIMIT 1"...)), args.Values, 1)
	return row != nil, err
}
