package ivm_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/predicate"
)

// query is a plan, and the SQL of it.
type query struct {
	*ivm.Plan
	world *world
	where string
	args  []any
	order string
	tight bool // a reserve is read that is soon used up
}

// condition is one of a filter, to the database and in memory.
type condition struct {
	text  string
	args  []any
	match func(row []any) ivm.Truth
}

// query makes a plan at random. Under a strange collation, strange plans sort
// or filter by it.
func (w *world) query(strange, nested bool) *query {
	q := &query{Plan: &ivm.Plan{Table: "t", Counted: w.IntN(2) == 0}, world: w}
	q.Reader = q
	for _, c := range w.columns {
		q.Columns = append(q.Columns, c.name)
	}
	var parts []string
	add := func(i int) {
		t := ivm.Term{Column: i, Desc: w.IntN(2) == 0, NullsLast: w.IntN(2) == 0, As: w.columns[i].as}
		text := `"` + w.columns[i].name + `"` + []string{" ASC", " DESC"}[truth(t.Desc)] + []string{" NULLS FIRST", " NULLS LAST"}[truth(t.NullsLast)]
		parts, q.Order = append(parts, text), append(q.Order, t)
	}
	for range w.IntN(3) {
		add(w.column(strange))
	}
	if strange {
		add(w.column(true))
	}
	for _, i := range w.keys {
		add(i)
	}
	q.Key = w.keys
	q.order = strings.Join(parts, ", ")
	if w.IntN(4) > 0 || nested {
		q.Limit = 1 + w.IntN(20)
		q.Offset = w.IntN(3) * w.IntN(120)
	}
	q.tight = w.IntN(4) == 0
	q.Single = q.Limit == 1 && q.Offset == 0
	if w.IntN(3) > 0 {
		c := w.condition(strange, 2)
		q.where, q.args, q.Match = c.text, c.args, c.match
	}
	q.Item = q.item
	if q.Limit > 0 && w.IntN(3) > 0 {
		q.Meta = func(s ivm.State) []byte {
			return shown(append(shown(fmt.Appendf(nil, "%d %t ", s.Total, s.More), s.First), ' '), s.Last)
		}
	}
	if nested {
		q.nest()
	}
	q.Shape = fmt.Sprint(q.where, q.order)
	return q
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// column is the place of one by which to sort or filter.
func (w *world) column(strange bool) int {
	for {
		i := w.IntN(len(w.columns))
		if strange || w.columns[i].as.Collation != predicate.Foreign {
			return i
		}
	}
}

func (w *world) condition(strange bool, depth int) condition {
	if depth > 0 && w.IntN(3) == 0 {
		a, b := w.condition(strange, depth-1), w.condition(strange, depth-1)
		both := condition{args: append(append([]any{}, a.args...), b.args...)}
		if w.IntN(2) == 0 {
			both.text = "(" + a.text + " AND " + b.text + ")"
			both.match = func(row []any) ivm.Truth { return and(a.match(row), b.match(row)) }
		} else {
			both.text = "(" + a.text + " OR " + b.text + ")"
			both.match = func(row []any) ivm.Truth { return not(and(not(a.match(row)), not(b.match(row)))) }
		}
		return both
	}
	i := w.column(strange)
	c := w.columns[i]
	if w.IntN(6) == 0 {
		return condition{`"` + c.name + `" IS NOT NULL`, nil, func(row []any) ivm.Truth {
			switch row[i] {
			case nil:
				return ivm.False
			case change.Unknown:
				return ivm.Ask
			}
			return ivm.True
		}}
	}
	v := w.value(c.likes)
	for v == nil {
		v = w.value(c.likes)
	}
	op := w.IntN(5)
	holds := func(sign int) bool { return []bool{sign < 0, sign <= 0, sign > 0, sign >= 0, sign != 0}[op] }
	return condition{`"` + c.name + `" ` + []string{"<", "<=", ">", ">=", "<>"}[op] + " ?", []any{v}, func(row []any) ivm.Truth {
		if row[i] == nil {
			return ivm.Null
		}
		sign, known := predicate.Compare(row[i], v, c.as)
		switch {
		case !known:
			return ivm.Ask
		case holds(sign):
			return ivm.True
		}
		return ivm.False
	}}
}

func and(a, b ivm.Truth) ivm.Truth {
	switch {
	case a == ivm.False || b == ivm.False:
		return ivm.False
	case a == ivm.Ask || b == ivm.Ask:
		return ivm.Ask
	case a == ivm.Null || b == ivm.Null:
		return ivm.Null
	}
	return ivm.True
}

func not(a ivm.Truth) ivm.Truth {
	switch a {
	case ivm.False:
		return ivm.True
	case ivm.True:
		return ivm.False
	}
	return a
}

// nest nests the kids of a row, and its owner.
func (q *query) nest() {
	w := q.world
	id, n := w.id(), w.id()+1
	of, parent := numbers("of"), id
	if w.columns[id].likes != "id" {
		parent = n
	}
	q.Nested = []ivm.Nested{
		{Table: "kid", Columns: []string{"kid", "of", "note"}, Child: []int{1}, Parent: []int{parent}, Compare: []predicate.Column{of},
			Order: []ivm.Term{{Column: 2, As: texts("note", predicate.Binary)}, {Column: 0, Desc: true, As: numbers("kid")}}},
		{Table: "owner", Columns: []string{"id", "name"}, Child: []int{0}, Parent: []int{n}, Compare: []predicate.Column{numbers("id")},
			Order: []ivm.Term{{Column: 0, As: numbers("id")}}},
	}
}

// item shows a row with the types of its values.
func (q *query) item(row []any, nested [][][]any) (diff.Item, error) {
	var key strings.Builder
	for _, i := range q.world.keys {
		fmt.Fprintf(&key, "%v,", row[i])
	}
	data := shown(nil, row)
	for _, rows := range nested {
		for _, row := range rows {
			data = shown(append(data, ' '), row)
		}
		data = append(data, ';')
	}
	return diff.Item{Key: key.String(), Data: data}, nil
}

// shown writes values with their types. The trigger log does not tell −0 from
// 0, so what shows rows must not either.
func shown(to []byte, row []any) []byte {
	for _, v := range row {
		switch v := v.(type) {
		case []byte:
			to = fmt.Appendf(to, "x'%x',", v)
		case float64:
			to = fmt.Appendf(to, "%gf,", v+0)
		default:
			to = fmt.Appendf(to, "%#v,", v)
		}
	}
	return to
}

// rows reads a part of the result.
func (q *query) rows(offset, limit int) (list []ivm.Row) {
	where := ""
	if q.where != "" {
		where = " WHERE " + q.where
	}
	for _, values := range q.world.read("SELECT +"+strings.Join(q.Columns, ", +")+" FROM t"+where+" ORDER BY "+q.order+
		fmt.Sprintf(" LIMIT %d OFFSET %d", limit, offset), q.args...) {
		list = append(list, ivm.Row{Values: values})
	}
	for i := range list {
		for _, n := range q.Nested {
			text := fmt.Sprintf("SELECT +%s FROM %s WHERE %s = ? ORDER BY ", strings.Join(n.Columns, ", +"), n.Table, n.Columns[n.Child[0]])
			text += map[string]string{"kid": "note, kid DESC", "owner": "id"}[n.Table]
			list[i].Nested = append(list[i].Nested, q.world.read(text, list[i].Values[n.Parent[0]]))
		}
	}
	return list
}

func (q *query) count() int {
	where := ""
	if q.where != "" {
		where = " WHERE " + q.where
	}
	return int(q.world.read("SELECT count(*) FROM t"+where, q.args...)[0][0].(int64))
}

// Read implements ivm.Reader.
func (q *query) Read(_ context.Context, plans []*ivm.Plan) (list []*ivm.Rows, err error) {
	for _, p := range plans {
		list = append(list, p.Reader.(*query).load())
	}
	return list, nil
}

func (q *query) load() *ivm.Rows {
	rows := &ivm.Rows{}
	if q.Counted {
		rows.Total = q.count()
	}
	if q.Limit == 0 {
		rows.List = q.rows(0, -1)
		return rows
	}
	reserve := ivm.Reserve(q.Limit)
	if q.tight {
		reserve = q.world.IntN(4)
	}
	rows.Before = max(0, q.Offset-reserve)
	most := q.Offset - rows.Before + q.Limit + reserve
	rows.List = q.rows(rows.Before, most+1)
	if len(rows.List) > most {
		rows.List, rows.More = rows.List[:most], true
	}
	return rows
}

// page is what the list and its Meta must be.
func (q *query) page() (items []diff.Item, meta []byte) {
	most := -1
	if q.Limit > 0 {
		most = q.Limit + 1
	}
	list := q.rows(q.Offset, most)
	state := ivm.State{More: q.Limit > 0 && len(list) > q.Limit}
	if state.More {
		list = list[:q.Limit]
	}
	for _, row := range list {
		item, err := q.Item(row.Values, row.Nested)
		if err != nil {
			q.world.t.Fatal(err)
		}
		items = append(items, item)
	}
	if q.Meta == nil {
		return items, nil
	}
	if q.Counted {
		state.Total = q.count()
	}
	if len(list) > 0 {
		state.First, state.Last = list[0].Values, list[len(list)-1].Values
	}
	return items, q.Meta(state)
}

func (w *world) read(text string, args ...any) (list [][]any) {
	rows, err := w.db.Query(text, args...)
	if err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	names, _ := rows.Columns()
	for rows.Next() {
		values := make([]any, len(names))
		to := make([]any, len(names))
		for i := range values {
			to[i] = &values[i]
		}
		if err := rows.Scan(to...); err != nil {
			w.t.Fatal(err)
		}
		list = append(list, values)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	return list
}
