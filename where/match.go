package where

import (
	"slices"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/predicate"
)

// truths is a set of what a condition may be of a row, as far as it is known.
type truths uint8

const (
	isFalse truths = 1 << iota
	isNull
	isTrue

	isAnything = isFalse | isNull | isTrue
)

// and is what a conjunction may be: the lesser of the two, in the order false,
// NULL, true.
func (a truths) and(b truths) truths {
	found := truths(0)
	for x := isFalse; x <= isTrue; x <<= 1 {
		for y := isFalse; y <= isTrue; y <<= 1 {
			if a&x != 0 && b&y != 0 {
				found |= min(x, y)
			}
		}
	}
	return found
}

func (a truths) not() truths { return a&isFalse<<2 | a&isNull | a&isTrue>>2 }

func (a truths) or(b truths) truths { return a.not().and(b.not()).not() }

// told is the truth as ivm has it. What is false or NULL is one to a result.
func (a truths) told() ivm.Truth {
	switch {
	case a == isTrue:
		return ivm.True
	case a == isNull:
		return ivm.Null
	case a&isTrue == 0:
		return ivm.False
	}
	return ivm.Ask
}

// Match returns what decides the condition of rows whose values stand in the
// order of columns. It is exact, or ivm.Ask.
func (b *Bound) Match(columns []string) func(row []any) ivm.Truth {
	decide := b.root.decider(columns)
	return func(row []any) ivm.Truth { return decide(row).told() }
}

type decider func(row []any) truths

func (t *term) decider(columns []string) decider {
	switch t.op {
	case opAll:
		return func([]any) truths { return isTrue }
	case opNone:
		return func([]any) truths { return isFalse }
	case opNot:
		inner := t.parts[0].decider(columns)
		return func(row []any) truths { return inner(row).not() }
	case opAnd:
		return t.all(columns, truths.and, isTrue, isFalse)
	case opOr:
		return t.all(columns, truths.or, isFalse, isTrue)
	case opVia:
		return t.viaDecider(columns)
	}
	at := slices.Index(columns, t.column.Name)
	if at < 0 {
		return func([]any) truths { return isAnything }
	}
	decide := t.decide()
	return func(row []any) truths {
		if at >= len(row) || row[at] == change.Unknown {
			return isAnything
		}
		return decide(row[at])
	}
}

// all joins the parts until the outcome is certain.
func (t *term) all(columns []string, join func(truths, truths) truths, from, end truths) decider {
	parts := make([]decider, len(t.parts))
	for i, p := range t.parts {
		parts[i] = p.decider(columns)
	}
	return func(row []any) truths {
		found := from
		for _, p := range parts {
			if found = join(found, p(row)); found == end {
				break
			}
		}
		return found
	}
}

// viaDecider knows one thing: a key that is NULL leads nowhere.
func (t *term) viaDecider(columns []string) decider {
	var at []int
	for _, name := range t.notNull {
		if i := slices.Index(columns, name); i >= 0 {
			at = append(at, i)
		}
	}
	none := t.parts[0].op == opNone
	return func(row []any) truths {
		if none || slices.ContainsFunc(at, func(i int) bool { return i < len(row) && row[i] == nil }) {
			return isFalse
		}
		return isFalse | isTrue
	}
}

// decide returns what decides the condition of one value that is known.
func (t *term) decide() func(v any) truths {
	switch {
	case t.ask != "" && t.op != opNull && t.op != opNotNull:
		return func(v any) truths {
			if v == nil {
				return isNull
			}
			return isAnything &^ isNull
		}
	case t.op == opNull:
		return func(v any) truths { return truth(v == nil, t.ask == "") }
	case t.op == opNotNull:
		return func(v any) truths { return truth(v != nil, t.ask == "") }
	case t.op.textual() && !t.ranged:
		return notNull(t.matches)
	case t.op == opIExact:
		as := t.as
		as.Collation = predicate.NoCase
		return notNull(func(v any) (bool, bool) {
			order, known := compare(v, t.values[0], as)
			return order == 0, known
		})
	case t.op == opStartsWith:
		return notNull(t.within)
	case t.op == opIn:
		return notNull(t.amongSome())
	case t.op == opEq || t.op == opNe:
		return notNull(func(v any) (bool, bool) {
			equal, known := same(v, t.values[0], t.as)
			return equal == (t.op == opEq), known
		})
	}
	return notNull(func(v any) (bool, bool) {
		order, known := compare(v, t.values[0], t.as)
		return holds(t.op, order), known
	})
}

func truth(yes, known bool) truths {
	switch {
	case !known:
		return isFalse | isTrue
	case yes:
		return isTrue
	}
	return isFalse
}

// notNull is a condition that is NULL of NULL.
func notNull(f func(v any) (yes, known bool)) func(v any) truths {
	return func(v any) truths {
		if v == nil {
			return isNull
		}
		return truth(f(v))
	}
}

func holds(o op, order int) bool {
	switch o {
	case opLt:
		return order < 0
	case opLe:
		return order <= 0
	case opGt:
		return order > 0
	}
	return order >= 0
}

// within is a text that begins with another, as the range that it is.
func (t *term) within(v any) (yes, known bool) {
	text := t.values[0].(string)
	low, known := compare(v, text, t.as)
	high, alsoKnown := compare(v, after(text), t.as)
	return low >= 0 && high < 0, known && alsoKnown
}

// amongSome is among, which finds an integer among many sooner.
func (t *term) amongSome() func(v any) (yes, known bool) {
	integers := make([]int64, 0, len(t.values))
	for _, one := range t.values {
		n, ok := one.(int64)
		if !ok {
			return t.among
		}
		integers = append(integers, n)
	}
	slices.Sort(integers)
	return func(v any) (yes, known bool) {
		if n, ok := v.(int64); ok {
			_, found := slices.BinarySearch(integers, n)
			return found, true
		}
		return t.among(v)
	}
}

func (t *term) among(v any) (yes, known bool) {
	known = true
	for _, one := range t.values {
		equal, sure := same(v, one, t.as)
		if sure && equal {
			return true, true
		}
		known = known && sure
	}
	return false, known
}

// compare tells values as they are stored apart from all others.
func compare(stored, v any, as predicate.Column) (order int, known bool) {
	if !isStored(stored) {
		return 0, false
	}
	return predicate.Compare(stored, v, as)
}

// same is whether two values are equal, which can be known where it is not
// known which is less.
func same(stored, v any, as predicate.Column) (equal, known bool) {
	if !isStored(stored) {
		return false, false
	}
	return predicate.Equal(stored, v, as)
}

func isStored(v any) bool {
	switch v.(type) {
	case int64, float64, string, []byte, bool:
		return true
	}
	return false
}
