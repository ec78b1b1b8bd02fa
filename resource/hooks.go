package resource

import (
	"context"
	"maps"
	"net/http"
	"reflect"
	"slices"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/wire"
)

// Invalid says what is wrong with the fields of a row, by their names in JSON:
// what Config.Validate returns. The request is answered with 400 and all of it.
//
//	return resource.Invalid{"ends": {"must be behind starts"}}
type Invalid map[string][]string

func (v Invalid) Error() string {
	text := "invalid"
	for _, name := range slices.Sorted(maps.Keys(v)) {
		for _, what := range v[name] {
			text += "; " + name + ": " + what
		}
	}
	return text
}

func (v Invalid) problem() *wire.Problem {
	if problem := (&complaints{code: wire.CodeInvalidFields, by: v}).problem(); problem != nil {
		return problem
	}
	return wire.NewProblem(http.StatusBadRequest, wire.CodeInvalidFields, "the row is not valid")
}

// hooks are what a Config says of single rows that are written, without its
// type.
type hooks struct {
	// validate returns the values that it wants otherwise, by their places in
	// layout.columns.
	validate func(context.Context, *layout, []any) (map[int]any, error)
	allow    func(*http.Request, permit.Action, *layout, []any) error
}

func hooksOf[Row any](cfg *Config[Row]) (h hooks) {
	if cfg.Validate != nil {
		h.validate = func(ctx context.Context, l *layout, values []any) (map[int]any, error) {
			return validated(ctx, cfg.Validate, l, values)
		}
	}
	if cfg.AllowRow != nil {
		h.allow = func(r *http.Request, action permit.Action, l *layout, values []any) error {
			row, err := rowOf[Row](l, values)
			if err != nil {
				return err
			}
			return cfg.AllowRow(r, action, row)
		}
	}
	return h
}

// validated runs a Validate on the Go value of a row, and returns what it
// altered.
func validated[Row any](ctx context.Context, validate func(context.Context, *Row) error, l *layout, values []any) (map[int]any, error) {
	row, err := rowOf[Row](l, slices.Clone(values))
	if err != nil {
		return nil, err
	}
	before, err := storedRow(l, &row, values)
	if err != nil {
		return nil, err
	}
	if err := validate(ctx, &row); err != nil {
		return nil, err
	}
	after, err := storedRow(l, &row, values)
	if err != nil {
		return nil, err
	}
	touched := map[int]any{}
	for place := range after {
		if !change.Equal(before[place], after[place]) {
			touched[place] = after[place]
		}
	}
	return touched, nil
}

// storedRow are the values of a Go row, in the places of layout.columns.
func storedRow[Row any](l *layout, row *Row, values []any) ([]any, error) {
	record, ok := any(row).(*Record)
	if !ok {
		return valuesOf(l, reflect.ValueOf(row).Elem(), values)
	}
	of := slices.Clone(values)
	for i := range l.fields {
		f := &l.fields[i]
		v, err := storedPlain(record.Get(f.name), &f.column)
		if err != nil {
			return nil, err
		}
		of[f.place] = v
	}
	return of, nil
}

func sameValues(a, b []any) bool {
	return slices.EqualFunc(a, b, func(x, y any) bool { return change.Equal(x, y) || x != x && y != y }) // NaN
}
