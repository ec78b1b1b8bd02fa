package query

import (
	"slices"

	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/predicate"
)

// words is how texts compare that are put together.
var words = predicate.Column{Kind: predicate.PostgresText}

// takes reports whether a value is compared with a column as one of the
// column's type: it is cast to that, or takes it from the column. Of other
// dialects every value is.
func (r *reader) takes(c predicate.Column, v int) bool {
	if !r.dialect.typed || !c.Kind.OfPostgres() {
		return true
	}
	return r.given[v].takes(c.Kind)
}

func (v *value) takes(kind predicate.Kind) bool {
	switch {
	case v.as != predicate.Unfit:
		return v.as == kind
	case v.used == predicate.Unfit:
		v.used = kind
	case v.used != kind:
		v.torn = true
	}
	return true
}

// among reads = ANY and <> ALL of an array.
func (r *reader) among(e *expr, p *place, not bool) *form {
	c, _, ok := r.operand(e.parts[0], p)
	if !ok {
		return nil
	}
	list := e.parts[1]
	cast := false
	for list.kind == exprCast && list.parts[0].kind != exprValue {
		if list.of != c.Kind|ofArray {
			return nil
		}
		list, cast = list.parts[0], true
	}
	if list.kind == exprArray {
		return r.listed(c, list.parts, cast, not)
	}
	v, collation, ok := r.constant(list)
	if !ok || collation != "" || c.Kind.OfPostgres() && !r.given[v].takes(c.Kind|ofArray) {
		return nil
	}
	f := r.equality(c, r.numbers(v), not)
	f.array = true
	return f
}

// listed reads ARRAY[…]. Without a cast its texts are text, whatever the column
// is.
func (r *reader) listed(c predicate.Column, parts []*expr, cast, not bool) *form {
	switch c.Kind {
	case predicate.PostgresText, predicate.PostgresInteger, predicate.PostgresSingle, predicate.PostgresDouble, predicate.PostgresNumeric,
		predicate.PostgresBoolean:
	default:
		if !cast {
			return nil
		}
	}
	if len(parts) == 0 && not {
		return nil
	}
	values := make([]int, 0, len(parts))
	for _, part := range parts {
		v, collation, ok := r.constant(part)
		if !ok || collation != "" || !r.takes(c, v) {
			return nil
		}
		values = append(values, v)
	}
	return r.equality(c, values, not)
}

// boolean reads a column that is a condition itself.
func (r *reader) boolean(e *expr, p *place, not bool) *form {
	c, _, ok := r.operand(e, p)
	if !ok || c.Kind != predicate.PostgresBoolean {
		return nil
	}
	return r.equality(c, r.numbers(r.known(!not)), false)
}

// known is where in given a truth is.
func (r *reader) known(truth bool) int {
	at := &r.truths[0]
	if truth {
		at = &r.truths[1]
	}
	if *at == 0 {
		r.given = append(r.given, value{literal: truth, fixed: true})
		*at = len(r.given)
	}
	return *at - 1
}

// truth reads IS [NOT] TRUE, FALSE and UNKNOWN.
func (r *reader) truth(e *expr, p *place, not bool) *form {
	c, _, ok := r.operand(e.parts[0], p)
	switch {
	case e.mark == "UNKNOWN" && ok:
		f := r.form(form{op: formAtom, column: c, ask: predicate.Null})
		if not {
			f.ask = predicate.NotNull
		}
		return f
	case e.mark == "UNKNOWN":
		return nil
	case ok && c.Kind == predicate.PostgresBoolean && not:
		other := r.equality(c, r.numbers(r.known(e.mark == "FALSE")), false)
		return r.form(form{op: formOr, parts: []*form{other, r.form(form{op: formAtom, column: c, ask: predicate.Null})}})
	case not:
		return nil
	}
	return r.project(e.parts[0], p, e.mark == "FALSE")
}

// leading reads (a, b) < (1, 2): its first part is not greater.
func (r *reader) leading(e *expr, p *place, not bool) *form {
	mark := e.mark
	if not {
		mark = deniedMarks[mark]
	}
	left, right := e.parts[0].parts, e.parts[1].parts
	if len(left) == 0 || len(right) == 0 {
		return nil
	}
	first := expr{kind: exprCompare, mark: mark[:1] + "=", parts: []*expr{left[0], right[0]}}
	return r.project(&first, p, false)
}

// postgresLike reads a pattern that is a value. What else has no case than the
// letters of ASCII is known of one collation only.
func (r *reader) postgresLike(e *expr, c predicate.Column, not bool) *form {
	fold := e.mark == "ILIKE"
	v, collation, ok := r.constant(e.parts[1])
	if !ok || collation != "" || c.Kind != predicate.PostgresText || c.Collation == predicate.Foreign || !r.takes(c, v) {
		return nil
	}
	if not {
		return r.form(form{op: formAtom, column: c, ask: predicate.NotNull})
	}
	if fold && c.Collation != predicate.Binary {
		return nil
	}
	return r.form(form{op: formAtom, column: c, ask: predicate.Like, values: r.numbers(v), fold: fold})
}

func postgresLikeOf(f *form, pattern string) (predicate.Condition, string) {
	fold := f.fold && !planted.Is(planted.LikeCase)
	if a, ok := predicate.PostgresLikeOf(f.column.Name, pattern, fold); ok {
		return predicate.Of(a), ""
	}
	return nil, WhyTypes
}

// elements compares a column with those of an array: = ANY, or <> ALL. With
// none of an empty one everything differs.
func (b *binder) elements(f *form, v any) (predicate.Condition, string) {
	if text, ok := v.(string); ok {
		if v, ok = arrayOf(text); !ok {
			return nil, WhyTypes
		}
	}
	var list []any
	switch v := v.(type) {
	case nil:
		return predicate.Never(), ""
	case []any:
		list = v
	default:
		return nil, WhyTypes
	}
	a := predicate.Atom{Column: f.column, Op: f.ask}
	null := false
	for _, element := range list {
		key, known := f.column.Argument(nil, element)
		switch known {
		case predicate.Unknown:
			return nil, WhyTypes
		case predicate.IsNull:
			null = true
		default:
			a.Keys = append(a.Keys, string(key))
		}
	}
	switch {
	case f.ask == predicate.NotIn && null:
		return predicate.Never(), ""
	case len(a.Keys) == 0 && f.ask == predicate.NotIn:
		return nil, ""
	case len(a.Keys) == 0:
		return predicate.Never(), ""
	}
	slices.Sort(a.Keys)
	a.Keys = slices.Compact(a.Keys)
	return predicate.Of(a), ""
}

// arrayOf reads the text of an array of one dimension whose elements need no
// quotes, as {1,2,NULL}.
func arrayOf(text string) (v any, ok bool) {
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
		return nil, false
	}
	list := []any{}
	from := 1
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == ',' || i == len(text)-1:
			element := text[from:i]
			from = i + 1
			switch {
			case element == "" && len(text) == 2:
				return list, true
			case element == "":
				return nil, false
			case len(element) == 4 && foldsTo(element, "NULL"):
				list = append(list, nil)
			default:
				list = append(list, element)
			}
		case c <= ' ' || c == '{' || c == '}' || c == '"' || c == '\\':
			return nil, false
		}
	}
	return list, true
}
