package rules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/yamldoc"
	"github.com/wakeful-dev/wakeful/permit"
)

// Role says as which role of the database a request runs, so that the
// database's own rights and policies count, and what these can read of who asks:
//
//	role:
//	  anonymous: web_anon
//	  signed_in: authenticated
//	  claim: role
//	  allowed: [editor]
//	  claims: request.jwt.claims
//	  settings: {app.tenant: claims.tenant}
type Role struct {
	at                  yamldoc.Node
	anonymous, signedIn string
	claim               []string // names a role among allowed, or signedIn
	allowed             []string
	claims              string // the setting that has all claims
	settings            map[string]operand
}

// DefaultClaims is the setting that has the claims as JSON where the file names
// none: the one that PostgREST's policies read.
const DefaultClaims = "request.jwt.claims"

// ParseRole reads the key role of a file: the role of who has signed in, or a
// mapping.
func ParseRole(n yamldoc.Node) (*Role, error) {
	r := &Role{at: n, claims: DefaultClaims, settings: map[string]operand{}}
	if text, err := n.Text(); err == nil {
		r.signedIn = text
		return r, r.check()
	}
	err := n.Each(map[string]func(yamldoc.Node) error{
		"anonymous": readText(&r.anonymous),
		"signed_in": readText(&r.signedIn),
		"claim":     r.readClaim,
		"allowed":   func(n yamldoc.Node) (err error) { r.allowed, err = n.Texts(); return err },
		"claims":    readSettingName(&r.claims),
		"settings":  r.readSettings,
	})
	if err != nil {
		return nil, err
	}
	return r, r.check()
}

func (r *Role) check() error {
	switch {
	case len(r.Names()) == 0:
		return r.at.Errorf("no role is named: say signed_in, anonymous or allowed")
	case len(r.claim) > 0 && len(r.allowed) == 0:
		return r.at.Errorf("claim names roles, so allowed must list which ones it may name")
	case len(r.claim) == 0 && len(r.allowed) > 0:
		return r.at.Errorf("allowed lists roles that a claim may name: say which claim, as claim: role")
	}
	for _, name := range r.Names() {
		if name == "none" {
			return r.at.Errorf("none is no role: where nobody is to get in, leave the key out")
		}
	}
	if _, twice := r.settings[r.claims]; twice {
		return r.at.Errorf("the setting %s has the claims already: name another one with claims:", r.claims)
	}
	return nil
}

func readText(to *string) func(yamldoc.Node) error {
	return func(n yamldoc.Node) (err error) {
		*to, err = n.Text()
		return err
	}
}

// readSettingName takes the names that PostgreSQL leaves to applications.
func readSettingName(to *string) func(yamldoc.Node) error {
	return func(n yamldoc.Node) error {
		text, err := n.Text()
		if err == nil && !settable(text) {
			err = n.Errorf("%q: want a name of two parts or more, as %s", text, DefaultClaims)
		}
		*to = strings.ToLower(text)
		return err
	}
}

func settable(name string) bool {
	parts := strings.Split(name, ".")
	for _, part := range parts {
		if strings.Trim(strings.ToLower(part), "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || strings.Trim(part[:min(1, len(part))], "0123456789") == "" {
			return false
		}
	}
	return len(parts) > 1
}

func (r *Role) readClaim(n yamldoc.Node) error {
	o, err := readOperand(n)
	if err == nil && o.claim == nil {
		// The name alone is meant: no other word can stand here.
		o.claim = []string{strings.Join(o.column, "__")}
		if o.column == nil {
			err = n.Errorf("want the name of a claim, as role or claims.app.role")
		}
	}
	r.claim = o.claim
	return err
}

func (r *Role) readSettings(n yamldoc.Node) error {
	entries, err := n.Entries()
	errs := []error{err}
	for _, e := range entries {
		var name string
		if err := readSettingName(&name)(e.Key); err != nil {
			errs = append(errs, err)
			continue
		}
		o, err := readOperand(e.Value)
		if err == nil && o.claim == nil {
			err = e.Value.Errorf("want a claim, as claims.sub")
		}
		r.settings[name] = o
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func readOperand(n yamldoc.Node) (operand, error) {
	text, err := n.Text()
	if err != nil {
		return operand{}, err
	}
	tokens, err := lex(text)
	if err != nil {
		return operand{}, n.Errorf("%q: %v", text, err)
	}
	p := &parser{tokens: tokens}
	o, err := p.operand("a claim, as claims.role")
	if err == nil && p.peek().kind != end {
		err = p.unexpected("the end")
	}
	if err != nil {
		return operand{}, n.Errorf("%q: %v", text, err)
	}
	return o, nil
}

// Names lists each role that a request may run as, once.
func (r *Role) Names() []string {
	var names []string
	for _, name := range append([]string{r.anonymous, r.signedIn}, r.allowed...) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Anonymous reports whether who has not signed in has a role.
func (r *Role) Anonymous() bool { return r.anonymous != "" }

// Errorf is an error that names the role's place in the file.
func (r *Role) Errorf(format string, args ...any) error { return r.at.Errorf(format, args...) }

// Of is what a request runs as. The error is permit.SignIn, or what permit.Deny
// returns.
func (r *Role) Of(ctx context.Context) (name string, settings map[string]string, err error) {
	who, known := permit.From(ctx)
	a := &asking{Identity: who, known: known}
	if name, err = r.name(a); err != nil {
		return "", nil, err
	}
	settings = map[string]string{r.claims: claimsOf(who, name)}
	for setting, of := range r.settings {
		value, _ := a.claim(of.claim)
		settings[setting] = textOf(value)
	}
	return name, settings, nil
}

func (r *Role) name(a *asking) (string, error) {
	if !a.known {
		if r.anonymous == "" {
			return "", permit.SignIn
		}
		return r.anonymous, nil
	}
	if len(r.claim) > 0 {
		switch value, _ := a.claim(r.claim); value := value.(type) {
		case nil:
		case string:
			if value != "" && (value == r.signedIn || slices.Contains(r.allowed, value)) {
				return value, nil
			}
			return "", permit.Deny(fmt.Sprintf("the role %q is none that requests may have", value))
		default:
			return "", permit.Deny("the claim " + strings.Join(r.claim, ".") + " names no role")
		}
	}
	if r.signedIn == "" {
		return "", permit.Deny("the identity has no role in the database")
	}
	return r.signedIn, nil
}

// passing are claims that are another in each token of one person. Nobody has
// rights by them, and lists are shared by all else.
var passing = []string{"exp", "iat", "nbf", "jti"}

// claimsOf is what policies read: the claims without those that pass, and the
// role where the token names none.
func claimsOf(who permit.Identity, role string) string {
	claims := maps.Clone(who.Claims)
	if claims == nil {
		claims = map[string]any{}
	}
	for _, name := range passing {
		delete(claims, name)
	}
	if who.Subject != "" {
		claims["sub"] = who.Subject
	}
	if _, there := claims["role"]; !there {
		claims["role"] = role
	}
	return textOf(claims)
}

// textOf is a claim as current_setting has it; "" where there is none.
func textOf(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "" // claims come from JSON, which has no other values
	}
	return string(text)
}
