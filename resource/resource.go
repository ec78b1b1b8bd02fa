// Package resource makes a table of a database a REST resource: list and
// detail with filters, ordering, search and pages, and writes, by one struct
// literal.
//
//	posts, err := resource.New(resource.Config[Post]{
//		DB: db, Catalog: source, Table: "posts",
//		Filters: resource.Filters{"author_id": resource.Equality, "created": resource.Comparison},
//		Search:  []string{"title", "body"},
//		Order:   resource.Order{Default: []string{"-created"}, Allow: []string{"created", "title"}},
//		Allow:   permit.Any(permit.ReadOnly, permit.SignedIn),
//	})
//	posts.Mount(mux, "/posts")
//
// A resource is an ordinary http.Handler behind whatever middleware the app
// has. Behind a wakeful.Server its lists can be observed like those of any
// view, and cost less: the server knows their query, so it keeps them from the
// rows that change, and all who may see the same rows share one.
//
// Promises:
//   - What a config gets wrong, New says, with the names that would be right.
//     What a request gets wrong is a problem answer that does the same.
//   - SQL is made of fixed words, names of the schema and placeholders; no byte
//     of a request is in it.
//   - An answer has the columns of Row and no others; nobody can filter, order
//     or search by a column that the config does not list.
//   - The order of a list is total wherever the table has a key.
//
// Pipeline: request → permit → [resource: scope, filter, order, page] →
// database; the plan of a list → ivm.
package resource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/wakeful-dev/wakeful/permit"
)

// Record is the row type of resources without a Go type: all columns of the
// table that are not hidden, as the schema has them at the moment. Columns
// that are added later appear.
type Record struct {
	// Names of the members, and the Values stored in the database: nil, int64,
	// float64, string, []byte.
	Names  []string
	Values []any
}

// Get returns the value of a column, nil where there is none.
func (r Record) Get(name string) any {
	for i := range r.Names {
		if r.Names[i] == name {
			return r.Values[i]
		}
	}
	return nil
}

// Set sets the value of a column, in a row that Config.Validate is given. What
// is no column of the record is not set.
func (r Record) Set(name string, value any) {
	for i := range r.Names {
		if r.Names[i] == name {
			r.Values[i] = value
			return
		}
	}
}

// Resource is a table, ready to be mounted. It takes concurrent use.
type Resource[Row any] struct{ *endpoint }

// New checks a config against the database and makes the resource. The error
// has everything that is wrong.
func New[Row any](cfg Config[Row]) (*Resource[Row], error) {
	name := cfg.Table
	if name == "" {
		name = "without a table"
	}
	row, err := rowTypeOf(reflect.TypeFor[Row]())
	if err != nil {
		return nil, fmt.Errorf("resource %s: %w", name, err)
	}
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("resource %s: %w", name, err)
	}
	e := &endpoint{options: cfg.options(), row: row}
	if cfg.Render != nil {
		render := cfg.Render
		e.render = func(l *layout, values []any) (any, error) {
			row, err := rowOf[Row](l, slices.Clone(values)) // a Record has them in it
			if err != nil {
				return nil, err
			}
			return render(row), nil
		}
	}
	now, err := cfg.Catalog.Schema(context.Background())
	if err != nil {
		return nil, fmt.Errorf("resource %s: read the schema: %w", name, err)
	}
	first, err := newLayout(e, now)
	if err != nil {
		return nil, fmt.Errorf("resource %s: %w", name, err)
	}
	e.layout.Store(first)
	return &Resource[Row]{e}, nil
}

// Load returns the row that a request's path names, for handlers of one's own
// beside those of the resource: where the permit allows the action and the
// row is in the request's scope. An error can be answered with Fail.
//
//	mux.HandleFunc("POST /posts/{key}/publish", func(w http.ResponseWriter, r *http.Request) {
//		post, err := posts.Load(r, permit.Update)
//		if err != nil {
//			resource.Fail(w, err)
//			return
//		}
//		…
//	})
func (res *Resource[Row]) Load(r *http.Request, action permit.Action) (Row, error) {
	var none Row
	c, problem := res.begin(r, action)
	if problem != nil {
		return none, problem
	}
	if problem := c.take(segmentOf(r)); problem != nil {
		return none, problem
	}
	values, problem := c.find()
	if problem != nil {
		return none, problem
	}
	row, err := rowOf[Row](c.layout, values)
	if err != nil {
		return none, fmt.Errorf("resource %s: %w", res.Name, err)
	}
	return row, nil
}

func (cfg *Config[Row]) check() error {
	var errs []error
	missing := func(field, what string) { errs = append(errs, fmt.Errorf("%s is missing: %s", "Config."+field, what)) }
	if cfg.DB == nil {
		missing("DB", "the handle that sqlite.Open or postgres.Open returns")
	}
	if cfg.Catalog == nil {
		missing("Catalog", "the source that sqlite.Open or postgres.Open returns")
	}
	if cfg.Table == "" {
		missing("Table", "the name of a table or view")
	}
	if cfg.Allow == nil {
		missing("Allow", "say who may call, as permit.SignedIn, permit.ReadOnly or permit.Public")
	}
	errs = append(errs, cfg.Page.check())
	return errors.Join(errs...)
}
