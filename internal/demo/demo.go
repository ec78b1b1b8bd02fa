// Package demo is an issue board: the app that `wakeful demo` serves.
//
// It is written as anybody would write it with net/http and database/sql: a
// handler for each list, hand-written SQL, plain writes that announce nothing.
// The one line that makes a list live is wakeful.Observable on its route, in
// Handler. The page, in app/, is React over @wakeful/react, built into
// page/board.js by scripts/client.sh; plain.html beside it is a page without a
// build, over the client as one script.
package demo

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/base64"
	"io/fs"
	"log/slog"
	"net/http"

	"github.com/wakeful-dev/wakeful"
)

//go:embed page
var page embed.FS

// Board serves the page, the lists and the writes of one database.
type Board struct {
	Dialect
	db     *sql.DB
	logger *slog.Logger
}

// New returns the board of a database that speaks dialect, in which it makes tables and something
// to look at where there are none. A nil logger is silent.
func New(db *sql.DB, dialect Dialect, logger *slog.Logger) (*Board, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	b := &Board{Dialect: dialect, db: db, logger: logger}
	return b, b.prepare()
}

// Handler returns the whole app. Observed it is live, alone it is an ordinary
// REST API: that is the point.
func (b *Board) Handler() http.Handler {
	mux := http.NewServeMux()
	live := func(pattern, key string, list http.HandlerFunc) {
		mux.Handle(pattern, wakeful.Observable(key)(list))
	}
	live("GET /api/projects", "id", b.projects)
	live("GET /api/people", "id", b.people)
	live("GET /api/tickets", "id", b.tickets)
	live("GET /api/top", "id", b.top)
	live("GET /api/counts", "status", b.counts)
	live("GET /api/activity", "id", b.activity)
	live("GET /api/writer", "id", b.writer)

	mux.HandleFunc("POST /api/tickets", b.addTicket)
	mux.HandleFunc("PATCH /api/tickets/{id}", b.editTicket)
	mux.HandleFunc("POST /api/tickets/{id}/vote", b.vote)
	mux.HandleFunc("POST /api/tickets/{id}/move", b.move)
	mux.HandleFunc("DELETE /api/tickets/{id}", b.deleteTicket)
	mux.HandleFunc("PATCH /api/writer", b.setWriter)

	files, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	mux.Handle("GET /wakeful.js", wakeful.Script())
	mux.Handle("GET /", safely("", http.FileServerFS(files)))
	mux.Handle("GET /plain.html", safely(hashOf(files, "plain.html"), http.FileServerFS(files)))
	// A page of another site may not write with the visitor's browser.
	return http.NewCrossOriginProtection().Handler(mux)
}

// safely forbids the page everything that it does not need. A script that is
// written into it is allowed by its hash.
func safely(script string, next http.Handler) http.Handler {
	policy := "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"
	if script != "" {
		policy += "; script-src 'self' '" + script + "'"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}

// hashOf is that of the script that is written into a page.
func hashOf(files fs.FS, name string) string {
	text, err := fs.ReadFile(files, name)
	_, after, begins := bytes.Cut(text, []byte(`<script type="module">`))
	script, _, ends := bytes.Cut(after, []byte("</script>"))
	if err != nil || !begins || !ends {
		panic("demo: " + name + " has no script") // it is embedded above
	}
	sum := sha256.Sum256(script)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
