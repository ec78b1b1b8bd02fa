package app

import (
	"database/sql"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/where"
)

// Seen is how many users see a row of /mine: those whose numbers end with the
// one of its owner.
const Seen = 25

// declare mounts the wares as resources: all of them at /wares, those that a
// user sees at /mine.
func declare(mux *http.ServeMux, db *sql.DB, source schema.Catalog, d Database) error {
	config := resource.Config[ware]{
		DB: db, Catalog: source, Table: "ware",
		Filters: resource.Filters{"owner": resource.Equality, "score": resource.Comparison},
		Order:   resource.Order{Allow: []string{"score"}},
		Page:    resource.Page{Max: max(500, d.Items)},
		Allow:   permit.Public,
	}
	all, err := resource.New(config)
	if err != nil {
		return err
	}
	config.Name = "mine"
	config.Scope = scopeOf(d.Wares.Rows / d.Wares.Each)
	mine, err := resource.New(config)
	if err != nil {
		return err
	}
	all.Mount(mux, "/wares")
	mine.Mount(mux, "/mine")
	return nil
}

// scopeOf lets a user see the wares of Seen owners in a row, of so many: those
// from his own number on. He says who he is in "Authorization: Bearer 7".
func scopeOf(owners int) func(*http.Request, permit.Action) (where.Expr, error) {
	return func(r *http.Request, _ permit.Action) (where.Expr, error) {
		_, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		user, err := strconv.Atoi(text)
		if err != nil {
			return where.None(), errors.Join(permit.SignIn, err)
		}
		seen := make([]any, Seen)
		for i := range seen {
			seen[i] = int64((user-1+i)%owners + 1)
		}
		return where.In("owner", seen...), nil
	}
}
