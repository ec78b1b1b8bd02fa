package floor

import (
	"database/sql"
	"path/filepath"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/role"
)

// plain is the app as it was before it became live: the same handlers on
// net/http, the driver with nothing around it, the same settings of the
// database. What Wakeful adds to those who do not use it is the difference.
type plain struct{ db *sql.DB }

func plainVerbs() map[string]role.Verb {
	p := &plain{}
	return map[string]role.Verb{
		"open":       role.Do(p.open),
		"autocommit": role.Do(func(b app.Batch) (any, error) { return app.Autocommit(p.db, b.N) }),
		"bulk":       role.Do(func(b app.Batch) (any, error) { return app.Bulk(p.db, b.N) }),
	}
}

func (p *plain) open(d app.Database) (any, error) {
	var err error
	if p.db, err = app.OpenBare(filepath.Join(d.Folder, "plain.db")); err != nil {
		return nil, err
	}
	if err := app.Fill(p.db, d.Owners); err != nil {
		return nil, err
	}
	handlers := &app.Handlers{DB: p.db}
	return serve(handlers.Mux())
}
