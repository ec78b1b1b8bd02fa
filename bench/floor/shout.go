package floor

import (
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"path/filepath"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/role"
)

// shout writes rows, and each to the sockets that are to see it: the loop that
// its author would write who knows beforehand which these are and where the row
// stands in their lists. A TCP connection takes a system call of its own for
// each write, and the row has to be written too; nothing else is done here: one
// goroutine, no lock, no queue, nothing is read again.
type shout struct {
	db    *sql.DB
	wares app.Wares

	sockets
}

func shoutVerbs() map[string]role.Verb {
	s := &shout{}
	return map[string]role.Verb{"open": role.Do(s.open), "churn": role.Do(s.churn), "counts": role.Do(spent)}
}

func (s *shout) open(d app.Database) (any, error) {
	var err error
	if s.db, err = app.OpenBare(filepath.Join(d.Folder, "shout.db")); err != nil {
		return nil, err
	}
	if err := app.FillWares(s.db, d.Wares); err != nil {
		return nil, err
	}
	s.wares = d.Wares
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws/{session}", s.join)
	return serve(mux)
}

// Shouts asks for writes of which each is for Seen clients: those whose numbers
// end with the one of the row's owner.
type Shouts struct {
	app.Churn
	Seen int `json:"seen"`
}

// message is as long as what Wakeful sends of one change.
const message = `{"type":"changes","observer":"0000000000000000000000000000000000000000000000000000000000000000",` +
	`"epoch":"0000000000000000","seq":%d,"position":"000000000000000000000000","ops":[{"op":"changed","key":"%d","set":{"score":%d},"order":5}]}`

// spent answers what of the counts a floor has.
func spent(role.None) (any, error) { return app.Counts{CPU: role.Spent()}, nil }

func (s *shout) churn(c Shouts) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := make([]net.Conn, len(s.conns))
	for i := range conns {
		if conns[i] = s.conns[i]; conns[i] == nil {
			return nil, fmt.Errorf("client %d is not there", i)
		}
	}
	seq := 0
	return c.Run(s.db, app.ScoreWare, func(id int, score int64) {
		seq++
		frame, _ := ws.CompileFrame(ws.NewTextFrame(fmt.Appendf(nil, message, seq, id, score))) // a Buffer takes all
		owner := (id - 1) / s.wares.Each
		for k := range c.Seen {
			_, _ = conns[(owner+len(conns)-k)%len(conns)].Write(frame) // the client counts what arrived
		}
	})
}
