package console

import (
	"crypto/sha256"
	"encoding/json"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/wakeful-dev/wakeful/wire"
)

// maxBody bounds what is sent to the console.
const maxBody = 4 << 10

// serveMe says how its reader was let in, and gives what writes need.
func (c *Console) serveMe(w http.ResponseWriter, r *http.Request) {
	me := struct {
		Auth    string `json:"auth"`
		CSRF    string `json:"csrf"`
		Version string `json:"version"`
		Name    string `json:"name"`
	}{Auth: "loopback", Version: c.cfg.Version, Name: c.cfg.Name}
	switch {
	case c.cfg.Authorize != nil:
		me.Auth = "app"
	case c.cfg.Token != "":
		me.Auth = "token"
	}
	value := ""
	if cookie, err := r.Cookie(cookieName); err == nil {
		value = cookie.Value
	} else if me.Auth != "token" {
		value = fresh()
		c.guard.setCookie(w, r, value, 0)
	}
	if value != "" {
		me.CSRF = c.guard.csrf(value)
	}
	answer(w, http.StatusOK, me)
}

// serveLogin lets in who shows the token.
func (c *Console) serveLogin(w http.ResponseWriter, r *http.Request) {
	if !c.guard.mayLogIn() {
		serveNothing(w, r)
		return
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	form := kind == "application/x-www-form-urlencoded"
	token, problem := shownToken(r, kind)
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	switch wait := c.guard.failed.wait(host, time.Now()); {
	case problem != nil:
	case wait > 0:
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
		problem = wire.NewProblem(http.StatusTooManyRequests, wire.CodeLimit, "too many wrong tokens: wait a minute")
	case !c.guard.isToken(token):
		c.guard.failed.add(host, time.Now())
		c.cfg.Logger.Warn("somebody showed the console a wrong token")
		problem = wire.NewProblem(http.StatusUnauthorized, wire.CodeUnauthenticated, "that is not the operator's token")
	}
	switch {
	case problem != nil && form:
		http.Redirect(w, r, c.cfg.Prefix+"/login?failed", http.StatusSeeOther)
	case problem != nil:
		problem.Write(w)
	default:
		c.guard.setCookie(w, r, c.guard.logIn(time.Now()), int(loginGood.Seconds()))
		c.cfg.Logger.Info("an operator has logged in to the console")
		if form {
			http.Redirect(w, r, c.cfg.Prefix+"/", http.StatusSeeOther)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// shownToken reads the token from a form or from JSON.
func shownToken(r *http.Request, kind string) (string, *wire.Problem) {
	body := http.MaxBytesReader(nil, r.Body, maxBody)
	if kind == "application/x-www-form-urlencoded" {
		r.Body = body
		if err := r.ParseForm(); err != nil {
			return "", wire.NewProblem(http.StatusBadRequest, wire.CodeBadBody, "the form cannot be read")
		}
		return r.PostForm.Get("token"), nil
	}
	var sent struct{ Token string }
	problem := readJSON(body, kind, &sent)
	return sent.Token, problem
}

// readJSON reads a small JSON object.
func readJSON(body io.Reader, kind string, into any) *wire.Problem {
	if kind != "application/json" {
		return wire.NewProblem(http.StatusUnsupportedMediaType, wire.CodeUnsupportedMedia, "send JSON: Content-Type: application/json")
	}
	if err := json.NewDecoder(body).Decode(into); err != nil {
		return wire.NewProblem(http.StatusBadRequest, wire.CodeBadBody, "the body is no JSON object of the form that is wanted")
	}
	return nil
}

// logIn begins a login and returns its cookie. Where there are too many, the
// one that ends first is forgotten.
func (g *guard) logIn(now time.Time) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var first [32]byte
	for id, until := range g.logins {
		if !now.Before(until) {
			delete(g.logins, id)
		} else if g.logins[first].IsZero() || until.Before(g.logins[first]) {
			first = id
		}
	}
	if len(g.logins) >= maxLogins {
		delete(g.logins, first)
	}
	value := fresh()
	g.logins[sha256.Sum256([]byte(value))] = now.Add(loginGood)
	return value
}

// serveLogout ends a login.
func (c *Console) serveLogout(w http.ResponseWriter, r *http.Request) {
	who := c.guard.sender(r)
	if who == "" {
		unproven().Write(w)
		return
	}
	c.guard.mu.Lock()
	delete(c.guard.logins, sha256.Sum256([]byte(who)))
	c.guard.mu.Unlock()
	c.guard.setCookie(w, r, "", -1)
	w.WriteHeader(http.StatusNoContent)
}

func unproven() *wire.Problem {
	return wire.NewProblem(http.StatusForbidden, wire.CodeForbidden,
		"writes show the text csrf of api/me in the header "+csrfHeader+", beside the cookie that it belongs to")
}

// Bounds of wrong tokens.
const (
	maxFailures = 10 // of one address within a minute
	maxGuessers = 1_024
)

// failures counts wrong tokens by who showed them.
type failures struct {
	mu sync.Mutex
	by map[string]*guesser
}

type guesser struct {
	count int
	until time.Time // counts begin anew
}

func (f *failures) of(host string, now time.Time) *guesser {
	if f.by == nil {
		f.by = map[string]*guesser{}
	}
	if len(f.by) >= maxGuessers {
		for name, g := range f.by {
			if !now.Before(g.until) {
				delete(f.by, name)
			}
		}
	}
	if f.by[host] == nil && len(f.by) >= maxGuessers {
		host = "" // all the others count as one
	}
	g := f.by[host]
	if g == nil || !now.Before(g.until) {
		g = &guesser{until: now.Add(time.Minute)}
		f.by[host] = g
	}
	return g
}

func (f *failures) wait(host string, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if g := f.of(host, now); g.count >= maxFailures {
		return g.until.Sub(now)
	}
	return 0
}

func (f *failures) add(host string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.of(host, now).count++
}

// answer writes JSON.
func answer(w http.ResponseWriter, status int, what any) {
	body, err := json.Marshal(what)
	if err != nil {
		wire.NewProblem(http.StatusInternalServerError, wire.CodeUnavailable, "the answer could not be written").Write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client may be gone
}

func serveNothing(w http.ResponseWriter, _ *http.Request) {
	wire.NewProblem(http.StatusNotFound, wire.CodeNotFound, "there is nothing here").Write(w)
}
