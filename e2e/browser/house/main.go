// House is an app for e2e/browser whose page follows twenty lists at once: the
// lamps of each room. A transaction changes lamps of several rooms.
//
//	go run ./e2e/browser/house FILE
package main

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/sqlite"
)

const (
	rooms = 20
	lamps = 3 // of each room
)

//go:embed index.html
var page embed.FS

type house struct{ db *sql.DB }

type lamp struct {
	ID    int64 `json:"id"`
	Light int64 `json:"light"`
	Turn  int64 `json:"turn"` // the transaction that changed it last
}

func (h house) build(ctx context.Context) error {
	if _, err := h.db.ExecContext(ctx, `CREATE TABLE lamps (id INTEGER PRIMARY KEY, room INTEGER NOT NULL, light INTEGER NOT NULL, turn INTEGER NOT NULL)`); err != nil {
		return err
	}
	for i := range rooms * lamps {
		if _, err := h.db.ExecContext(ctx, `INSERT INTO lamps (room, light, turn) VALUES (?, 100, 0)`, i/lamps+1); err != nil {
			return err
		}
	}
	return nil
}

func (h house) list(w http.ResponseWriter, r *http.Request) {
	rows, err := h.db.QueryContext(r.Context(), `SELECT id, light, turn FROM lamps WHERE room = ? ORDER BY id`, r.FormValue("room"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer rows.Close()
	all := []lamp{}
	for rows.Next() {
		var l lamp
		if err := rows.Scan(&l.ID, &l.Light, &l.Turn); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		all = append(all, l)
	}
	if err := rows.Err(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(all)
}

// turn moves light between the first lamps of some rooms, as the parameters n
// and rooms (1,5,7) say: what one gets the next loses.
func (h house) turn(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.FormValue("n"))
	if err == nil {
		err = h.move(r.Context(), n, strings.Split(r.FormValue("rooms"), ","))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h house) move(ctx context.Context, n int, touched []string) error {
	tx, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for i, room := range touched {
		by := 1 - 2*(i%2)
		if len(touched)%2 == 1 && i == len(touched)-1 {
			by = 0
		}
		if _, err := tx.ExecContext(ctx, `UPDATE lamps SET light = light + ?, turn = ? WHERE id = (SELECT min(id) FROM lamps WHERE room = ?)`, by, n, room); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func run(file string) error {
	db, source, err := sqlite.Open(file)
	if err != nil {
		return err
	}
	defer db.Close()
	h, ctx := house{db}, context.Background()
	if err := h.build(ctx); err != nil {
		return err
	}
	live, err := wakeful.New(wakeful.Config{Source: source})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /api/lamps", wakeful.Observable("id")(http.HandlerFunc(h.list)))
	mux.HandleFunc("POST /turn", h.turn)
	mux.Handle("GET /wakeful.js", wakeful.Script())
	mux.Handle("GET /", http.FileServerFS(page))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "http://%s\n", listener.Addr())
	server := &http.Server{Handler: live.Wrap(mux), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	go func() { served <- live.Run(ctx) }()
	return <-served
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "house:", err)
		os.Exit(1)
	}
}
