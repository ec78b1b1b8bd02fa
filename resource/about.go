package resource

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/wakeful-dev/wakeful/internal/accept"
	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/wire"
)

// about is what OPTIONS answers to who asks for JSON: what the resource is, and
// what the caller may do with it. Forms are made of it.
type about struct {
	Name    string          `json:"name"`
	Actions []permit.Action `json:"actions"`
	// Observable, and why not.
	Observable bool   `json:"observable"`
	Why        string `json:"why,omitempty"`

	Key    []string     `json:"key"`
	Fields []aboutField `json:"fields"`
	// Rendered: items are not made of the fields alone.
	Rendered bool     `json:"rendered"`
	Nested   []string `json:"nested"`

	Filters  []aboutFilter `json:"filters"`
	Ordering []string      `json:"ordering"` // that a request can ask for
	Order    []string      `json:"order"`    // where it does not
	Search   bool          `json:"search"`
	Styles   []string      `json:"styles"` // of pages, the first where a request does not ask
	PageSize int           `json:"page_size"`
	MaxPage  int           `json:"max_page_size"`
	Format   bool          `json:"format"` // ?format=json is understood
}

type aboutField struct {
	Name   string `json:"name"`
	Schema object `json:"schema"`
	// Create and Update say what a body has of it: "no", "may", "must".
	Create string `json:"create"`
	Update string `json:"update"`
	// To is the table that the field alone refers to, by its key.
	To string `json:"to,omitempty"`
}

type aboutFilter struct {
	Name    string        `json:"name"`
	Schema  object        `json:"schema"`
	Lookups []aboutLookup `json:"lookups"`
}

type aboutLookup struct {
	Lookup    Lookup `json:"lookup"`
	Parameter string `json:"parameter"`
}

// asksAbout reports whether a request with OPTIONS wants to be told more than
// the methods: it names JSON in its header Accept.
func (l *layout) asksAbout(r *http.Request) bool {
	if l.Browse.Off {
		return false
	}
	for name, q := range accept.Ranges(r.Header) {
		if name == mediaType && q > 0 {
			return true
		}
	}
	return false
}

// tell answers what the resource, or one row of it, is to the caller. Who may
// do nothing with it is told nothing.
func (l *layout) tell(w http.ResponseWriter, r *http.Request, key string, one bool) *wire.Problem {
	actions, problem := l.actionsOf(w, r, key, one)
	if problem != nil {
		return problem
	}
	body, err := json.Marshal(l.about(actions))
	if err != nil {
		return l.unavailable("tell of the resource", err)
	}
	w.Header().Set("Cache-Control", "no-store")
	answerJSON(w, body)
	return nil
}

// actionsOf are those that the caller may do; problem is why there are none.
func (l *layout) actionsOf(w http.ResponseWriter, r *http.Request, key string, one bool) (actions []permit.Action, problem *wire.Problem) {
	for _, action := range []permit.Action{permit.Read, permit.Create, permit.Update, permit.Delete} {
		if !l.takes(action) || one && action == permit.Create {
			continue
		}
		no := l.mayDo(w, r, action, key, one)
		switch {
		case no == nil:
			actions = append(actions, action)
		case no.Status >= http.StatusInternalServerError:
			return nil, no
		case problem == nil:
			problem = no
		}
	}
	if actions == nil {
		return nil, problem
	}
	return actions, nil
}

// mayDo says why the caller may not do something, with the row where it is
// about one: as it is, for what it would be then nobody knows.
func (l *layout) mayDo(w http.ResponseWriter, r *http.Request, action permit.Action, key string, one bool) *wire.Problem {
	c, problem := l.begin(r, action)
	if problem != nil || !one {
		return problem
	}
	if problem := c.take(key); problem != nil {
		return problem
	}
	row, err := c.read(r.Context(), c.values)
	switch {
	case err != nil:
		return c.failed(w, "read the row", err)
	case row == nil:
		return c.notFound()
	case action == permit.Read:
		return nil
	}
	return c.allowRow(w, action, row.values)
}

func (l *layout) about(actions []permit.Action) *about {
	a := &about{
		Name: l.Name, Actions: actions, Observable: l.unobserved == "", Why: l.unobserved,
		Key: l.keyNames(), Rendered: l.render != nil, Nested: []string{},
		Filters: []aboutFilter{}, Ordering: append([]string{}, l.byOrder...), Order: []string{}, Search: len(l.search) > 0,
		PageSize: l.Page.Size, MaxPage: l.Page.Max, Format: l.formats(),
	}
	for _, style := range l.Page.Styles {
		a.Styles = append(a.Styles, map[Style]string{ByOffset: "offset", ByNumber: "number", ByCursor: "cursor"}[style])
	}
	for i := range l.Nested {
		a.Nested = append(a.Nested, l.Nested[i].Name)
	}
	for _, t := range l.order {
		f := l.fieldOf(t.column.Name)
		if f == nil {
			break // nobody is told of a column that is not shown
		}
		name := f.name
		if t.desc {
			name = "-" + name
		}
		a.Order = append(a.Order, name)
	}
	s := &described{layout: l}
	a.Fields = s.aboutFields()
	a.Filters = append(a.Filters, s.aboutFilters()...)
	return a
}

func (s *described) aboutFields() []aboutField {
	fields := make([]aboutField, len(s.fields))
	in := &input{call: &call{layout: s.layout}, set: make([]bool, len(s.columns))}
	for i := range s.fields {
		f := &s.fields[i]
		one := aboutField{Name: f.name, Schema: s.fieldSchema(f), Create: "may", Update: "may", To: s.leadsTo(f.column.Name)}
		switch {
		case f.readOnly || s.table.View:
			one.Create, one.Update = "no", "no"
		case in.wanted(f, false):
			one.Create = "must"
		}
		if s.isKey(f) {
			one.Update = "no"
		}
		fields[i] = one
	}
	return fields
}

// leadsTo is the table whose rows a column names by their key.
func (l *layout) leadsTo(column string) string {
	for i := range l.table.Foreign {
		key := &l.table.Foreign[i]
		if len(key.Columns) != 1 || key.Columns[0] != column {
			continue
		}
		if to := l.schema.Table(key.Table); to != nil && slices.Equal(to.Key, key.To) {
			return to.Name
		}
	}
	return ""
}

func (s *described) aboutFilters() []aboutFilter {
	var filters []aboutFilter
	controls := s.controls()
	for _, name := range s.known {
		f := s.filters[name]
		one := aboutFilter{Name: name, Schema: columnSchema(&f.column, false, s.Numbers)}
		for _, k := range f.lookups {
			one.Lookups = append(one.Lookups, aboutLookup{k, parameterName(controls, name, k)})
		}
		filters = append(filters, one)
	}
	return filters
}
