package resource

import (
	"context"
	"database/sql"
	"net/http"
	"slices"
	"strconv"

	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/where"
	"github.com/wakeful-dev/wakeful/wire"
)

// list answers with a page.
func (c *call) list(w http.ResponseWriter) *wire.Problem {
	q, problem := c.parse()
	if problem != nil {
		return problem
	}
	if done, problem := c.observed(w); done || problem != nil {
		return problem
	}
	e, order := where.And(append(q.filters, c.scope)...), q.order
	if cursor := q.window.cursor; cursor != nil {
		e = where.And(e, cursor.condition(order))
		if cursor.before {
			order = reversed(order)
		}
	}
	// What leads up to a cursor is read backwards, which no plan says.
	kept := c.keeps() && (q.window.cursor == nil || !q.window.cursor.before)
	p, err := c.readingOf(e, order, q.window, kept)
	if err != nil {
		return c.unbound(err)
	}
	p.plan.Meta = q.window.meta(c.layout, q.order, places(p.plan.Columns, q.order), linksOf(c.r, q.values))
	rows, err := c.rows(p, kept)
	if err != nil {
		return c.unread("read the list", err)
	}
	return c.answerPage(w, p, rows, q.window)
}

// answerPage writes the window of what was read.
func (c *call) answerPage(w http.ResponseWriter, p *reading, rows *ivm.Rows, window window) *wire.Problem {
	from := min(p.plan.Offset-min(p.plan.Offset, rows.Before), len(rows.List))
	to := min(from+p.plan.Limit, len(rows.List))
	shown := rows.List[from:to]
	state := ivm.State{Total: rows.Total, More: rows.More || to < len(rows.List)}
	if len(shown) > 0 {
		state.First, state.Last = shown[0].Values, shown[len(shown)-1].Values
	}
	if window.cursor != nil && window.cursor.before {
		shown = slices.Clone(shown)
		slices.Reverse(shown)
	}
	meta := p.plan.Meta(state)
	body := make([]byte, 0, len(meta)+32+len(shown)*len(c.fields)*24)
	body = append(append(body, meta[:len(meta)-1]...), `,"results":[`...)
	for i := range shown {
		if i > 0 {
			body = append(body, ',')
		}
		var err error
		if body, err = c.appendItem(body, shown[i].Values, shown[i].Nested); err != nil {
			return c.unavailable("write a row", err)
		}
	}
	answerJSON(w, append(body, "]}"...))
	return nil
}

// unread answers for a list or a row that the database did not read. What a
// request compares with, it may be the first to read by the column's type.
func (c *call) unread(doing string, err error) *wire.Problem {
	if r := c.refusal(err); r != nil {
		switch r.Reason {
		case schema.Mistyped:
			return wire.NewProblem(http.StatusBadRequest, wire.CodeBadParameter, "a value to compare with is none that its column takes")
		case schema.Forbidden:
			return c.forbidden(doing, err)
		}
	}
	return c.unavailable(doing, err)
}

func answerJSON(w http.ResponseWriter, body []byte) {
	header := w.Header()
	header["Content-Type"] = []string{"application/json"}
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // a client that is gone is nobody to tell
}

// keeps reports whether the request is an evaluation whose list can be kept by
// a plan: what a view holds follows from other tables' changes.
func (c *call) keeps() bool { return c.mark != nil && c.mark.Evaluating && !c.table.View }

// observed tells whoever observes what this is. done: that was all it wanted
// to know.
func (c *call) observed(w http.ResponseWriter) (done bool, problem *wire.Problem) {
	if c.mark == nil {
		return false, nil
	}
	if c.unobserved != "" {
		return false, wire.NewProblem(http.StatusUnprocessableEntity, wire.CodeNotObservable, c.unobserved)
	}
	view := &mark.View{Name: c.Name, Key: c.keyNames(), Headers: []string{}}
	if !c.Personal {
		view.Scope = c.fingerprint()
	}
	c.mark.Set(view)
	if c.mark.Evaluating && c.mark.Trial {
		w.WriteHeader(http.StatusOK)
	}
	return !c.mark.Evaluating || c.mark.Trial, nil
}

// rows reads what the answer is made of. In an evaluation what is read for it
// is noted apart from what rights rest on.
func (c *call) rows(p *reading, kept bool) (*ivm.Rows, error) {
	ctx, reads := c.r.Context(), (*readset.Set)(nil)
	kept = kept && !p.policed(ctx)
	asked := p.exactly()
	if kept {
		ctx, reads = readset.Apart(ctx)
		asked = p.withReserve(p.plan.Reserve())
	}
	if err := c.get(ctx, asked); err != nil {
		return nil, err
	}
	if reads != nil {
		c.mark.Keep(&mark.Kept{Plan: &p.plan, Rows: asked.rows, Reads: reads})
	}
	return asked.rows, nil
}

// get reads one list with all that is nested in it, in one state of the
// database: an evaluation's snapshot, or a transaction where it takes several
// statements.
func (l *layout) get(ctx context.Context, asked asking) error {
	if len(l.nested) > 0 && readset.From(ctx) == nil {
		options := &sql.TxOptions{ReadOnly: true}
		if l.dialect().Typed() { // else each statement has a state of its own
			options.Isolation = sql.LevelRepeatableRead
		}
		tx, err := l.DB.BeginTx(ctx, options)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // it has read and nothing else
		ctx = through(ctx, tx)
	}
	if err := l.ask(ctx, []asking{asked}); err != nil {
		return err
	}
	return l.fill(ctx, []*ivm.Rows{asked.rows})
}
