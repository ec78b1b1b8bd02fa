// Package permit says who may call: as a value that is asked with each
// request, and that others are made of with All, Any and Not.
//
//	Allow: permit.Any(permit.ReadOnly, permit.SignedIn)
//
// A Permit that reads the database with the request's context is a right that
// lives: where what it read changes, everybody who follows a list is asked
// again.
//
// Pipeline: request → [permit] → resource.
package permit

import (
	"context"
	"errors"
	"net/http"
)

// Action is what a request wants to do.
type Action string

const (
	Read   Action = "read"
	Create Action = "create"
	Update Action = "update"
	Delete Action = "delete"
)

// Permit decides whether a request may do something: nil is yes. No is
// SignIn or what Deny returns; any other error says that it cannot be decided
// now, and is answered with 503.
type Permit func(*http.Request, Action) error

// SignIn is the no that another identity could turn into a yes: 401.
var SignIn error = &Denied{Status: http.StatusUnauthorized, Reason: "sign in first: the request has no identity"}

// Deny is the no with a reason, which the client is told: 403.
func Deny(reason string) error { return &Denied{Status: http.StatusForbidden, Reason: reason} }

// Denied is a no.
type Denied struct {
	Status int // 401 or 403
	Reason string
}

func (d *Denied) Error() string { return "permit: " + d.Reason }

// Public allows everything to everybody.
func Public(*http.Request, Action) error { return nil }

// SignedIn allows everything to those who have an identity.
func SignedIn(r *http.Request, _ Action) error {
	if _, ok := From(r.Context()); !ok {
		return SignIn
	}
	return nil
}

// ReadOnly allows to read, and nothing else.
func ReadOnly(_ *http.Request, a Action) error {
	if a != Read {
		return Deny("it can only be read")
	}
	return nil
}

// Only allows the actions named, to everybody.
func Only(actions ...Action) Permit {
	return func(_ *http.Request, a Action) error {
		for _, allowed := range actions {
			if a == allowed {
				return nil
			}
		}
		return Deny("not allowed: " + string(a))
	}
}

// All allows what each of the permits allows. The first no counts.
func All(permits ...Permit) Permit {
	return func(r *http.Request, a Action) error {
		for _, p := range permits {
			if err := p(r, a); err != nil {
				return err
			}
		}
		return nil
	}
}

// Any allows what one of the permits allows. Where none does and signing in
// could help, the answer says so; else it is the first no. Where one cannot
// decide and no other allows it, nor does Any.
func Any(permits ...Permit) Permit {
	return func(r *http.Request, a Action) error {
		var no error
		for _, p := range permits {
			err := p(r, a)
			if err == nil {
				return nil
			}
			if no == nil || rank(err) > rank(no) {
				no = err
			}
		}
		if no == nil {
			return Deny("nobody is allowed")
		}
		return no
	}
}

// rank orders refusals by how much they say: undecided, sign in, no.
func rank(err error) int {
	var denied *Denied
	switch {
	case !errors.As(err, &denied):
		return 2
	case denied.Status == http.StatusUnauthorized:
		return 1
	}
	return 0
}

// Not allows what p refuses, and refuses what p allows.
func Not(p Permit) Permit {
	return func(r *http.Request, a Action) error {
		err := p(r, a)
		var denied *Denied
		switch {
		case err == nil:
			return Deny("not allowed: " + string(a))
		case errors.As(err, &denied):
			return nil
		}
		return err
	}
}

// Identity is who a request comes from, as whoever has checked its credentials
// says.
type Identity struct {
	// Subject names the person or program.
	Subject string
	// Claims are what else is known of it: those of a token, as JSON has them.
	Claims map[string]any
}

type contextKey struct{}

// NewContext returns a context that carries an identity, for the handlers
// behind an authentication:
//
//	next.ServeHTTP(w, r.WithContext(permit.NewContext(r.Context(), who)))
func NewContext(ctx context.Context, who Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, who)
}

// From returns the identity that a context carries.
func From(ctx context.Context) (Identity, bool) {
	who, ok := ctx.Value(contextKey{}).(Identity)
	return who, ok
}
