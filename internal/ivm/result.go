package ivm

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/planted"
)

// Result is the list of one plan, and what it takes to keep it: the sort keys
// of the rows of a range of the whole result, in which the window lies, and how
// many rows stand before that range.
type Result struct {
	plan *Plan
	// blind is why rows cannot be placed in memory, "" where they can.
	blind string
	// pending is why the list has to be read; nothing but the list is true then.
	pending string

	rows   tree
	before int // rows of the result before those of the tree
	total  int // rows of the result, where Counted
	// Of the rows that the tree lacks those before it are less than low, those
	// behind it greater than high. There are none before where less is false,
	// and none behind where more is.
	less, more bool
	low, high  string

	reserve int // rows that are held on each side of the window, to begin with

	nested []*nesting

	keyed keyed

	list  *diff.List
	meta  []byte
	state State  // that meta was made of, zero before the first step
	space []byte // for sort keys
	names naming
	bytes int // of the rows in the tree
}

// rest is what is held of a row that is not in the list of items, or that has
// more to it than its item.
type rest struct {
	values []any
	item   diff.Item // without Data: not made yet
}

// Verdict is what a step, or a list that was read, came to.
type Verdict struct {
	// Ops lead from the list before to the list now, as those of diff.Between.
	Ops []diff.Op
	// Meta says that Result.Meta is another than before.
	Meta bool
	// UsedUp: it is the reserve of the window that is used up. A wider one would
	// have lasted longer.
	UsedUp bool
	// Came and Gone are the keys of rows that are held now and were not, or the
	// reverse, where rows are found by their keys.
	Came, Gone []string
	// Read is why memory cannot tell the list, "" where it can. The list stands
	// as it was, and so does every further step, until Load.
	Read string
}

var errNoItem = errors.New("ivm: the plan makes no items")

// New makes the result of a plan from rows that the database returned for it.
// It fails where these do not agree with the plan: then the plan is not true of
// the database, and must not be used.
func New(plan *Plan, rows *Rows) (*Result, error) {
	if plan.Item == nil {
		return nil, errNoItem
	}
	r := &Result{plan: plan}
	if err := r.load(rows); err != nil {
		return nil, err
	}
	return r, nil
}

// Load puts rows that were read in the place of all that is held. The ops of
// the verdict lead from the list before. After an error the result is of no use.
func (r *Result) Load(rows *Rows) (Verdict, error) {
	items, meta := r.list, r.meta
	if err := r.load(rows); err != nil {
		return Verdict{}, err
	}
	return Verdict{Ops: diff.Between(items.Slice(), r.list.Slice()), Meta: !bytes.Equal(meta, r.meta)}, nil
}

// Items is the list.
func (r *Result) Items() *diff.List { return r.list }

// Meta is what the page has beside its list, nil for a result that is no page.
// It is shared and must not be altered.
func (r *Result) Meta() []byte { return r.meta }

// Bytes is about what the result takes in memory beside its list of items.
func (r *Result) Bytes() int {
	n := resultBeside + r.bytes + len(r.meta) + r.keyed.bytes
	for _, nested := range r.nested {
		n += nested.bytes
	}
	return n
}

// What Go keeps beside the content, about.
const (
	resultBeside = 512
	rowBeside    = 56
	restBeside   = 80
	valueBeside  = 16
)

// lean says that the list of items is all that is needed beside the sort keys.
func (r *Result) lean() bool {
	p := r.plan
	return p.Limit == 0 && p.Offset == 0 && p.Meta == nil && len(p.Nested) == 0
}

// load takes rows as the result.
func (r *Result) load(rows *Rows) error {
	*r = Result{plan: r.plan, names: r.names, space: r.space, total: rows.Total, before: rows.Before, more: rows.More, less: rows.Before > 0,
		keyed: keyed{on: r.keyed.on, useless: r.keyed.useless}}
	r.reserve = max(Reserve(r.plan.Limit), r.plan.Offset-rows.Before, rows.Before+len(rows.List)-r.plan.Offset-r.plan.Limit)
	for i := range r.plan.Nested {
		r.nested = append(r.nested, newNesting(&r.plan.Nested[i], naming{}))
	}
	sorted, err := r.sorted(rows)
	if err != nil {
		return err
	}
	r.rows = newTree(sorted)
	if r.keyed.on && r.blind == "" {
		r.fillKeys(func(at int) []any { return rows.List[at].Values })
	}
	for i := range sorted {
		r.bytes += r.weigh(&sorted[i])
	}
	if err := r.bound(len(rows.List)); err != nil {
		return err
	}
	if err := r.fill(rows.List); err != nil {
		return err
	}
	r.meta = r.describe(rows)
	return nil
}

// sorted makes the tree's rows, and sees that they are the plan's.
func (r *Result) sorted(rows *Rows) ([]row, error) {
	sorted := make([]row, 0, len(rows.List))
	for i := range rows.List {
		values := rows.List[i].Values
		if len(values) != len(r.plan.Columns) {
			return nil, fmt.Errorf("ivm: a row has %d values for %d columns", len(values), len(r.plan.Columns))
		}
		if truth := r.match(values); truth == False || truth == Null {
			return nil, fmt.Errorf("ivm: row %d is in the result to the database, and not to the plan", i)
		}
		if r.blind != "" {
			continue
		}
		key, known := r.key(values)
		if !known {
			r.blind = "where a row stands among others is not known"
			continue
		}
		if n := len(sorted); n > 0 && sorted[n-1].key >= key {
			return nil, fmt.Errorf("ivm: rows %d and %d are in another order to the database than to the plan", i-1, i)
		}
		of := row{place: placeOf(key)}
		if !r.lean() {
			of.rest = &rest{values: values}
		}
		if len(rows.List[i].Nested) != len(r.nested) {
			return nil, fmt.Errorf("ivm: a row has %d nested tables for %d", len(rows.List[i].Nested), len(r.nested))
		}
		for j, nested := range r.nested {
			if err := nested.load(key, values, rows.List[i].Nested[j]); err != nil {
				return nil, err
			}
		}
		sorted = append(sorted, of)
	}
	if r.blind != "" {
		return nil, nil
	}
	return sorted, nil
}

func (r *Result) match(values []any) Truth {
	if r.plan.Match == nil {
		return True
	}
	return r.plan.Match(values)
}

// bound finds what is known of the rows that were not read, of n that were.
func (r *Result) bound(n int) error {
	p := r.plan
	if p.Limit > 0 && r.more && r.before+n < p.Offset+p.Limit || p.Limit == 0 && r.more || n > 0 && r.before > p.Offset {
		return fmt.Errorf("ivm: rows %d to %d do not hold a window of %d at %d", r.before, r.before+n, p.Limit, p.Offset)
	}
	switch {
	case r.blind != "":
	case n > 0:
		r.low, r.high = r.rows.at(0).key, r.rows.at(n-1).key
	case r.less: // the window begins behind the last row; before is the most that there are
		if p.Counted {
			r.before = r.total
		}
		r.low, r.less = pastAll(p.Order), r.before > 0
	}
	switch all := r.before + n; {
	case !p.Counted:
	case n > 0 && (r.total < all || !r.more && r.total > all):
		return fmt.Errorf("ivm: %d rows are counted where rows %d to %d are read, and more: %t", r.total, r.before, all, r.more)
	case r.total == all:
		r.more = false
	}
	return nil
}

// pastAll is greater than every sort key: each value's part begins with a byte
// that is at most that of NULL where it is last, which is all of it.
func pastAll(order []Term) string { return string(bytes.Repeat([]byte{0xff}, len(order)+1)) }

// fill makes the list of items of the window.
func (r *Result) fill(list []Row) error {
	from := min(max(r.plan.Offset-r.before, 0), len(list))
	to := len(list)
	if r.plan.Limit > 0 {
		to = min(to, from+r.plan.Limit)
	}
	items := make([]diff.Item, 0, to-from)
	for i := from; i < to; i++ {
		item, err := r.item(list[i].Values, list[i].Nested)
		if err != nil {
			return fmt.Errorf("ivm: make an item: %w", err)
		}
		items = append(items, item)
		if r.blind == "" && !r.lean() {
			r.rows.at(i).rest.item = item
		}
	}
	r.list = diff.NewList(items)
	return nil
}

// item makes the item of a row. A view that panics harms its own list only.
func (r *Result) item(values []any, nested [][][]any) (item diff.Item, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the view panicked: %v", v)
		}
	}()
	return r.plan.Item(values, nested)
}

// describe makes Meta of rows that were read.
func (r *Result) describe(rows *Rows) []byte {
	if r.plan.Meta == nil {
		return nil
	}
	if r.blind == "" {
		return r.page()
	}
	from, n := r.plan.Offset-rows.Before, r.list.Len()
	state := State{Total: rows.Total, More: rows.More || from+n < len(rows.List)}
	if n > 0 {
		state.First, state.Last = rows.List[from].Values, rows.List[from+n-1].Values
	}
	return r.plan.Meta(state)
}

// page makes Meta of what is held.
func (r *Result) page() []byte {
	p := r.plan
	if p.Meta == nil {
		return nil
	}
	from, to := r.window()
	state := State{More: r.more || to < r.rows.len()}
	if p.Counted {
		state.Total, state.More = r.total, p.Offset < r.total && r.before+to < r.total
	}
	if from < to {
		state.First, state.Last = r.rows.at(from).rest.values, r.rows.at(to-1).rest.values
	}
	if r.meta != nil && state.same(&r.state) {
		return r.meta
	}
	r.state = state
	return p.Meta(state)
}

// same reports whether two states are one: rows that are held are not altered.
func (s *State) same(of *State) bool {
	return s.Total == of.Total && s.More == of.More && sameRow(s.First, of.First) && sameRow(s.Last, of.Last)
}

func sameRow(a, b []any) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }

// window returns the places in the tree where the window begins and ends.
func (r *Result) window() (from, to int) {
	n := r.rows.len()
	from = min(max(r.plan.Offset-r.before, 0), n)
	if r.plan.Limit == 0 {
		return from, n
	}
	return from, min(n, from+r.plan.Limit)
}

// key returns the sort key of a row. It is not known where one of its values
// cannot be placed among others.
func (r *Result) key(values []any) (key string, known bool) {
	if len(r.plan.Order) == 0 {
		return "", false
	}
	to := r.space[:0]
	for i := range r.plan.Order {
		if i > 0 && i == len(r.plan.Order)-1 && planted.Is(planted.TieKeyIgnored) {
			break
		}
		if to, known = r.plan.Order[i].append(to, values); !known {
			return "", false
		}
	}
	r.space = to
	return string(to), true
}

// weigh is about what a row of the tree takes.
func (r *Result) weigh(of *row) int {
	n := rowBeside + len(of.key)
	if of.rest != nil {
		n += restBeside + weighValues(of.rest.values)
	}
	return n
}

func weighValues(values []any) int {
	n := valueBeside * len(values)
	for _, value := range values {
		switch v := value.(type) {
		case string:
			n += valueBeside + len(v)
		case []byte:
			n += valueBeside + len(v)
		}
	}
	return n
}

// naming says where in an image the plan's columns stand. Images of one table
// share their names.
type naming struct {
	columns []string
	places  []int // of the plan's columns, -1 where the image lacks one
	same    bool  // they are the image's
}

// image returns the values of the wanted columns.
func (n *naming) image(columns []string, image []any, wanted []string) []any {
	if image == nil {
		return nil
	}
	if len(columns) != len(n.columns) || len(columns) > 0 && &columns[0] != &n.columns[0] {
		n.read(columns, wanted)
	}
	if n.same && len(image) == len(columns) {
		return image
	}
	values := make([]any, len(n.places))
	for i, at := range n.places {
		if values[i] = change.Unknown; at >= 0 && at < len(image) {
			values[i] = image[at]
		}
	}
	return values
}

func (n *naming) read(columns, wanted []string) {
	*n = naming{columns: columns, places: make([]int, len(wanted)), same: slices.Equal(columns, wanted)}
	for i, name := range wanted {
		n.places[i] = slices.Index(columns, name)
	}
}
