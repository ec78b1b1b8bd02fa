package console

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/wakeful-dev/wakeful/wire"
)

const (
	cookieName = "wakeful_console"
	// csrfHeader shows that a write comes from the console's own page.
	csrfHeader = "Wakeful-Console"
	loginGood  = 12 * time.Hour
	maxLogins  = 256
	policy     = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

// guard decides who is let in.
type guard struct {
	cfg    *Config
	key    []byte   // of this life: of CSRF tokens
	token  [32]byte // the hash of Config.Token
	failed failures

	mu     sync.Mutex
	logins map[[32]byte]time.Time // by the hash of the cookie: until when
}

func newGuard(cfg *Config) *guard {
	g := &guard{cfg: cfg, key: make([]byte, 32), token: sha256.Sum256([]byte(cfg.Token)), logins: map[[32]byte]time.Time{}}
	_, _ = rand.Read(g.key) // never fails: it ends the program instead
	return g
}

// wrap lets those requests through that may come in.
func (g *guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, ours := strings.CutPrefix(r.URL.Path, g.cfg.Prefix)
		secure(w.Header())
		switch {
		case !ours || rest != "" && rest[0] != '/':
			wire.NewProblem(http.StatusNotFound, wire.CodeNotFound, "the console is at "+g.cfg.Prefix+"/").Write(w)
		case rest == "":
			http.Redirect(w, r, g.cfg.Prefix+"/", http.StatusMovedPermanently)
		case foreign(r, rest):
			wire.NewProblem(http.StatusForbidden, wire.CodeCrossSite, "only the console's own pages may ask this").Write(w)
		case open(rest) && g.mayLogIn(), g.admits(r):
			next.ServeHTTP(w, r)
		default:
			g.turnAway(w, r, rest)
		}
	})
}

// secure sets the headers that every answer has.
func secure(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// open reports whether a path is for those who are not let in yet: the login
// page and what it is made of.
func open(rest string) bool {
	name := strings.TrimPrefix(rest, "/")
	return name == "favicon.svg" || strings.HasPrefix(name, "login") && !strings.Contains(name, "/")
}

// isPage reports whether a path is one of a page, and not of what pages ask.
func isPage(rest string) bool {
	return !strings.HasPrefix(rest, "/api/") && !strings.HasPrefix(rest, "/ws/")
}

// foreign reports whether a page of another site has caused a request. It may
// lead people here, and no more.
func foreign(r *http.Request, rest string) bool {
	led := r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" && isPage(rest)
	site := r.Header.Get("Sec-Fetch-Site")
	if (site == "cross-site" || site == "same-site") && !led {
		return true
	}
	origins := r.Header["Origin"]
	if len(origins) == 0 {
		return false
	}
	u, err := url.Parse(origins[0])
	return len(origins) > 1 || err != nil || !strings.EqualFold(u.Host, r.Host)
}

func (g *guard) mayLogIn() bool { return g.cfg.Token != "" }

// admits reports whether who sends a request is let in.
func (g *guard) admits(r *http.Request) bool {
	switch {
	case g.cfg.Authorize != nil:
		return g.cfg.Authorize(r) == nil
	case g.cfg.Token != "":
		return g.bearer(r) || g.loggedIn(r)
	}
	return local(r)
}

// stillIn is admits for a request that was let in some time ago. Where its
// sender is known by sitting here, nothing can have changed.
func (g *guard) stillIn(r *http.Request) bool {
	return g.cfg.Authorize == nil && g.cfg.Token == "" || g.admits(r)
}

// bearer reports whether a request shows the token itself.
func (g *guard) bearer(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return g.cfg.Token != "" && strings.EqualFold(scheme, "Bearer") && g.isToken(strings.TrimSpace(token))
}

func (g *guard) isToken(token string) bool {
	got := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(g.token[:], got[:]) == 1
}

func (g *guard) loggedIn(r *http.Request) bool { return time.Now().Before(g.until(r)) }

// until is when the login of a request ends, zero where it has none.
func (g *guard) until(r *http.Request) time.Time {
	cookie, err := r.Cookie(cookieName)
	if err != nil || g.cfg.Token == "" {
		return time.Time{}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.logins[sha256.Sum256([]byte(cookie.Value))]
}

// local reports whether who sends a request sits at this machine: no proxy has
// passed it on, and no page leads here by a name of its own.
func local(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback() && ofMachine(r.Host)
}

// ofMachine reports whether a Host is a name of this machine for itself.
func ofMachine(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || err == nil && address.Unmap().IsLoopback()
}

// turnAway answers who is not let in.
func (g *guard) turnAway(w http.ResponseWriter, r *http.Request, rest string) {
	switch {
	case g.mayLogIn() && r.Method == http.MethodGet && isPage(rest) && path.Ext(rest) == "":
		http.Redirect(w, r, g.cfg.Prefix+"/login", http.StatusSeeOther)
	case g.mayLogIn():
		w.Header().Set("WWW-Authenticate", `Bearer realm="console"`)
		wire.NewProblem(http.StatusUnauthorized, wire.CodeUnauthenticated, "log in, or show the operator's token: Authorization: Bearer …").Write(w)
	case g.cfg.Authorize != nil:
		wire.NewProblem(http.StatusUnauthorized, wire.CodeUnauthenticated, "the console is for operators").Write(w)
	default:
		wire.NewProblem(http.StatusForbidden, wire.CodeForbidden,
			"without a token the console answers this machine only, asked as localhost and through no proxy").Write(w)
	}
}

// csrf is what a page of a cookie shows with its writes.
func (g *guard) csrf(cookie string) string {
	mac := hmac.New(sha256.New, g.key)
	mac.Write([]byte("csrf " + cookie))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}

// sender names who writes, "" where the request does not show that the console's
// own page has sent it, or a program with the token.
func (g *guard) sender(r *http.Request) string {
	if g.bearer(r) {
		return "bearer"
	}
	cookie, err := r.Cookie(cookieName)
	if err != nil || subtle.ConstantTimeCompare([]byte(g.csrf(cookie.Value)), []byte(r.Header.Get(csrfHeader))) != 1 {
		return ""
	}
	return cookie.Value
}

// fresh is a random text.
func fresh() string {
	random := make([]byte, 24)
	_, _ = rand.Read(random) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(random)
}

func (g *guard) setCookie(w http.ResponseWriter, r *http.Request, value string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: value, Path: g.cfg.Prefix, MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https", // who claims that falsely locks himself out
	})
}
