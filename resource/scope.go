package resource

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"

	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/where"
	"github.com/wakeful-dev/wakeful/wire"
)

// fingerprint stands for what an answer depends on beside its URL: the rows
// that the request may see and filter by, its rights in the database, and the
// scheme, which the links of a page have in them.
func (c *call) fingerprint() string {
	h := sha256.New()
	for _, text := range c.rights() {
		h.Write([]byte(text))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (c *call) rights() []string {
	texts := []string{scheme(c.r), readset.Rights(c.r.Context()), c.scope.Canonical()}
	for _, e := range c.reached {
		texts = append(texts, e.Canonical())
	}
	return texts
}

// policed reports whether policies of the database say which rows of the
// reading there are: then the rows that changed say nothing of who sees them.
func (p *reading) policed(ctx context.Context) bool {
	asRole := readset.Rights(ctx) != ""
	names := append(p.match.Tables(), p.table.Name)
	for _, n := range p.nested {
		names = append(names, n.table.Name)
	}
	return slices.ContainsFunc(names, func(name string) bool {
		t := p.schema.Table(name)
		return t == nil || t.Policed || t.Policies && asRole
	})
}

// forbidden answers for what the database does not let its user do, or the role
// that the request has there: that is how it is meant then, and nobody's fault.
func (c *call) forbidden(doing string, err error) *wire.Problem {
	const reason = "the database does not allow it"
	if readset.Rights(c.r.Context()) == "" {
		c.Logger.Warn(reason, "resource", c.Name, "doing", doing, "error", err)
	} else if _, known := permit.From(c.r.Context()); !known {
		return c.refused(permit.SignIn)
	}
	return c.refused(permit.Deny(reason))
}

// unbound answers for a condition that is none of the table. What a request
// says has been read by the columns' types, so it is mostly the scope's fault.
func (c *call) unbound(err error) *wire.Problem {
	if _, bad := where.Bind(c.scope, c.table, c.schema); bad != nil {
		return c.unavailable("bind the scope", bad)
	}
	var of *where.Error
	if errors.As(err, &of) {
		wrong := &complaints{}
		wrong.add(wire.CodeBadParameter, of.Column, "%s", of.Why)
		return wrong.problem()
	}
	return wire.NewProblem(http.StatusBadRequest, wire.CodeBadParameter, err.Error())
}
