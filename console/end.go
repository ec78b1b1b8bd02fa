package console

import (
	"fmt"
	"mime"
	"net/http"
	"sync"
	"time"

	"github.com/wakeful-dev/wakeful/wire"
)

const (
	// confirmGood is how long an end may take to be confirmed.
	confirmGood = time.Minute
	// maxEndings bounds the ends that wait for that.
	maxEndings = 256
)

// endings are the ends that wait to be confirmed.
type endings struct {
	mu sync.Mutex
	by map[string]ending // by token
}

// ending is one thing that somebody is about to end.
type ending struct {
	who, kind, id string
	until         time.Time
}

// begin notes an end and returns the token that confirms it.
func (e *endings) begin(of ending) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.by == nil {
		e.by = map[string]ending{}
	}
	if len(e.by) >= maxEndings {
		now := time.Now()
		for token, other := range e.by {
			if now.After(other.until) {
				delete(e.by, token)
			}
		}
		if len(e.by) >= maxEndings {
			clear(e.by) // somebody asks and asks, and confirms nothing
		}
	}
	token := fresh()
	e.by[token] = of
	return token
}

// confirm reports whether a token is of this end, and uses it up.
func (e *endings) confirm(token string, of ending) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	had, ok := e.by[token]
	delete(e.by, token)
	return ok && had.who == of.who && had.kind == of.kind && had.id == of.id && time.Now().Before(had.until)
}

// serveEndObserver ends a list, when it is asked for the second time.
func (c *Console) serveEndObserver(w http.ResponseWriter, r *http.Request) {
	e := c.explained(w, r)
	if e == nil {
		return
	}
	text := fmt.Sprintf("%s, followed by %d: its clients are told, and may observe again at once.", e.View, e.Kept.Subscribers)
	c.end(w, r, "observer", e.Observer, text, wire.CodeUnknownObserver, func() bool { return c.cfg.Server.EndObserver(r.Context(), e.Observer) })
}

// serveEndConnection ends a client's session, when it is asked for the second time.
func (c *Console) serveEndConnection(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	text := "The session and its connection end: the client is told that it is lost, and begins anew."
	c.end(w, r, "connection", id, text, wire.CodeNotFound, func() bool { return c.cfg.Server.EndSession(id) })
}

// end ends something, when it is asked for the second time.
func (c *Console) end(w http.ResponseWriter, r *http.Request, kind, id, text string, gone wire.Code, do func() bool) {
	who := c.guard.sender(r)
	if who == "" {
		unproven().Write(w)
		return
	}
	var sent struct{ Confirm string }
	content, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if problem := readJSON(http.MaxBytesReader(w, r.Body, maxBody), content, &sent); problem != nil {
		problem.Write(w)
		return
	}
	of := ending{who, kind, id, time.Now().Add(confirmGood)}
	switch {
	case sent.Confirm == "":
		answer(w, http.StatusOK, struct {
			Confirm string    `json:"confirm"`
			Expires time.Time `json:"expires"`
			Text    string    `json:"text"`
		}{c.endings.begin(of), of.until.UTC(), text})
	case !c.endings.confirm(sent.Confirm, of):
		wire.NewProblem(http.StatusConflict, wire.CodePreconditionFailed, "that confirms nothing any more: ask again what is to be ended").Write(w)
	case !do():
		wire.NewProblem(http.StatusNotFound, gone, "it has ended already").Write(w)
	default:
		c.cfg.Logger.Info("an operator has ended something by the console", "kind", kind, "id", id)
		answer(w, http.StatusOK, map[string]bool{"ended": true})
	}
}
