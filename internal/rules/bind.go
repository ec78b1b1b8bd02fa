package rules

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource/value"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/where"
)

// Bound are rules joined with one version of a schema.
type Bound struct {
	// Tables are those of the schema of which somebody may do something, in
	// its order.
	Tables []*Table
	// Unfit says for each table, by its name, why its rules do not fit it. It
	// is not in Tables.
	Unfit map[string]error
	// Unknown says which rules name no table.
	Unknown error

	byName map[string]*Table
}

// Err is everything that does not fit.
func (b *Bound) Err() error {
	var errs []error
	for _, err := range b.Unfit {
		errs = append(errs, err)
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(append(errs, b.Unknown)...)
}

// Table is a table and its rules.
type Table struct {
	*schema.Table
	// Key, Hidden, ReadOnly, Search and Ordering are columns of it, as the
	// rules name them.
	Key, Hidden, ReadOnly, Search, Ordering []string
	PageSize, MaxPageSize                   int // 0: the resource's own
	Numbers                                 value.Numbers

	rules *table
}

// table is what is asked of the rules of one table with each request.
type table struct {
	allow map[permit.Action]condition
	scope condition
	paths map[string]*path // by the column as a condition writes it
}

// path leads through foreign keys to a column.
type path struct {
	through []string // columns
	column  *schema.Column
}

// Bind joins the rules with a schema.
func (r *Rules) Bind(s *schema.Schema) *Bound {
	b := &Bound{Unfit: map[string]error{}, byName: map[string]*Table{}}
	ruled := map[string]*entry{}
	var unknown []error
	for i := range r.tables {
		e := &r.tables[i]
		switch t := s.Table(e.table); {
		case t == nil:
			unknown = append(unknown, e.at.Errorf("there is no table or view %q; there are %s", e.table, tableNames(s)))
		case ruled[t.Name] != nil:
			unknown = append(unknown, e.at.Errorf("the table %q is there already, in line %d", t.Name, ruled[t.Name].at.Line))
		default:
			ruled[t.Name] = e
		}
	}
	b.Unknown = errors.Join(unknown...)
	for _, t := range s.Tables {
		e := ruled[t.Name]
		if e == nil {
			e = &entry{}
		}
		bound, err := r.bind(s, t, e)
		switch {
		case err != nil:
			b.Unfit[t.Name] = err
		case bound.rules.closed():
		default:
			b.Tables = append(b.Tables, bound)
			b.byName[t.Name] = bound
		}
	}
	return b
}

func tableNames(s *schema.Schema) string {
	names := make([]string, len(s.Tables))
	for i, t := range s.Tables {
		names[i] = t.Name
	}
	return listed(names)
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// bind joins the rules of one table with it.
func (r *Rules) bind(s *schema.Schema, t *schema.Table, e *entry) (*Table, error) {
	b := &binder{schema: s, table: t, paths: map[string]*path{}}
	rules := &table{allow: map[permit.Action]condition{}, paths: b.paths}
	for _, action := range actions {
		rule := e.allow[action]
		if !rule.given {
			rule = r.otherwise.allow[action]
		}
		if rule.given {
			b.condition(rule, rule.condition)
			rules.allow[action] = rule.condition
		} else {
			rules.allow[action] = always(false)
		}
	}
	scope := e.scope
	if !scope.given {
		scope = r.otherwise.scope
	}
	rules.scope = always(true)
	if scope.given {
		b.condition(scope, scope.condition)
		rules.scope = scope.condition
	}
	bound := &Table{
		Table: t, rules: rules, PageSize: e.pageSize, MaxPageSize: e.maxPageSize, Numbers: e.numbers,
		Key: b.columns(e.key), Hidden: b.columns(e.hidden), ReadOnly: b.columns(e.readOnly),
		Search: b.columns(e.search),
	}
	bound.Ordering = b.ordering(e.ordering, bound.Hidden)
	if bound.PageSize == 0 && bound.MaxPageSize == 0 {
		bound.PageSize, bound.MaxPageSize = r.otherwise.pageSize, r.otherwise.maxPageSize
	}
	if !e.numbersSet {
		bound.Numbers = r.otherwise.numbers
	}
	return bound, errors.Join(b.errs...)
}

// closed reports whether nobody may do anything.
func (t *table) closed() bool {
	if t.scope == always(false) {
		return true
	}
	for _, c := range t.allow {
		if c != always(false) {
			return false
		}
	}
	return true
}

// binder looks up what the rules of a table name.
type binder struct {
	schema *schema.Schema
	table  *schema.Table
	paths  map[string]*path
	errs   []error
}

func (b *binder) columns(n names) []string {
	var found []string
	for _, name := range n.list {
		if c := column(b.table, name); c != nil {
			found = append(found, c.Name)
		} else {
			b.errs = append(b.errs, n.at.Errorf("%s has no column %q; it has %s", b.table.Name, name, listed(b.table.Names())))
		}
	}
	return found
}

// ordering is columns, those that descend with a minus before them.
func (b *binder) ordering(n names, hidden []string) []string {
	var found []string
	for _, name := range n.list {
		plain, descends := strings.CutPrefix(name, "-")
		for _, c := range b.columns(names{n.at, []string{plain}}) {
			if slices.Contains(hidden, c) {
				b.errs = append(b.errs, n.at.Errorf("%q is hidden, and cursors have in them what a list is ordered by", c))
			}
			if descends {
				c = "-" + c
			}
			found = append(found, c)
		}
	}
	return found
}

// column finds one by its name, as a person writes it.
func column(t *schema.Table, name string) *schema.Column {
	if c := t.Column(name); c != nil {
		return c
	}
	i := slices.IndexFunc(t.Columns, func(c schema.Column) bool { return strings.EqualFold(c.Name, name) })
	if i < 0 {
		return nil
	}
	return &t.Columns[i]
}

// condition looks up all that a condition names.
func (b *binder) condition(r rule, c condition) {
	switch c := c.(type) {
	case not:
		b.condition(r, c.inner)
	case both:
		b.condition(r, c.left)
		b.condition(r, c.right)
	case either:
		b.condition(r, c.left)
		b.condition(r, c.right)
	case missing:
		b.operand(r, c.left)
	case comparison:
		b.operand(r, c.left, c.right)
	case membership:
		b.operand(r, c.left, c.right...)
	}
}

// operand looks up a column, and whether the literals beside it are values of it.
func (b *binder) operand(r rule, left operand, right ...operand) {
	if left.column == nil {
		return
	}
	p := b.paths[left.String()]
	if p == nil {
		var err error
		if p, err = b.path(left.column); err != nil {
			b.errs = append(b.errs, r.at.Errorf("%v", err))
			return
		}
		b.paths[left.String()] = p
	}
	for _, o := range right {
		if !o.literal() {
			continue
		}
		if _, ok := fit(p.column, o.value); !ok {
			b.errs = append(b.errs, r.at.Errorf("%v", wanted(p.column, o)))
		}
	}
}

// path follows names through foreign keys.
func (b *binder) path(parts []string) (*path, error) {
	p := &path{}
	t := b.table
	if c := column(t, strings.Join(parts, "__")); c != nil {
		return &path{column: c}, nil
	}
	for i, part := range parts {
		c := column(t, part)
		if c == nil {
			hint := ""
			if t == b.table && len(parts) == 1 && part == "claims" {
				hint = "; a claim is written claims.sub"
			}
			return nil, fmt.Errorf("%s has no column %q; it has %s%s", t.Name, part, listed(t.Names()), hint)
		}
		if i == len(parts)-1 {
			p.column = c
			break
		}
		next := b.target(t, c.Name)
		if next == nil {
			return nil, fmt.Errorf("%s of %s is no foreign key; there are %s", part, t.Name, listed(foreignKeys(t)))
		}
		p.through = append(p.through, c.Name)
		t = next
	}
	return p, nil
}

// target is the table that a foreign key of one column leads to.
func (b *binder) target(t *schema.Table, name string) *schema.Table {
	for _, key := range t.Foreign {
		if len(key.Columns) == 1 && key.Columns[0] == name {
			return b.schema.Table(key.Table)
		}
	}
	return nil
}

func foreignKeys(t *schema.Table) []string {
	var names []string
	for _, key := range t.Foreign {
		if len(key.Columns) == 1 {
			names = append(names, key.Columns[0])
		}
	}
	return names
}

// Allow is the table's permit: yes where there could be a row.
func (t *Table) Allow(r *http.Request, action permit.Action) error {
	o, known := t.outcome(r, action)
	switch {
	case o.met != never:
		return nil
	case !known && t.rules.allow[action] != always(false):
		return permit.SignIn
	}
	return permit.Deny("the rules of " + t.Name + " do not allow to " + string(action))
}

// Scope is which rows exist for a request.
func (t *Table) Scope(r *http.Request, action permit.Action) (where.Expr, error) {
	o, _ := t.outcome(r, action)
	return o.expr(), nil
}

// Scoped reports whether the rules ever leave out a row.
func (t *Table) Scoped() bool { return len(t.rules.paths) > 0 }

// outcome of the rules for a request. What is altered must be seen: an answer
// shows it.
func (t *Table) outcome(r *http.Request, action permit.Action) (o outcome, known bool) {
	who, known := permit.From(r.Context())
	a := &asking{Identity: who, known: known, table: t.rules}
	o = a.outcome(t.rules.scope, false).and(a.outcome(t.rules.allow[action], false))
	if action == permit.Update || action == permit.Delete {
		o = o.and(a.outcome(t.rules.allow[permit.Read], false))
	}
	return o, known
}

// Reach is by which rows of a table a request may filter others.
func (b *Bound) Reach(r *http.Request, table string) (where.Expr, error) {
	t := b.byName[table]
	if t == nil {
		return where.None(), nil
	}
	return t.Scope(r, permit.Read)
}

// Find returns a table by its name, nil where there is none to see.
func (b *Bound) Find(name string) *Table { return b.byName[name] }
