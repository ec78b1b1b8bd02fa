package resource

import (
	"net/http"

	"github.com/wakeful-dev/wakeful/where"
	"github.com/wakeful-dev/wakeful/wire"
)

// detail answers with one row.
func (c *call) detail(w http.ResponseWriter) *wire.Problem {
	if problem := c.plain(); problem != nil {
		return problem
	}
	if done, problem := c.observed(w); done || problem != nil {
		return problem
	}
	p, problem := c.single(c.keeps())
	if problem != nil {
		return problem
	}
	rows, err := c.rows(p, c.keeps())
	if err != nil {
		return c.unread("read the row", err)
	}
	if len(rows.List) == 0 {
		return c.notFound()
	}
	body, err := c.appendItem(nil, rows.List[0].Values, rows.List[0].Nested)
	if err != nil {
		return c.unavailable("write the row", err)
	}
	tag := tagOf(body)
	w.Header().Set("ETag", tag)
	if unchanged(c.r, tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	answerJSON(w, body)
	return nil
}

// single is the reading of the row that the path names.
func (c *call) single(kept bool) (*reading, *wire.Problem) {
	p, err := c.readingOf(where.And(c.scope, c.at), c.total(nil), window{style: ByCursor}, kept)
	if err != nil {
		return nil, c.unbound(err)
	}
	p.plan.Single = true
	return p, nil
}

// find returns the values of the row that the path names, in the order of
// layout.columns.
func (c *call) find() ([]any, *wire.Problem) {
	p, problem := c.single(false)
	if problem != nil {
		return nil, problem
	}
	asked := p.exactly()
	if err := c.get(c.r.Context(), asked); err != nil {
		return nil, c.unread("read the row", err)
	}
	if len(asked.rows.List) == 0 {
		return nil, c.notFound()
	}
	return asked.rows.List[0].Values, nil
}
