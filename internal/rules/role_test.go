package rules

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/yamldoc"
	"github.com/wakeful-dev/wakeful/permit"
)

func role(t *testing.T, text string) (*Role, error) {
	t.Helper()
	root, _, err := yamldoc.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var r *Role
	return r, root.Each(map[string]func(yamldoc.Node) error{"role": func(n yamldoc.Node) (err error) { r, err = ParseRole(n); return err }})
}

// TestRoleOf: who runs as which role, and what policies can read of him.
func TestRoleOf(t *testing.T) {
	const full = `
role:
  anonymous: web_anon
  signed_in: authenticated
  claim: app.role
  allowed: [editor]
  claims: App.Claims
  settings: {app.tenant: claims.app.tenant, app.teams: claims.teams}`
	full2 := strings.Replace(full, "app.role", "claims.app.role", 1)
	for _, tt := range []struct {
		text   string
		claims map[string]any // nil: nobody
		want   string
	}{
		{"role: authenticated", nil, "sign in"},
		{"role: authenticated", map[string]any{"sub": "ada", "exp": 1, "iat": 1, "nbf": 1, "jti": "x"}, `authenticated {"request.jwt.claims":{"role":"authenticated","sub":"ada"}}`},
		{"role: authenticated", map[string]any{"sub": "ada", "role": "admin"}, `authenticated {"request.jwt.claims":{"role":"admin","sub":"ada"}}`},
		{"role: {anonymous: web_anon}", nil, `web_anon {"request.jwt.claims":{"role":"web_anon"}}`},
		{"role: {anonymous: web_anon}", map[string]any{"sub": "ada"}, "denied"},
		{"role: {signed_in: a, claim: role, allowed: [b]}", map[string]any{"sub": "ada", "role": "b"}, `b {"request.jwt.claims":{"role":"b","sub":"ada"}}`},
		{"role: {signed_in: a, claim: role, allowed: [b]}", map[string]any{"sub": "ada", "role": "a"}, `a {"request.jwt.claims":{"role":"a","sub":"ada"}}`},
		{"role: {signed_in: a, claim: role, allowed: [b]}", map[string]any{"sub": "ada", "role": "postgres"}, "denied"},
		{"role: {signed_in: a, claim: role, allowed: [b]}", map[string]any{"sub": "ada", "role": ""}, "denied"},
		{"role: {signed_in: a, claim: role, allowed: [b]}", map[string]any{"sub": "ada", "role": []any{"b"}}, "denied"},
		{"role: {claim: role, allowed: [b]}", map[string]any{"sub": "ada"}, "denied"},
		{"role: {claim: role, allowed: [b]}", map[string]any{"sub": "ada", "role": ""}, "denied"}, // not the server's own
		{full2, nil, `web_anon {"app.claims":{"role":"web_anon"},"app.teams":"","app.tenant":""}`},
		{
			full2, map[string]any{"sub": "ada", "app": map[string]any{"role": "editor", "tenant": int64(9007199254740993)}, "teams": []any{"x", int64(2)}},
			`editor {"app.claims":{"app":{"role":"editor","tenant":9007199254740993},"role":"editor","sub":"ada","teams":["x",2]},"app.teams":["x",2],"app.tenant":"9007199254740993"}`,
		},
	} {
		r, err := role(t, tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		name, settings, err := r.Of(as(tt.claims).Context())
		var denied *permit.Denied
		var parts []string
		for _, setting := range []string{"app.claims", "request.jwt.claims", "app.teams", "app.tenant"} {
			value, there := settings[setting]
			if !there {
				continue
			}
			if !strings.HasPrefix(value, "{") && !strings.HasPrefix(value, "[") {
				value = fmt.Sprintf("%q", value)
			}
			parts = append(parts, fmt.Sprintf("%q:%s", setting, value))
		}
		got := name + " {" + strings.Join(parts, ",") + "}"
		switch {
		case errors.Is(err, permit.SignIn):
			got = "sign in"
		case errors.As(err, &denied):
			got = "denied"
		case err != nil:
			t.Errorf("%s: %v", tt.text, err)
		}
		if got != tt.want {
			t.Errorf("%s\nof %v:\n%s\nwant\n%s", tt.text, tt.claims, got, tt.want)
		}
	}
}

// TestRoleMistakes: each is told with its line.
func TestRoleMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"role: {}":                                                            "no role is named",
		"role: none":                                                          "none is no role",
		"role: [a, b]":                                                        "line 1",
		"role: {signed_in: a, claim: role}":                                   "allowed must list",
		"role: {signed_in: a, allowed: [b]}":                                  "say which claim",
		"role: {signd_in: a}":                                                 `unknown key "signd_in"; there are allowed, anonymous, claim, claims, settings, signed_in`,
		"role:\n  signed_in: a\n  claims: role":                               "line 3: role.claims",
		"role: {signed_in: a, claims: 'a.b c'}":                               "two parts or more",
		"role: {signed_in: a, claims: 'a..b'}":                                "two parts or more",
		"role: {signed_in: a, claims: 'a.1b'}":                                "two parts or more",
		"role: {signed_in: a, claim: [x]}":                                    "line 1",
		"role: {signed_in: a, claim: 5}":                                      "the name of a claim",
		"role: {signed_in: a, claim: 'a b'}":                                  "unexpected",
		"role: {signed_in: a, settings: {x: y}}":                              "two parts or more",
		"role: {signed_in: a, settings: {search_path: claims.sub}}":           "two parts or more",
		"role: {signed_in: a, settings: {app.x: owner}}":                      "want a claim",
		"role: {signed_in: a, settings: {app.x: [1]}}":                        "line 1",
		"role: {signed_in: a, settings: {request.jwt.claims: claims.sub}}":    "has the claims already",
		"role: {signed_in: a, settings: {Request.JWT.Claims: claims.sub}}":    "has the claims already",
		"role: {signed_in: a, allowed: [none], claim: role, claims: app.jwt}": "none is no role",
	} {
		if _, err := role(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}
