package floor

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/role"
)

// push is the app whose author sends the changes himself: his write knows whose
// list the row is in, runs that list's query again, and writes the row to the
// one socket that has it. It knows what nobody can know in general, so a server
// that finds out which list is touched cannot do less.
type push struct {
	db       *sql.DB
	handlers app.Handlers
	each     int

	sockets
}

func pushVerbs() map[string]role.Verb {
	p := &push{}
	return map[string]role.Verb{"open": role.Do(p.open)}
}

func (p *push) open(d app.Database) (any, error) {
	var err error
	if p.db, err = app.OpenBare(filepath.Join(d.Folder, "push.db")); err != nil {
		return nil, err
	}
	if err := app.FillGoods(p.db, d.Goods); err != nil {
		return nil, err
	}
	p.handlers.DB, p.each = p.db, d.Goods.Each
	mux := http.NewServeMux()
	mux.Handle("GET /goods/owner", p.handlers.Mux())
	mux.HandleFunc("POST /good", p.write)
	mux.HandleFunc("GET /ws/{session}", p.join)
	return serve(mux)
}

func (p *push) write(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(r.URL.Query().Get("id")) // 0 is no row
	score := r.URL.Query().Get("score")
	if _, err := p.db.ExecContext(r.Context(), app.ScoreGood, score, id); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	at := role.Now()
	owner := (id-1)/p.each + 1
	items, err := app.Select(r.Context(), p.db, p.each, app.GoodsOf, owner)
	if err == nil {
		_, err = json.Marshal(items)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	p.mu.Lock()
	conn := p.conns[owner-1]
	if conn != nil {
		frame, _ := ws.CompileFrame(ws.NewTextFrame(fmt.Appendf(nil, `{"id":%d,"score":%s}`, id, score))) // a Buffer takes all
		_, _ = conn.Write(frame)                                                                          // the client counts what arrived
	}
	p.mu.Unlock()
	_ = json.NewEncoder(w).Encode(app.Written{At: at})
}
