package resource

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource/value"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/where"
)

// Config says what a resource is. DB, Catalog, Table and Allow are required.
// Columns are named as the database names them; clients see the names that the
// fields of Row have in JSON.
//
// The fields of Row are columns by their db tag, else by their JSON name, else
// by their own; answers have no other columns. Record has all of the table.
type Config[Row any] struct {
	// DB is the handle that sqlite.Open or postgres.Open returns, and Catalog the
	// source.
	DB      *sql.DB
	Catalog schema.Catalog
	// Table is the name of a table or view.
	Table string
	// Name stands for the resource in logs and in OpenAPI. Default: Table.
	Name string
	// Key names the columns that tell rows apart where the table has no
	// primary key, as a view. Default: the primary key. Without one there is
	// only the list, and it cannot be observed.
	Key []string
	// Hidden columns are in no answer and in no filter, also those of Record
	// that come later. They may be in Scope.
	Hidden []string
	// ReadOnly columns are in answers, but nobody can write them.
	ReadOnly []string
	// Filters lists what a URL can filter by, Search the columns that search=
	// looks into: each of its words must be in one of them.
	Filters Filters
	Search  []string
	Order   Order
	Page    Page

	// Allow says who may call.
	Allow permit.Permit
	// Scope says which rows a request sees and may alter; others do not exist
	// for it. Nil: all rows. Requests of equal scope share what is kept live, so
	// a middleware must not make answers to them differ in anything else, unless
	// the lists are Personal; what
	// Scope reads of the database with the request's context is asked again when
	// it changes.
	Scope func(*http.Request, permit.Action) (where.Expr, error)
	// Personal says that each identity has live lists of its own, also where
	// scopes are equal: for apps in which something around the resource alters
	// its answers by who asks.
	Personal bool
	// Reach says by which rows of another table a request may filter, in
	// filters across foreign keys. Nil: by all.
	Reach func(r *http.Request, table string) (where.Expr, error)

	// Validate looks at a row before it is made or altered, as it is to be. What
	// it sets is written, also to columns that are read-only for clients. Invalid
	// says what is wrong with which field; permit.Deny refuses.
	Validate func(context.Context, *Row) error
	// AllowRow says whether a request may make this row, or alter or delete it as
	// it is. Which rows it sees, Scope says.
	AllowRow func(*http.Request, permit.Action, Row) error
	// MaxBody is how many bytes a body may have. Default 1 MiB.
	MaxBody int64

	// Render makes the answer's object of a row, in place of the fields of
	// Row. It must depend on the row alone, and leave the key's fields in.
	Render func(Row) any
	// Nested are rows of other tables in each item.
	Nested []Nested
	// Numbers says which exact numbers are strings in JSON. Default: none.
	Numbers value.Numbers

	// Browse says what browsers are shown.
	Browse Browse
	// Logger takes what an operator has to know. Default: nothing is logged.
	Logger *slog.Logger
}

// Order says how a list can be ordered. The key is always its last term.
type Order struct {
	// Default is the order where a request asks for none; "-name" descends.
	// Cursors have in them the values that a list is ordered by.
	Default []string
	// Allow lists the columns that ordering= takes.
	Allow []string
}

// Style is a way to ask for a part of a list.
type Style uint8

const (
	// ByOffset: limit=, offset=.
	ByOffset Style = iota
	// ByNumber: page=, page_size=, from 1.
	ByNumber
	// ByCursor: cursor=, limit=. Without count; costs the same however far in.
	ByCursor
)

// Page says in which parts a list is answered.
type Page struct {
	// Size is how many items a page has where a request does not say, Max the
	// most that it can ask for. Default 50, and the larger of 500 and Size.
	Size, Max int
	// Styles are the ways that a request can ask in; the first holds where it
	// does not ask. Default: all three.
	Styles []Style
}

func (p Page) check() error {
	switch {
	case p.Size < 0 || p.Max < 0:
		return fmt.Errorf("Config.Page: Size %d and Max %d must not be negative", p.Size, p.Max)
	case p.Max > 0 && p.Size > p.Max:
		return fmt.Errorf("Config.Page: Size %d is more than Max %d", p.Size, p.Max)
	}
	for _, s := range p.Styles {
		if s > ByCursor {
			return fmt.Errorf("Config.Page.Styles: no style has the number %d", s)
		}
	}
	return nil
}

func (p Page) filled() Page {
	if p.Size == 0 {
		p.Size = 50
		if p.Max > 0 {
			p.Size = min(p.Size, p.Max)
		}
	}
	if p.Max == 0 {
		p.Max = max(500, p.Size)
	}
	if len(p.Styles) == 0 {
		p.Styles = []Style{ByOffset, ByNumber, ByCursor}
	}
	return p
}

// options are a Config without its type.
type options struct {
	DB       *sql.DB
	Catalog  schema.Catalog
	Table    string
	Name     string
	Key      []string
	Hidden   []string
	ReadOnly []string
	Filters  Filters
	Search   []string
	Order    Order
	Page     Page
	Allow    permit.Permit
	Scope    func(*http.Request, permit.Action) (where.Expr, error)
	Reach    func(*http.Request, string) (where.Expr, error)
	Personal bool
	Nested   []Nested
	Numbers  value.Numbers
	MaxBody  int64
	Browse   Browse
	Logger   *slog.Logger
	hooks    hooks
}

func (cfg *Config[Row]) options() options {
	o := options{
		DB: cfg.DB, Catalog: cfg.Catalog, Table: cfg.Table, Name: cfg.Name, Key: cfg.Key,
		Hidden: cfg.Hidden, ReadOnly: cfg.ReadOnly, Filters: cfg.Filters, Search: cfg.Search,
		Order: cfg.Order, Page: cfg.Page.filled(), Allow: cfg.Allow, Scope: cfg.Scope, Reach: cfg.Reach, Personal: cfg.Personal,
		Nested: cfg.Nested, Numbers: cfg.Numbers, MaxBody: cfg.MaxBody, Browse: cfg.Browse, Logger: cfg.Logger,
		hooks: hooksOf(cfg),
	}
	if o.Name == "" {
		o.Name = cfg.Table
	}
	if o.MaxBody <= 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.Browse.Socket == "" {
		o.Browse.Socket = "/ws/"
	}
	if o.Browse.Prefix == "" {
		o.Browse.Prefix = "/api/queryobserver"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
