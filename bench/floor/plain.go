package floor

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/role"
)

// plain is the app as it was before it became live: the same handlers on
// net/http, the driver with nothing around it, the same settings of the
// database. What Wakeful adds to those who do not use it is the difference.
type plain struct {
	db       *sql.DB
	handlers app.Handlers
}

func plainVerbs() map[string]role.Verb {
	p := &plain{}
	return map[string]role.Verb{
		"open":       role.Do(p.open),
		"autocommit": role.Do(func(b app.Batch) (any, error) { return app.Autocommit(p.db, b.N) }),
		"bulk":       role.Do(func(b app.Batch) (any, error) { return app.Bulk(p.db, b.N) }),
		"evaluate":   role.Do(p.evaluate),
	}
}

func (p *plain) open(d app.Database) (any, error) {
	var err error
	if p.db, err = app.OpenBare(filepath.Join(d.Folder, "plain.db")); err != nil {
		return nil, err
	}
	if err := errors.Join(app.Fill(p.db, d.Owners), app.FillGoods(p.db, d.Goods), app.FillWares(p.db, d.Wares)); err != nil {
		return nil, err
	}
	p.handlers.DB = p.db
	return serve(p.handlers.Mux())
}

// Evaluation asks for runs of a view.
type Evaluation struct {
	View string `json:"view"` // path and parameters; %d in it is the number of the run, from 1
	N    int    `json:"n"`
}

// evaluate answers with the nanoseconds of each run: the query and the encoding
// of what it gives, which whoever wants to know the list again has to pay. No
// connection, no client, and nothing is done with the answer.
func (p *plain) evaluate(e Evaluation) (any, error) {
	took := make([]int64, e.N)
	mux := p.handlers.Mux()
	for i := range took {
		r, err := http.NewRequest(http.MethodGet, strings.ReplaceAll(e.View, "%d", strconv.Itoa(i+1)), http.NoBody)
		if err != nil {
			return nil, err
		}
		w := &dropped{header: http.Header{}, status: http.StatusOK}
		start := role.Now()
		mux.ServeHTTP(w, r)
		took[i] = role.Now() - start
		if w.status != http.StatusOK || w.bytes == 0 {
			return nil, fmt.Errorf("%s answered %d with %d bytes", e.View, w.status, w.bytes)
		}
	}
	return took, nil
}

// dropped takes an answer and keeps nothing of it.
type dropped struct {
	header http.Header
	status int
	bytes  int
}

func (d *dropped) Header() http.Header    { return d.header }
func (d *dropped) WriteHeader(status int) { d.status = status }

func (d *dropped) Write(p []byte) (int, error) {
	d.bytes += len(p)
	return len(p), nil
}
