package resource

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/wire"
)

// state is a row as it stands, and what answers show of it.
type state struct {
	values []any
	item   []byte
}

func (s *state) tag() string { return tagOf(s.item) }

func (s *state) equal(other *state) bool {
	return bytes.Equal(s.item, other.item) && sameValues(s.values, other.values)
}

// errMoved says that somebody altered the row while a write of it was made
// ready.
var errMoved = errors.New("resource: the row was altered meanwhile")

// create makes a row.
func (c *call) create(w http.ResponseWriter) *wire.Problem {
	members, problem := c.body(w)
	if problem != nil {
		return problem
	}
	return c.insert(w, c.newInput(nil, nil), members)
}

// insert makes a row of what in has already and the members say.
func (c *call) insert(w http.ResponseWriter, in *input, members []given) *wire.Problem {
	if problem := in.read(members, false); problem != nil {
		return problem
	}
	if problem := in.validate(w); problem != nil {
		return problem
	}
	if problem := c.allowRow(w, permit.Create, in.values); problem != nil {
		return problem
	}
	var made *state
	err := c.alone(c.r.Context(), func(ctx context.Context, _ writer) (err error) {
		made, err = in.insertRow(ctx)
		return err
	}, in.explain)
	if err != nil {
		return c.failed(w, "create a row", err)
	}
	if len(c.key) > 0 {
		w.Header().Set("Location", c.location(made.values))
	}
	c.reply(w, http.StatusCreated, made)
	return nil
}

// replace sets all that can be written of a row. With If-None-Match: * it makes
// the row that the path names.
func (c *call) replace(w http.ResponseWriter) *wire.Problem {
	members, problem := c.body(w)
	if problem != nil {
		return problem
	}
	if !c.onlyNew() {
		return c.alter(w, members, true)
	}
	// What may be made, and be known to be there, is another right than the one
	// to alter.
	making, problem := c.layout.begin(c.r, permit.Create)
	if problem != nil {
		return problem
	}
	making.at, making.values = c.at, c.values
	return making.makeNamed(w, members)
}

// makeNamed makes the row that the path names.
func (c *call) makeNamed(w http.ResponseWriter, members []given) *wire.Problem {
	switch exist, err := c.exists(c.r.Context()); {
	case err != nil:
		return c.failed(w, "look for the row", err)
	case exist:
		return exists()
	}
	in := c.newInput(nil, nil)
	for i, at := range c.key {
		in.put(&c.fields[at], c.values[i])
	}
	return c.insert(w, in, members)
}

// patch sets what the body names of a row.
func (c *call) patch(w http.ResponseWriter) *wire.Problem {
	members, problem := c.body(w)
	if problem != nil {
		return problem
	}
	return c.alter(w, members, false)
}

func (c *call) alter(w http.ResponseWriter, members []given, whole bool) *wire.Problem {
	return c.settled(w, permit.Update, func(current *state) error {
		in := c.newInput(current.values, current.item)
		if problem := in.read(members, whole); problem != nil {
			return problem
		}
		if problem := in.validate(w); problem != nil {
			return problem
		}
		made := current
		err := c.alone(c.r.Context(), func(ctx context.Context, db writer) (err error) {
			made, err = in.updateRow(ctx, db, current)
			return err
		}, in.explain)
		if err == nil {
			c.reply(w, http.StatusOK, made)
		}
		return err
	})
}

// remove deletes a row.
func (c *call) remove(w http.ResponseWriter) *wire.Problem {
	return c.settled(w, permit.Delete, func(current *state) error {
		err := c.alone(c.r.Context(), func(ctx context.Context, db writer) error {
			return c.deleteRow(ctx, db, current)
		}, func(ctx context.Context, err error) error { return c.explainDelete(ctx, current, err) })
		if err == nil {
			w.WriteHeader(http.StatusNoContent)
		}
		return err
	})
}

// settled runs do on the row as it is: once more where somebody altered it
// before do could. What do is told is checked against what the client knows
// and whether it may.
func (c *call) settled(w http.ResponseWriter, action permit.Action, do func(*state) error) *wire.Problem {
	for until := time.Now().Add(patience); ; {
		current, err := c.read(c.r.Context(), c.values)
		if err != nil {
			return c.failed(w, "read the row", err)
		}
		if current == nil {
			return c.notFound()
		}
		if problem := c.checkMatch(w, current.tag()); problem != nil {
			return problem
		}
		if problem := c.allowRow(w, action, current.values); problem != nil {
			return problem
		}
		err = do(current)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, errMoved) || time.Now().After(until):
			return c.failed(w, "write the row", err)
		}
	}
}

// reply answers with a row.
func (c *call) reply(w http.ResponseWriter, status int, s *state) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	if len(c.key) > 0 {
		header.Set("ETag", s.tag())
	}
	w.WriteHeader(status)
	_, _ = w.Write(s.item) // a client that is gone is nobody to tell
}

// location is the path of a row that was made by a POST to the list, as the
// client sees it.
func (c *call) location(values []any) string {
	path, _, _ := strings.Cut(c.r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") {
		path = c.r.URL.EscapedPath()
	}
	if c.r.Method == http.MethodPut {
		return path // the row's own
	}
	return strings.TrimSuffix(path, "/") + "/" + wire.KeySegment(c.keyParts(values)...)
}

// validate asks Config.Validate, and takes what it altered.
func (in *input) validate(w http.ResponseWriter) *wire.Problem {
	if in.hooks.validate == nil {
		return nil
	}
	touched, err := in.hooks.validate(in.r.Context(), in.layout, in.values)
	if err != nil {
		return in.failed(w, "validate", err)
	}
	for i := range in.fields {
		f := &in.fields[i]
		if v, ok := touched[f.place]; ok && !f.column.Generated {
			in.put(f, v)
		}
	}
	return nil
}

// allowRow asks Config.AllowRow.
func (c *call) allowRow(w http.ResponseWriter, action permit.Action, values []any) *wire.Problem {
	if c.hooks.allow == nil {
		return nil
	}
	err := c.hooks.allow(c.r, action, c.layout, values)
	if err == nil {
		return nil
	}
	return c.failed(w, "ask who may alter the row", err)
}

// failed answers for an error: with what it says where it is meant for the
// client, else with a word that says nothing.
func (c *call) failed(w http.ResponseWriter, doing string, err error) *wire.Problem {
	var problem *wire.Problem
	var denied *permit.Denied
	var invalid Invalid
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &denied):
		return c.refused(err)
	case errors.As(err, &invalid):
		return invalid.problem()
	case errors.Is(err, errMoved):
		w.Header().Set("Retry-After", "1")
		return wire.NewProblem(http.StatusServiceUnavailable, wire.CodeUnavailable, "others keep altering the row; try again, or with If-Match")
	}
	if r := c.refusal(err); r != nil {
		return c.refuse(w, doing, r, err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		w.Header().Set("Retry-After", "1")
	}
	return c.unavailable(doing, err)
}
