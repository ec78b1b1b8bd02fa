// Package auth says who sends a request: by a JSON Web Token, or by a header
// that a trusted proxy has set.
//
// Promises: what a token says counts only where its signature is by a key that
// was configured for its very algorithm (HS256 by a secret; RS256 and ES256 by
// a JWKS), it has an exp that is not over, and issuer and audience are those
// that are wanted. No algorithm is taken from the token's word alone, and none
// is no algorithm. What cannot be decided (keys that cannot be had) is
// neither yes nor no: 503. No token, and nothing of one, is ever in an answer
// or in the log.
//
// Pipeline: request → [auth] → permit.Identity in the context → resources.
package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/wire"
)

// Config says how requests are authenticated. Without Secret, JWKS and Header
// nobody is anybody.
type Config struct {
	// Secret signs tokens by HS256: 32 bytes or more.
	Secret []byte
	// JWKS is the file or the URL of the keys that sign tokens by RS256 or
	// ES256. A URL is https, or http to this machine.
	JWKS string
	// Issuer is the iss that tokens must have; "": any.
	Issuer string
	// Audience lists the aud of which tokens must have one; none: any.
	Audience []string
	// Leeway is how far clocks may be apart. Default 30 s; negative: none.
	Leeway time.Duration

	// Header names the header in which a trusted proxy says who the user is.
	// Whoever makes the Authenticator takes care that it comes from nobody else.
	Header string
	// HeaderClaims names for claims the headers in which the proxy says them.
	HeaderClaims map[string]string

	// Client fetches the JWKS. Default: one with a short patience.
	Client *http.Client
	// Logger is told of keys that cannot be had. Default: nothing is logged.
	Logger *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Authenticator knows who sends a request. It takes concurrent use.
type Authenticator struct {
	cfg    Config
	tokens *tokens // nil: none are taken
}

const minSecret = 32 // bytes: RFC 7518 §3.2

// New checks a Config. It fetches nothing: keys are read when they are needed.
func New(cfg Config) (*Authenticator, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case cfg.Leeway == 0:
		cfg.Leeway = 30 * time.Second
	case cfg.Leeway < 0:
		cfg.Leeway = 0
	}
	if cfg.Secret != nil && len(cfg.Secret) < minSecret {
		return nil, fmt.Errorf("auth: the secret has %d bytes: HS256 needs %d or more", len(cfg.Secret), minSecret)
	}
	if cfg.Header == "" && len(cfg.HeaderClaims) > 0 {
		return nil, errors.New("auth: claims by header need the header that names the user")
	}
	for claim, header := range cfg.HeaderClaims {
		if claim == "" || header == "" || claim == "sub" {
			return nil, fmt.Errorf("auth: claim %q by header %q: want the name of a claim but sub, and of a header", claim, header)
		}
	}
	a := &Authenticator{cfg: cfg}
	if cfg.Secret == nil && cfg.JWKS == "" {
		if cfg.Issuer != "" || len(cfg.Audience) > 0 {
			return nil, errors.New("auth: an issuer or audience is wanted of tokens, but there is no key to check one with: give a secret or a JWKS")
		}
		return a, nil
	}
	var err error
	a.tokens, err = newTokens(cfg)
	return a, err
}

// Required reports whether there is a way to be somebody at all.
func (a *Authenticator) Required() bool { return a.tokens != nil || a.cfg.Header != "" }

// Ready says why tokens cannot be checked at the moment, nil where they can.
func (a *Authenticator) Ready(ctx context.Context) error {
	if a.tokens == nil {
		return nil
	}
	return a.tokens.ready(ctx)
}

// Run has the keys of a URL fresh until ctx is done.
func (a *Authenticator) Run(ctx context.Context) error {
	if a.tokens != nil && a.tokens.keys != nil {
		a.tokens.keys.run(ctx)
	}
	<-ctx.Done()
	return nil
}

// Who is what a request proves.
type Who struct {
	permit.Identity
	// Key is equal for requests of one person, "" for nobody's.
	Key string
	// Until is when the proof is over; zero: never.
	Until time.Time
}

// Identify says who sends a request: nobody where it carries no proof. An
// error is a *wire.Problem.
func (a *Authenticator) Identify(r *http.Request) (Who, error) {
	if a.tokens != nil {
		switch values := r.Header["Authorization"]; len(values) {
		case 0:
		case 1:
			return a.tokens.identify(r.Context(), values[0])
		default:
			return Who{}, refuse("more than one Authorization header")
		}
	}
	if a.cfg.Header != "" {
		return a.byHeader(r)
	}
	return Who{}, nil
}

// byHeader takes a trusted proxy's word.
func (a *Authenticator) byHeader(r *http.Request) (Who, error) {
	subject, err := one(r, a.cfg.Header)
	if err != nil || subject == "" {
		return Who{}, err
	}
	claims := map[string]any{"sub": subject}
	for claim, header := range a.cfg.HeaderClaims {
		value, err := one(r, header)
		if err != nil {
			return Who{}, err
		}
		if value != "" {
			claims[claim] = value
		}
	}
	return Who{Identity: permit.Identity{Subject: subject, Claims: claims}, Key: "header " + strconv.Quote(subject)}, nil
}

func one(r *http.Request, header string) (string, error) {
	switch values := r.Header.Values(header); len(values) {
	case 0:
		return "", nil
	case 1:
		return strings.TrimSpace(values[0]), nil
	}
	return "", refuse("more than one " + header + " header")
}

// Headers lists the headers that only a trusted proxy may set.
func (a *Authenticator) Headers() []string {
	if a.cfg.Header == "" {
		return nil
	}
	headers := []string{a.cfg.Header}
	for _, header := range a.cfg.HeaderClaims {
		headers = append(headers, header)
	}
	return headers
}

// Identity is wakeful.Config.Identity.
func (a *Authenticator) Identity(r *http.Request) (string, error) {
	who, err := a.Identify(r)
	return who.Key, err
}

// Wrap puts the identity of each request into its context. A proof that is no
// good is answered with 401, also where nobody needs to be anybody.
func (a *Authenticator) Wrap(next http.Handler) http.Handler {
	if !a.Required() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := a.Identify(r)
		var problem *wire.Problem
		switch {
		case errors.As(err, &problem):
			a.Challenge(w.Header(), problem)
			problem.Write(w)
		case who.Key != "":
			next.ServeHTTP(w, r.WithContext(permit.NewContext(r.Context(), who.Identity)))
		default:
			next.ServeHTTP(&challenger{ResponseWriter: w, auth: a}, r)
		}
	})
}

// Challenge adds to a 401 how to authenticate.
func (a *Authenticator) Challenge(header http.Header, problem *wire.Problem) {
	switch {
	case a.tokens == nil || problem != nil && problem.Status != http.StatusUnauthorized:
	case problem == nil:
		header.Set("WWW-Authenticate", `Bearer realm="wakeful"`)
	default:
		header.Set("WWW-Authenticate", `Bearer realm="wakeful", error="invalid_token", error_description=`+strconv.Quote(problem.Detail))
	}
}

// challenger adds to a 401 of what lies behind how to authenticate.
type challenger struct {
	http.ResponseWriter
	auth *Authenticator
}

func (c *challenger) WriteHeader(status int) {
	if status == http.StatusUnauthorized {
		c.auth.Challenge(c.Header(), nil)
	}
	c.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (c *challenger) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func refuse(why string) *wire.Problem {
	return wire.NewProblem(http.StatusUnauthorized, wire.CodeUnauthenticated, why)
}

func undecided(why string) *wire.Problem {
	return wire.NewProblem(http.StatusServiceUnavailable, wire.CodeUnavailable, why)
}
