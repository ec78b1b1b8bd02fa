package auth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/wire"
)

const (
	maxToken = 16 << 10 // bytes
	maxKnown = 10_000   // tokens whose signature is not checked again
)

// tokens checks JSON Web Tokens.
type tokens struct {
	cfg        Config
	algorithms []jose.SignatureAlgorithm
	keys       *keys // nil: tokens are signed by the secret alone

	mu    sync.Mutex
	known map[[32]byte]*known
	of    *keySet // what the known ones were checked with
}

// known is a token whose signature was good.
type known struct {
	who    Who
	claims jwt.Claims
}

func newTokens(cfg Config) (*tokens, error) {
	t := &tokens{cfg: cfg, known: map[[32]byte]*known{}}
	if cfg.Secret != nil {
		t.algorithms = append(t.algorithms, jose.HS256)
	}
	if cfg.JWKS != "" {
		t.algorithms = append(t.algorithms, jose.RS256, jose.ES256)
		var err error
		if t.keys, err = newKeys(cfg); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *tokens) ready(ctx context.Context) error {
	if t.keys == nil {
		return nil
	}
	_, err := t.keys.current(ctx)
	return err
}

// identify reads an Authorization header.
func (t *tokens) identify(ctx context.Context, header string) (Who, error) {
	scheme, text, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return Who{}, refuse("the Authorization header is not of the kind: Bearer <token>")
	}
	text = strings.TrimSpace(text)
	if len(text) > maxToken {
		return Who{}, refuse("the token is longer than " + strconv.Itoa(maxToken) + " bytes")
	}
	k, err := t.check(ctx, text)
	if err != nil {
		return Who{}, err
	}
	if err := t.valid(&k.claims); err != nil {
		return Who{}, err
	}
	who := k.who
	who.Until = k.claims.Expiry.Time().Add(t.cfg.Leeway)
	return who, nil
}

// check returns what a token says, once its signature is known to be good.
func (t *tokens) check(ctx context.Context, text string) (*known, error) {
	var set *keySet
	if t.keys != nil {
		set = t.keys.held(ctx)
	}
	sum := sha256.Sum256([]byte(text))
	t.mu.Lock()
	if t.of != set {
		t.of, t.known = set, map[[32]byte]*known{} // a key may be gone
	}
	k := t.known[sum]
	t.mu.Unlock()
	if k != nil {
		return k, nil
	}
	k, set, err := t.verify(ctx, text)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == set {
		if len(t.known) >= maxKnown {
			clear(t.known)
		}
		t.known[sum] = k
	}
	return k, nil
}

// verify checks a signature. It returns the keys that it was checked with.
func (t *tokens) verify(ctx context.Context, text string) (*known, *keySet, error) {
	token, err := jwt.ParseSigned(text, t.algorithms)
	if err != nil || len(token.Headers) != 1 {
		return nil, nil, refuse("the token is not a JSON Web Token signed by " + t.names())
	}
	header := token.Headers[0]
	var candidates []any
	var set *keySet
	if header.Algorithm == string(jose.HS256) {
		candidates = []any{t.cfg.Secret}
		if t.keys != nil {
			set = t.keys.held(ctx)
		}
	} else if candidates, set, err = t.keys.find(ctx, header.KeyID, header.Algorithm); err != nil {
		return nil, nil, err
	}
	for _, key := range candidates {
		var payload json.RawMessage
		if token.Claims(key, &payload) != nil {
			continue
		}
		k, err := read(payload)
		return k, set, err
	}
	if len(candidates) == 0 {
		return nil, nil, refuse("the token is signed by a key that is not known")
	}
	return nil, nil, refuse("the signature of the token is not good")
}

func (t *tokens) names() string {
	var names []string
	for _, a := range t.algorithms {
		names = append(names, string(a))
	}
	return strings.Join(names, " or ")
}

// read takes apart what a token says.
func read(payload []byte) (*known, error) {
	bad := refuse("the claims of the token are not of the form of RFC 7519")
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var raw map[string]any
	if err := decoder.Decode(&raw); err != nil || raw == nil {
		return nil, bad
	}
	k := &known{}
	claims, ok := exact(raw).(map[string]any)
	if !ok {
		return nil, bad
	}
	for name, to := range map[string]**jwt.NumericDate{"exp": &k.claims.Expiry, "nbf": &k.claims.NotBefore, "iat": &k.claims.IssuedAt} {
		if !date(claims, name, to) {
			return nil, bad
		}
	}
	for name, to := range map[string]*string{"iss": &k.claims.Issuer, "sub": &k.claims.Subject} {
		if value, there := claims[name]; there {
			if *to, ok = value.(string); !ok {
				return nil, bad
			}
		}
	}
	if k.claims.Audience, ok = audience(claims["aud"]); !ok {
		return nil, bad
	}
	if k.claims.Expiry == nil {
		return nil, refuse("the token has no exp")
	}
	k.who = Who{Identity: permit.Identity{Subject: k.claims.Subject, Claims: claims}, Key: keyOf(claims, k.claims)}
	return k, nil
}

// date reads a NumericDate that time.Time can hold.
func date(claims map[string]any, name string, to **jwt.NumericDate) bool {
	var seconds float64
	switch value := claims[name].(type) {
	case nil:
		_, there := claims[name]
		return !there
	case int64:
		seconds = float64(value)
	case float64:
		seconds = math.Floor(value)
	default:
		return false
	}
	if math.Abs(seconds) > 1<<40 {
		return false
	}
	when := jwt.NumericDate(int64(seconds))
	*to = &when
	return true
}

func audience(value any) (jwt.Audience, bool) {
	switch value := value.(type) {
	case nil:
		return nil, true
	case string:
		return jwt.Audience{value}, true
	case []any:
		var list jwt.Audience
		for _, one := range value {
			text, ok := one.(string)
			if !ok {
				return nil, false
			}
			list = append(list, text)
		}
		return list, true
	}
	return nil, false
}

// exact turns numbers into int64 where they are integers, else into float64.
func exact(value any) any {
	switch value := value.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(value.String(), 10, 64); err == nil {
			return n
		}
		f, _ := value.Float64() // what is too large is infinite, and equal to nothing that anybody asks for
		return f
	case []any:
		for i := range value {
			value[i] = exact(value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = exact(value[name])
		}
	}
	return value
}

// keyOf names the person: issuer and subject, or, where there is no subject,
// all that does not change when a token is renewed.
func keyOf(claims map[string]any, of jwt.Claims) string {
	if of.Subject != "" {
		return "token " + strconv.Quote(of.Issuer) + strconv.Quote(of.Subject)
	}
	rest := maps.Clone(claims)
	for _, name := range []string{"exp", "nbf", "iat", "jti", "auth_time"} {
		delete(rest, name)
	}
	text, err := json.Marshal(rest) // sorted by name
	if err != nil {
		return "token " + strconv.Quote(of.Issuer) + "?" // an infinite number: no person has one
	}
	return "claims " + string(text)
}

// valid checks what changes with time, and what is wanted.
func (t *tokens) valid(claims *jwt.Claims) error {
	wanted := jwt.Expected{Issuer: t.cfg.Issuer, AnyAudience: slices.Clone(t.cfg.Audience), Time: t.cfg.Now()}
	switch err := claims.ValidateWithLeeway(wanted, t.cfg.Leeway); {
	case err == nil:
		return nil
	case errors.Is(err, jwt.ErrExpired):
		return refuse("the token has expired")
	case errors.Is(err, jwt.ErrNotValidYet):
		return refuse("the token is not valid yet")
	case errors.Is(err, jwt.ErrIssuedInTheFuture):
		return refuse("the token was issued in the future: compare the clocks")
	case errors.Is(err, jwt.ErrInvalidIssuer):
		return refuse("the token is of another issuer")
	case errors.Is(err, jwt.ErrInvalidAudience):
		return refuse("the token is for another audience")
	}
	return wire.NewProblem(http.StatusUnauthorized, wire.CodeUnauthenticated, "the token is not valid here")
}
