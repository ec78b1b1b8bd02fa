package permit_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/wakeful-dev/wakeful/permit"
)

var errAway = errors.New("the database is away")

func away(*http.Request, permit.Action) error { return errAway }

func TestPermits(t *testing.T) {
	anonymous := httptest.NewRequest("GET", "/", nil)
	known := anonymous.WithContext(permit.NewContext(anonymous.Context(), permit.Identity{Subject: "ann"}))
	nobody := permit.Not(permit.Public)
	const yes, signIn, no, cannot = "yes", "sign in", "no", "cannot tell"
	for _, c := range []struct {
		name   string
		permit permit.Permit
		r      *http.Request
		action permit.Action
		want   string
	}{
		{"public", permit.Public, anonymous, permit.Delete, yes},
		{"signed in", permit.SignedIn, known, permit.Update, yes},
		{"not signed in", permit.SignedIn, anonymous, permit.Read, signIn},
		{"read only reads", permit.ReadOnly, anonymous, permit.Read, yes},
		{"read only writes", permit.ReadOnly, known, permit.Create, no},
		{"only", permit.Only(permit.Read, permit.Create), anonymous, permit.Create, yes},
		{"only others", permit.Only(permit.Read, permit.Create), anonymous, permit.Delete, no},
		{"all", permit.All(permit.ReadOnly, permit.SignedIn), known, permit.Read, yes},
		{"all, the first no", permit.All(permit.ReadOnly, permit.SignedIn), anonymous, permit.Create, no},
		{"all of none", permit.All(), anonymous, permit.Create, yes},
		{"any", permit.Any(permit.ReadOnly, permit.SignedIn), known, permit.Create, yes},
		{"any, where signing in helps", permit.Any(permit.ReadOnly, permit.SignedIn), anonymous, permit.Create, signIn},
		{"any of none", permit.Any(), known, permit.Read, no},
		{"any, one undecided", permit.Any(away, permit.SignedIn), anonymous, permit.Read, cannot},
		{"any, another allows", permit.Any(away, permit.SignedIn), known, permit.Read, yes},
		{"all, one undecided", permit.All(permit.SignedIn, away), known, permit.Read, cannot},
		{"not", permit.Not(permit.ReadOnly), anonymous, permit.Create, yes},
		{"not of yes", nobody, known, permit.Read, no},
		{"not of undecided", permit.Not(away), known, permit.Read, cannot},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := yes
			var denied *permit.Denied
			switch err := c.permit(c.r, c.action); {
			case errors.Is(err, permit.SignIn):
				got = signIn
			case errors.As(err, &denied):
				got = no
			case err != nil:
				got = cannot
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestIdentity(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	if who, ok := permit.From(r.Context()); ok {
		t.Errorf("an identity from nowhere: %v", who)
	}
	who, ok := permit.From(permit.NewContext(r.Context(), permit.Identity{Subject: "ann", Claims: map[string]any{"org": 7.0}}))
	if !ok || who.Subject != "ann" || who.Claims["org"] != 7.0 {
		t.Errorf("got %v, %v", who, ok)
	}
}
