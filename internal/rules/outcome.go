package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource/value"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/where"
)

// outcome is what a condition comes to for one identity: met by no row, by
// every row, or by those that meet rows.
type outcome struct {
	met  met
	rows where.Expr
}

type met uint8

const (
	never met = iota
	ever
	some
)

func decided(yes bool) outcome {
	if yes {
		return outcome{met: ever}
	}
	return outcome{}
}

func rowsOf(e where.Expr) outcome { return outcome{met: some, rows: e} }

func (o outcome) and(p outcome) outcome {
	switch {
	case o.met == never || p.met == never:
		return outcome{}
	case o.met == ever:
		return p
	case p.met == ever:
		return o
	}
	return rowsOf(where.And(o.rows, p.rows))
}

func (o outcome) or(p outcome) outcome {
	switch {
	case o.met == ever || p.met == ever:
		return outcome{met: ever}
	case o.met == never:
		return p
	case p.met == never:
		return o
	}
	return rowsOf(where.Or(o.rows, p.rows))
}

// expr is the outcome as a scope.
func (o outcome) expr() where.Expr {
	switch o.met {
	case never:
		return where.None()
	case ever:
		return where.All()
	}
	return o.rows
}

// asking is one identity that conditions are asked for.
type asking struct {
	permit.Identity
	known bool
	table *table
}

// outcome of a condition, or of its opposite. A not is carried down to what is
// compared, so that a comparison with a claim that is not there is met neither
// way: what is not known allows nothing.
func (a *asking) outcome(c condition, opposite bool) outcome {
	switch c := c.(type) {
	case always:
		return decided(bool(c) != opposite)
	case signedIn:
		return decided(a.known != opposite)
	case not:
		return a.outcome(c.inner, !opposite)
	case both:
		if opposite {
			return a.outcome(c.left, true).or(a.outcome(c.right, true))
		}
		return a.outcome(c.left, false).and(a.outcome(c.right, false))
	case either:
		if opposite {
			return a.outcome(c.left, true).and(a.outcome(c.right, true))
		}
		return a.outcome(c.left, false).or(a.outcome(c.right, false))
	case missing:
		return a.missing(c, opposite)
	case membership:
		return a.membership(c, opposite)
	case comparison:
		return a.comparison(c, opposite)
	}
	return outcome{}
}

func (a *asking) missing(c missing, opposite bool) outcome {
	if c.left.column != nil {
		return a.column(c.left, func(name string, _ *schema.Column) (where.Expr, bool) {
			if opposite {
				return where.NotNull(name), true
			}
			return where.IsNull(name), true
		})
	}
	value, there := a.claim(c.left.claim)
	return decided((!there || value == nil) != opposite)
}

var opposites = map[string]string{"=": "!=", "!=": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}

func (a *asking) comparison(c comparison, opposite bool) outcome {
	op := c.op
	if opposite {
		op = opposites[op]
	}
	right, there := a.value(c.right)
	if !there {
		return outcome{}
	}
	if c.left.column == nil {
		left, there := a.value(c.left)
		if !there {
			return outcome{}
		}
		order, comparable := compare(left, right)
		return decided(comparable && holds(op, order))
	}
	return a.column(c.left, func(name string, of *schema.Column) (where.Expr, bool) {
		fitting, ok := fit(of, right)
		if !ok {
			return nil, false
		}
		switch op {
		case "=":
			return where.Eq(name, fitting), true
		case "!=":
			return where.Ne(name, fitting), true
		case "<":
			return where.Lt(name, fitting), true
		case "<=":
			return where.Le(name, fitting), true
		case ">":
			return where.Gt(name, fitting), true
		}
		return where.Ge(name, fitting), true
	})
}

func (a *asking) membership(c membership, opposite bool) outcome {
	members, there := a.members(c.right)
	if !there {
		return outcome{}
	}
	if c.left.column == nil {
		left, there := a.value(c.left)
		if !there {
			return outcome{}
		}
		in := slices.ContainsFunc(members, func(m any) bool {
			order, comparable := compare(left, m)
			return comparable && order == 0
		})
		return decided(in != opposite)
	}
	return a.column(c.left, func(name string, of *schema.Column) (where.Expr, bool) {
		var fitting []any
		for _, m := range members {
			if v, ok := fit(of, m); ok {
				fitting = append(fitting, v)
			} else if opposite {
				return nil, false // what it is not one of is not known
			}
		}
		switch {
		case len(fitting) == 0 && opposite:
			return where.All(), true
		case len(fitting) == 0:
			return nil, false
		case opposite:
			return where.Not(where.In(name, fitting...)), true
		}
		return where.In(name, fitting...), true
	})
}

// column makes the expression about a column, seen through foreign keys.
func (a *asking) column(o operand, about func(name string, of *schema.Column) (where.Expr, bool)) outcome {
	path := a.table.paths[o.String()]
	if path == nil {
		return outcome{} // bind has checked it
	}
	e, ok := about(path.column.Name, path.column)
	if !ok {
		return outcome{}
	}
	for _, key := range slices.Backward(path.through) {
		e = where.Via(key, e)
	}
	return rowsOf(e)
}

// value of a claim or a literal; there is none of a claim that is null, or a
// list, or an object.
func (a *asking) value(o operand) (any, bool) {
	if o.claim == nil {
		return o.value, true
	}
	value, _ := a.claim(o.claim)
	switch value.(type) {
	case string, int64, float64, bool:
		return value, true
	}
	return nil, false
}

// members are those that a list of operands has. A claim alone may be a list,
// or a text of words, as the scope of a token is.
func (a *asking) members(list []operand) ([]any, bool) {
	if len(list) == 1 && list[0].claim != nil {
		switch value, _ := a.claim(list[0].claim); value := value.(type) {
		case []any:
			return value, true
		case []string:
			members := make([]any, len(value))
			for i := range value {
				members[i] = value[i]
			}
			return members, true
		case string:
			var members []any
			for word := range strings.FieldsSeq(value) {
				members = append(members, word)
			}
			return members, true
		}
	}
	var members []any
	for _, o := range list {
		value, there := a.value(o)
		if !there {
			return nil, false
		}
		members = append(members, value)
	}
	return members, true
}

// claim follows the names into what is known of the identity.
func (a *asking) claim(names []string) (any, bool) {
	if !a.known {
		return nil, false
	}
	if len(names) == 1 && names[0] == "sub" {
		return a.Subject, a.Subject != ""
	}
	var value any = a.Claims
	for _, name := range names {
		members, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		if value, ok = members[name]; !ok {
			return nil, false
		}
	}
	return value, true
}

// compare orders two values; comparable is false where they are of different
// kinds. Numbers are compared exactly.
func compare(a, b any) (order int, comparable bool) {
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		return strings.Compare(a, b), ok
	case bool:
		b, ok := b.(bool)
		switch {
		case a == b:
			return 0, ok
		case a:
			return 1, ok
		}
		return -1, ok
	case int64:
		switch b := b.(type) {
		case int64:
			return compareIntegers(a, b), true
		case float64:
			return compareMixed(a, b)
		}
	case float64:
		switch b := b.(type) {
		case int64:
			order, ok := compareMixed(b, a)
			return -order, ok
		case float64:
			switch {
			case a < b:
				return -1, true
			case a > b:
				return 1, true
			}
			return 0, a == b
		}
	}
	return 0, false
}

func compareIntegers(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// compareMixed orders an integer and a float, where the float is one that
// holds integers exactly.
func compareMixed(a int64, b float64) (int, bool) {
	const exact = 1 << 53
	switch {
	case b >= exact:
		return -1, a < exact
	case b <= -exact:
		return 1, a > -exact
	case a >= exact:
		return 1, true
	case a <= -exact:
		return -1, true
	case float64(a) < b:
		return -1, true
	case float64(a) > b:
		return 1, true
	}
	return 0, float64(a) == b
}

func holds(op string, order int) bool {
	switch op {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// fit makes a claim or a literal a value of a column. What is not written as
// the column's values are is none of them: the subject "007" is not the number 7.
func fit(c *schema.Column, v any) (any, bool) {
	var text string
	switch v := v.(type) {
	case string:
		text = v
	case int64:
		text = strconv.FormatInt(v, 10)
	case float64:
		text = strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		text = strconv.FormatBool(v)
		if c.Type != schema.Boolean {
			return nil, false
		}
	default:
		return nil, false
	}
	if c.Type == schema.Any {
		return v, true
	}
	fitting, err := value.FromText(c, text)
	if err != nil {
		return nil, false
	}
	if n, ok := fitting.(int64); ok && c.Type == schema.Integer && text != strconv.FormatInt(n, 10) {
		return nil, false
	}
	return fitting, true
}

// wanted says what a literal should be that does not fit.
func wanted(c *schema.Column, o operand) error {
	return fmt.Errorf("%s is not a value of %s, which is %s", o, c.Name, c.Type)
}
