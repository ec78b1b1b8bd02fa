package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/wire"
)

var secret = []byte("a secret of thirty-two bytes and more")

// makeKeys makes the keys of the tests once: that takes its time.
var makeKeys = sync.OnceValue(func() (k struct {
	rsa, other, short *rsa.PrivateKey
	ec                *ecdsa.PrivateKey
	p384              *ecdsa.PrivateKey
}) {
	k.rsa, _ = rsa.GenerateKey(rand.Reader, 2048)
	k.other, _ = rsa.GenerateKey(rand.Reader, 2048)
	k.ec, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k.p384, _ = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	// 1,024 bits are refused, also by who would make them.
	had := os.Getenv("GODEBUG")
	_ = os.Setenv("GODEBUG", "rsa1024min=0")
	k.short, _ = rsa.GenerateKey(rand.Reader, 1024)
	_ = os.Setenv("GODEBUG", had)
	return k
})

type claims map[string]any

func sign(t *testing.T, algorithm jose.SignatureAlgorithm, key any, id string, body claims) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT")
	if id != "" {
		options = options.WithHeader("kid", id)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func jwks(t *testing.T, keys ...jose.JSONWebKey) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func public(id string, key any) jose.JSONWebKey { return jose.JSONWebKey{Key: key, KeyID: id} }

func bearer(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func identify(a *Authenticator, token string) (Who, *wire.Problem) {
	who, err := a.Identify(bearer(token))
	var problem *wire.Problem
	errors.As(err, &problem)
	return who, problem
}

func part(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func TestTokens(t *testing.T) {
	k := makeKeys()
	now := time.Unix(1_800_000_000, 0)
	in := func(d time.Duration) int64 { return now.Add(d).Unix() }
	good := claims{"sub": "ada", "iss": "https://id.example", "aud": []string{"other", "board"}, "exp": in(time.Hour)}
	with := func(change claims) claims {
		body := claims{}
		for name, value := range good {
			body[name] = value
		}
		for name, value := range change {
			if body[name] = value; value == nil {
				delete(body, name)
			}
		}
		return body
	}
	file := write(t, filepath.Join(t.TempDir(), "keys.json"), jwks(t,
		public("r", &k.rsa.PublicKey), public("e", &k.ec.PublicKey), public("short", &k.short.PublicKey), public("big", &k.p384.PublicKey),
		jose.JSONWebKey{Key: []byte("a symmetric key that somebody has published"), KeyID: "oct"},
		jose.JSONWebKey{Key: &k.other.PublicKey, KeyID: "enc", Use: "enc"},
	))
	both, err := New(Config{
		Secret: secret, JWKS: file, Issuer: "https://id.example", Audience: []string{"board", "desk"},
		Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	hs := func(body claims) string { return sign(t, jose.HS256, secret, "", body) }
	valid := hs(good)
	publicPEM, _ := x509.MarshalPKIXPublicKey(&k.rsa.PublicKey)
	pemText := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicPEM})
	split := strings.Split(valid, ".")

	for _, tt := range []struct{ name, token, why string }{
		{"by secret", valid, ""},
		{"by RSA key", sign(t, jose.RS256, k.rsa, "r", good), ""},
		{"by RSA key, unnamed", sign(t, jose.RS256, k.rsa, "", good), ""},
		{"by EC key", sign(t, jose.ES256, k.ec, "e", good), ""},
		{"one audience", hs(with(claims{"aud": "desk"})), ""},
		{"just over, within leeway", hs(with(claims{"exp": in(-29 * time.Second)})), ""},
		{"about to begin, within leeway", hs(with(claims{"nbf": in(29 * time.Second)})), ""},

		{"over", hs(with(claims{"exp": in(-31 * time.Second)})), "expired"},
		{"not begun", hs(with(claims{"nbf": in(31 * time.Second)})), "not valid yet"},
		{"issued in the future", hs(with(claims{"iat": in(time.Hour)})), "issued in the future"},
		{"without an end", hs(with(claims{"exp": nil})), "no exp"},
		{"end is text", hs(with(claims{"exp": "tomorrow"})), "RFC 7519"},
		{"end is null", hs(with(claims{"exp": json.RawMessage("null")})), "RFC 7519"},
		{"end is beyond time", hs(with(claims{"exp": 1e300})), "RFC 7519"},
		{"subject is a number", hs(with(claims{"sub": 7})), "RFC 7519"},
		{"audience is a number", hs(with(claims{"aud": 7})), "RFC 7519"},
		{"another issuer", hs(with(claims{"iss": "https://id.example.evil"})), "another issuer"},
		{"no issuer", hs(with(claims{"iss": nil})), "another issuer"},
		{"another audience", hs(with(claims{"aud": "boards"})), "another audience"},
		{"no audience", hs(with(claims{"aud": nil})), "another audience"},

		{"another secret", sign(t, jose.HS256, []byte("another secret of thirty-two bytes!"), "", good), "signature"},
		{"another key under a known name", sign(t, jose.RS256, k.other, "r", good), "signature"},
		{"a key of the set under another name", sign(t, jose.RS256, k.rsa, "e", good), "not known"},
		{"unknown name", sign(t, jose.RS256, k.other, "x", good), "not known"},
		{"a key for encryption", sign(t, jose.RS256, k.other, "enc", good), "not known"},
		{"a short key", signShort(t, k.short, "short", good), "not known"},
		{"a symmetric key of the set", sign(t, jose.HS256, []byte("a symmetric key that somebody has published"), "oct", good), "signature"},
		{"the public key as a secret", sign(t, jose.HS256, pemText, "r", good), "signature"},
		{"the modulus as a secret", sign(t, jose.HS256, k.rsa.N.Bytes(), "r", good), "signature"},
		{"an algorithm beside", sign(t, jose.HS512, append(secret, secret...), "", good), "HS256 or RS256 or ES256"},
		{"another RSA algorithm", sign(t, jose.PS256, k.rsa, "r", good), "HS256 or RS256 or ES256"},
		{"another curve", sign(t, jose.ES384, k.p384, "big", good), "HS256 or RS256 or ES256"},
		{"none", part(`{"alg":"none"}`) + "." + split[1] + ".", "HS256 or RS256 or ES256"},
		{"None", part(`{"alg":"None"}`) + "." + split[1] + "." + split[2], "HS256 or RS256 or ES256"},
		{"no algorithm", part(`{}`) + "." + split[1] + "." + split[2], "HS256 or RS256 or ES256"},
		{"no signature", split[0] + "." + split[1] + ".", "signature"},
		{"claims of another", split[0] + "." + part(`{"sub":"eve","exp":9999999999}`) + "." + split[2], "signature"},
		{"a key of its own", part(`{"alg":"RS256","jwk":`+jwksOne(t, &k.other.PublicKey)+`}`) + "." + split[1] + "." + split[2], "signature"},
		{"claims are a list", signText(t, `[1]`), "RFC 7519"},
		{"claims are null", signText(t, `null`), "RFC 7519"},
		{"claims are no JSON", signText(t, `{"sub":`), "not good"},
		{"nothing", "", "HS256 or RS256 or ES256"},
		{"nonsense", "a.b.c", "HS256 or RS256 or ES256"},
		{"five parts", "a.b.c.d.e", "HS256 or RS256 or ES256"},
		{"huge", strings.Repeat("a", maxToken+1), "longer than"},
	} {
		for range 2 { // the second time from memory, where it was good
			who, problem := identify(both, tt.token)
			switch {
			case tt.why == "" && (problem != nil || who.Subject != "ada" || who.Claims["iss"] != "https://id.example" || who.Key == ""):
				t.Errorf("%s: %+v, %v", tt.name, who, problem)
			case tt.why != "" && (problem == nil || problem.Status != 401 || !strings.Contains(problem.Detail, tt.why)):
				t.Errorf("%s: %+v, %v; want 401 with %q", tt.name, who, problem, tt.why)
			case problem != nil && tt.token != "" && len(tt.token) > 20 && strings.Contains(problem.Detail, tt.token):
				t.Errorf("%s: the answer has the token", tt.name)
			}
		}
	}
}

// TestTokenEnds: a token that was good ends to be, though it is known.
func TestTokenEnds(t *testing.T) {
	var now atomic.Int64
	now.Store(1_800_000_000)
	a, err := New(Config{Secret: secret, Leeway: -1, Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	if err != nil {
		t.Fatal(err)
	}
	token := sign(t, jose.HS256, secret, "", claims{"sub": "ada", "exp": now.Load() + 60})
	who, problem := identify(a, token)
	if problem != nil || !who.Until.Equal(time.Unix(now.Load()+60, 0)) {
		t.Fatalf("%+v, %v", who, problem)
	}
	now.Add(61)
	if _, problem := identify(a, token); problem == nil || !strings.Contains(problem.Detail, "expired") {
		t.Errorf("after its end: %v", problem)
	}
}

func TestClaimsAreExact(t *testing.T) {
	a, err := New(Config{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	who, problem := identify(a, signText(t, `{"exp":9999999999,"org":9007199254740993,"f":1.5,"deep":{"list":[1,"x",true]}}`))
	if problem != nil {
		t.Fatal(problem)
	}
	deep, _ := who.Claims["deep"].(map[string]any)
	list, _ := deep["list"].([]any)
	if who.Claims["org"] != int64(9007199254740993) || who.Claims["f"] != 1.5 || len(list) != 3 || list[0] != int64(1) {
		t.Errorf("claims: %#v", who.Claims)
	}
	renewed, _ := identify(a, signText(t, `{"exp":9999999998,"iat":1,"org":9007199254740993,"f":1.5,"deep":{"list":[1,"x",true]}}`))
	another, _ := identify(a, signText(t, `{"exp":9999999999,"org":9007199254740992,"f":1.5,"deep":{"list":[1,"x",true]}}`))
	if who.Key == "" || who.Key != renewed.Key || who.Key == another.Key {
		t.Errorf("keys without a subject: %q, renewed %q, another %q", who.Key, renewed.Key, another.Key)
	}
}

// TestKeysRotate: a new key counts when a token asks for it, one that is gone
// counts no more, and keys that cannot be read leave the old ones.
func TestKeysRotate(t *testing.T) {
	k := makeKeys()
	var now atomic.Int64
	now.Store(1_800_000_000)
	var set atomic.Pointer[string]
	var asked atomic.Int64
	serve := func(text string) { set.Store(&text) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		if text := *set.Load(); text != "" {
			_, _ = w.Write([]byte(text))
			return
		}
		http.Error(w, "ill", http.StatusInternalServerError)
	}))
	defer server.Close()
	a, err := New(Config{JWKS: server.URL, Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	if err != nil {
		t.Fatal(err)
	}
	body := claims{"sub": "ada", "exp": int64(9_999_999_999)}
	old, fresh := sign(t, jose.RS256, k.rsa, "old", body), sign(t, jose.ES256, k.ec, "new", body)

	serve("")
	if _, problem := identify(a, old); problem == nil || problem.Status != 503 {
		t.Errorf("without keys: %v, want 503: it is not known whether the token is good", problem)
	}
	if err := a.Ready(t.Context()); err == nil {
		t.Error("ready without keys")
	}
	serve(jwks(t, public("old", &k.rsa.PublicKey)))
	now.Add(11)
	if who, problem := identify(a, old); problem != nil || who.Subject != "ada" {
		t.Errorf("once there are keys: %v", problem)
	}
	before := asked.Load()
	for range 100 {
		if _, problem := identify(a, fresh); problem == nil || problem.Status != 401 {
			t.Errorf("unknown key: %v", problem)
		}
		if _, problem := identify(a, old); problem != nil {
			t.Errorf("known key: %v", problem)
		}
	}
	if n := asked.Load() - before; n > 1 {
		t.Errorf("asked %d times for a key that nobody has", n)
	}
	serve(jwks(t, public("new", &k.ec.PublicKey)))
	now.Add(11)
	if _, problem := identify(a, fresh); problem != nil {
		t.Errorf("new key: %v", problem)
	}
	if _, problem := identify(a, old); problem == nil || problem.Status != 401 {
		t.Errorf("key that is gone: %v", problem)
	}
	serve("")
	now.Add(3600)
	if _, problem := identify(a, fresh); problem != nil {
		t.Errorf("while the keys cannot be read: %v", problem)
	}
	now.Add(25 * 3600)
	if _, problem := identify(a, sign(t, jose.ES256, k.ec, "new", claims{"sub": "bob", "exp": int64(9_999_999_999)})); problem == nil || problem.Status != 503 {
		t.Errorf("when they could not be read for a day: %v", problem)
	}
}

// TestKeysTellNothing: what a URL of keys hides is not in the log.
func TestKeysTellNothing(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // nobody answers there
	var log bytes.Buffer
	a, err := New(Config{JWKS: server.URL + "/keys?token=s3cret", Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if a.Ready(t.Context()) == nil || !strings.Contains(log.String(), "could not be read") {
		t.Fatalf("keys that nobody has told: %s", log.String())
	}
	if strings.Contains(log.String(), "s3cret") {
		t.Errorf("the log says %s", log.String())
	}
}

func TestKeysOfAFileRotate(t *testing.T) {
	k := makeKeys()
	var now atomic.Int64
	now.Store(1_800_000_000)
	file := write(t, filepath.Join(t.TempDir(), "keys.json"), jwks(t, public("a", &k.rsa.PublicKey)))
	a, err := New(Config{JWKS: file, Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	if err != nil {
		t.Fatal(err)
	}
	body := claims{"sub": "ada", "exp": int64(9_999_999_999)}
	first, second := sign(t, jose.RS256, k.rsa, "a", body), sign(t, jose.ES256, k.ec, "b", body)
	if _, problem := identify(a, first); problem != nil {
		t.Fatal(problem)
	}
	write(t, file, jwks(t, public("b", &k.ec.PublicKey)))
	now.Add(2)
	if _, problem := identify(a, first); problem == nil {
		t.Error("a token by a key that is gone is good still")
	}
	if _, problem := identify(a, second); problem != nil {
		t.Error(problem)
	}
	write(t, file, `{"keys":`)
	now.Add(2)
	if _, problem := identify(a, second); problem != nil {
		t.Errorf("a file that is being written: %v", problem)
	}
}

func TestHeaderOfAProxy(t *testing.T) {
	a, err := New(Config{Header: "X-Remote-User", HeaderClaims: map[string]string{"role": "X-Remote-Role"}})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if who, err := a.Identify(r); err != nil || who.Key != "" {
		t.Errorf("without: %+v, %v", who, err)
	}
	r.Header.Set("X-Remote-User", "ada")
	r.Header.Set("X-Remote-Role", "admin")
	who, err := a.Identify(r)
	if err != nil || who.Subject != "ada" || who.Claims["role"] != "admin" || who.Claims["sub"] != "ada" {
		t.Errorf("with: %+v, %v", who, err)
	}
	r.Header.Add("X-Remote-User", "eve")
	if who, err := a.Identify(r); err == nil {
		t.Errorf("two users: %+v", who)
	}
}

func TestWrap(t *testing.T) {
	a, err := New(Config{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	app := a.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, ok := permit.From(r.Context())
		if !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(who.Subject))
	}))
	ask := func(authorization ...string) (int, string, string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Authorization"] = authorization
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		return w.Code, w.Header().Get("WWW-Authenticate"), w.Body.String()
	}
	good := sign(t, jose.HS256, secret, "", claims{"sub": "ada", "exp": int64(9_999_999_999)})
	for _, tt := range []struct {
		name          string
		authorization []string
		status        int
		challenge     string
		body          string
	}{
		{"nobody", nil, 401, `Bearer realm="wakeful"`, ""},
		{"somebody", []string{"Bearer " + good}, 200, "", "ada"},
		{"the scheme in small letters", []string{"bearer " + good}, 200, "", "ada"},
		{"a token that is none", []string{"Bearer x"}, 401, `error="invalid_token"`, "unauthenticated"},
		{"a password", []string{"Basic YTpi"}, 401, `error="invalid_token"`, "Bearer <token>"},
		{"two of them", []string{"Bearer " + good, "Bearer " + good}, 401, `error="invalid_token"`, "more than one"},
	} {
		status, challenge, body := ask(tt.authorization...)
		if status != tt.status || !strings.Contains(challenge, tt.challenge) || !strings.Contains(body, tt.body) {
			t.Errorf("%s: %d, %q, %q", tt.name, status, challenge, body)
		}
	}
}

func TestBadConfig(t *testing.T) {
	k := makeKeys()
	dir := t.TempDir()
	for _, tt := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"short secret", Config{Secret: []byte("short")}, "32"},
		{"empty secret", Config{Secret: []byte{}}, "32"},
		{"no file", Config{JWKS: filepath.Join(dir, "none.json")}, "none.json"},
		{"no keys", Config{JWKS: write(t, filepath.Join(dir, "empty.json"), `{"keys":[]}`)}, "no key for RS256"},
		{"short keys", Config{JWKS: write(t, filepath.Join(dir, "short.json"), jwks(t, public("s", &k.short.PublicKey)))}, "no key for RS256"},
		{"no JSON", Config{JWKS: write(t, filepath.Join(dir, "no.json"), `-----BEGIN PUBLIC KEY-----`)}, "not a JWKS"},
		{"plain http", Config{JWKS: "http://id.example/keys"}, "https"},
		{"another scheme", Config{JWKS: "ftp://id.example/keys"}, "https"},
		{"issuer without a key", Config{Issuer: "x"}, "no key"},
		{"claims without the user", Config{HeaderClaims: map[string]string{"role": "X-Role"}}, "names the user"},
		{"the user twice", Config{Header: "X-User", HeaderClaims: map[string]string{"sub": "X-Role"}}, "but sub"},
	} {
		if _, err := New(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// FuzzToken: no text panics, and none but what was signed is anybody.
func FuzzToken(f *testing.F) {
	a, err := New(Config{Secret: secret})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("Bearer a.b.c")
	f.Add("Bearer " + part(`{"alg":"HS256"}`) + "." + part(`{"sub":"a","exp":9999999999}`) + ".AAAA")
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Authorization"] = []string{header}
		who, err := a.Identify(r)
		if err == nil || who.Key != "" {
			t.Errorf("%q is %+v", header, who)
		}
	})
}

func signText(t *testing.T, payload string) string {
	t.Helper()
	return signWith(t, jose.HS256, secret, payload)
}

func signWith(t *testing.T, algorithm jose.SignatureAlgorithm, key any, payload string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// signShort signs by hand: libraries refuse short keys.
func signShort(t *testing.T, key *rsa.PrivateKey, id string, body claims) string {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	input := part(`{"alg":"RS256","kid":"`+id+`"}`) + "." + part(string(text))
	t.Setenv("GODEBUG", "rsa1024min=0")
	digest := crypto.SHA256.New()
	digest.Write([]byte(input))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func jwksOne(t *testing.T, key any) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKey{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
