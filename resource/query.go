package resource

import (
	"errors"
	"maps"
	"net/url"
	"slices"

	"github.com/wakeful-dev/wakeful/where"
	"github.com/wakeful-dev/wakeful/wire"
)

// query is what the parameters of a list ask for.
type query struct {
	values  url.Values // without observe
	filters []where.Expr
	order   []term
	window  window
}

// controls are the parameters that are no filters. A column of such a name is
// filtered by with name__exact.
func (l *layout) controls() []string {
	names := []string{"ordering"}
	if len(l.search) > 0 {
		names = append(names, "search")
	}
	for _, s := range l.Page.Styles {
		for _, name := range styleParameters[s] {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// parse reads the parameters of a list.
func (c *call) parse() (*query, *wire.Problem) {
	values, problem := parameters(c.r.URL.RawQuery)
	if problem != nil {
		return nil, problem
	}
	q := &query{values: values, order: c.layout.order}
	if len(values) == 0 {
		q.window = window{style: c.Page.Styles[0], limit: c.Page.Size, page: 1}
		return q, nil
	}
	controls := c.controls()
	wrong := &complaints{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		texts := values[name]
		if c.format(name, texts, wrong) {
			continue
		}
		if slices.Contains(controls, name) {
			if len(texts) > 1 {
				wrong.add(wire.CodeBadParameter, name, "want it once, not %d times", len(texts))
			}
			continue
		}
		for _, text := range texts {
			if e, ok := c.filtered(name, text, wrong); ok {
				q.filters = append(q.filters, e)
			}
		}
	}
	if text := values.Get("ordering"); text != "" {
		q.order = c.ordering(text, wrong)
	}
	if slices.Contains(controls, "search") {
		q.filters = append(q.filters, c.searching(values.Get("search"), wrong)...)
	}
	if len(wrong.by) == 0 {
		q.window = c.windowOf(values, q.order, wrong)
	}
	if wrong.err != nil {
		return nil, c.refused(wrong.err)
	}
	wrong.known = append(controls, c.known...)
	return q, wrong.problem()
}

// parameters reads a query string. observe is for the server around the app.
func parameters(raw string) (url.Values, *wire.Problem) {
	if raw == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		wrong := &complaints{}
		wrong.add(wire.CodeBadParameter, "query", "the URL's query is not well formed: want name=value with & between them, percent-encoded")
		return nil, wrong.problem()
	}
	delete(values, "observe")
	return values, nil
}

// filtered is the condition of one parameter; what is wrong with it goes to
// wrong.
func (c *call) filtered(name, text string, wrong *complaints) (e where.Expr, ok bool) {
	f, k, known := c.filterOf(name)
	switch {
	case f == nil:
		wrong.add(wire.CodeUnknownParameter, name, "no such parameter")
		return e, false
	case !known:
		wrong.add(wire.CodeUnknownParameter, name, "no such lookup; there are %s", listed(words(f.lookups)))
		return e, false
	}
	e, err := f.expr(k, text)
	if err != nil {
		wrong.add(wire.CodeBadParameter, name, "%v", err)
		return e, false
	}
	return c.across(f.hops, e, wrong)
}

// across follows foreign keys, to rows that the request may filter by.
func (c *call) across(hops []hop, e where.Expr, wrong *complaints) (where.Expr, bool) {
	for _, h := range slices.Backward(hops) {
		if c.Reach != nil {
			reach, err := c.Reach(c.r, h.table)
			if err == nil && reach == nil {
				err = errors.New("Config.Reach returned no condition and no error; where.All() is every row")
			}
			if err != nil {
				wrong.err = err
				return nil, false
			}
			c.reached = append(c.reached, reach)
			e = where.And(reach, e)
		}
		e = where.Via(h.column, e)
	}
	return e, true
}

// plain reads the parameters of what takes none.
func (c *call) plain() *wire.Problem {
	values, problem := parameters(c.r.URL.RawQuery)
	if problem != nil || len(values) == 0 {
		return problem
	}
	wrong := &complaints{}
	for name, texts := range values {
		if !c.format(name, texts, wrong) {
			wrong.add(wire.CodeUnknownParameter, name, "a single row takes no parameters")
		}
	}
	return wrong.problem()
}
