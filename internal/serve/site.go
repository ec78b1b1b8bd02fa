package serve

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/rules"
	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/wire"
)

// site is what is served of one version of the schema. It is never altered.
type site struct {
	version string
	schema  *schema.Schema
	bound   *rules.Bound
	mounted []mounted
	mux     *http.ServeMux
	// unfit says why a table is not served though the rules are about it.
	unfit map[string]error
}

// mounted is a table that is served.
type mounted struct {
	*rules.Table
	resource *resource.Resource[resource.Record]
	path     string // from the root, escaped
	allow    permit.Permit
}

// reserved are names under /api/ that no table can have.
var reserved = []string{"", ".", "..", "openapi.json", "queryobserver"}

// firstSite is made when the server starts: what does not fit then is a mistake.
func (s *Server) firstSite() error {
	now, err := s.source.Schema(context.Background())
	if err != nil {
		return err
	}
	first := s.build(now)
	if err := first.bound.Err(); err != nil {
		return errors.New(s.settings.Config + ":\n" + err.Error())
	}
	for name, err := range first.unfit {
		s.logger.Warn("a table is not served", "table", name, "err", err)
	}
	s.site.Store(first)
	return nil
}

// now returns the site of the schema as it is.
func (s *Server) now(ctx context.Context) (*site, error) {
	schema, err := s.source.Schema(ctx)
	if err != nil {
		return nil, err
	}
	if current := s.site.Load(); current.version == schema.Version {
		return current, nil
	}
	s.siteMu.Lock()
	defer s.siteMu.Unlock()
	if current := s.site.Load(); current.version == schema.Version {
		return current, nil
	}
	next := s.build(schema)
	for name, err := range next.unfit {
		s.logger.Error("a table is served no more: its rules do not fit it", "table", name, "err", err)
	}
	if next.bound.Unknown != nil {
		s.logger.Warn("rules name tables that are not there", "err", next.bound.Unknown)
	}
	s.logger.Info("the schema has changed", "tables", len(next.mounted))
	s.site.Store(next)
	return next, nil
}

// build joins rules and schema.
func (s *Server) build(now *schema.Schema) *site {
	t := &site{version: now.Version, schema: now, bound: s.rules.Bind(now), mux: http.NewServeMux(), unfit: map[string]error{}}
	for name, err := range t.bound.Unfit {
		t.unfit[name] = err
	}
	for _, table := range t.bound.Tables {
		if slices.Contains(reserved, strings.ToLower(table.Name)) {
			t.unfit[table.Name] = errors.New("the path /api/" + table.Name + " is the server's own: a view under another name can be served")
			continue
		}
		m := mounted{Table: table, path: s.settings.BasePath + "/api/" + url.PathEscape(table.Name), allow: s.allow(table)}
		cfg := s.describe(t, table)
		cfg.Allow = m.allow
		var err error
		if m.resource, err = resource.New(cfg); err != nil {
			t.unfit[table.Name] = err
			continue
		}
		m.resource.Mount(routes{t.mux, "/api/" + table.Name}, m.path)
		t.mounted = append(t.mounted, m)
	}
	root := s.settings.BasePath + "/api"
	t.mux.Handle(root, s.index(t))
	t.mux.Handle(root+"/{$}", s.index(t))
	t.mux.Handle(root+"/openapi.json", s.spec(t))
	t.mux.Handle(root+"/queryobserver/{file}", s.files(t))
	t.mux.Handle("/", s.elsewhere(t))
	return t
}

// describe is a table as a resource.
func (s *Server) describe(t *site, table *rules.Table) resource.Config[resource.Record] {
	base := s.settings.BasePath
	cfg := resource.Config[resource.Record]{
		DB: s.db, Catalog: s.source, Table: table.Name, Key: table.Key, Hidden: table.Hidden, ReadOnly: table.ReadOnly,
		Filters: filters(t, table), Search: table.Search,
		Order: resource.Order{Default: table.Ordering, Allow: []string{resource.AllColumns}},
		Page:  resource.Page{Size: table.PageSize, Max: table.MaxPageSize},
		Reach: t.bound.Reach, Numbers: table.Numbers, Logger: s.logger,
		Browse: resource.Browse{Off: !s.settings.Browsable, Socket: base + "/ws/", Prefix: base + "/api/queryobserver", Home: base + "/api/"},
	}
	if len(cfg.Search) == 0 {
		cfg.Search = []string{resource.AllColumns}
	}
	if cfg.Page.Max == 0 && cfg.Page.Size > 0 {
		cfg.Page.Max = max(cfg.Page.Size, 500)
	}
	if table.Scoped() {
		cfg.Scope = table.Scope
	}
	return cfg
}

// filters are all columns of a table, and those of the tables that its foreign
// keys lead to, with every lookup.
func filters(t *site, table *rules.Table) resource.Filters {
	all := resource.Filters{resource.AllColumns: resource.Every}
	for _, key := range table.Foreign {
		if len(key.Columns) != 1 || slices.Contains(table.Hidden, key.Columns[0]) {
			continue
		}
		to := t.schema.Table(key.Table)
		if to == nil {
			continue
		}
		target := t.bound.Find(to.Name)
		if target == nil {
			continue
		}
		names := []string{key.Columns[0]}
		if short, ok := strings.CutSuffix(names[0], "_id"); ok && short != "" {
			names = append(names, short)
		}
		for _, name := range names {
			for _, column := range target.Columns {
				if !slices.Contains(target.Hidden, column.Name) && table.Column(name+"__"+column.Name) == nil {
					all[name+"__"+column.Name] = resource.Every
				}
			}
		}
	}
	return all
}

// routes notes which resource answers.
type routes struct {
	mux  *http.ServeMux
	name string
}

func (t routes) Handle(pattern string, handler http.Handler) {
	name := t.name
	if strings.Contains(pattern, "{key}") {
		name += "/{key}"
	}
	t.mux.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noteOf(r.Context()).route = name
		handler.ServeHTTP(w, r)
	}))
}

// serveSite answers with the site of the schema as the request sees it.
func (s *Server) serveSite(w http.ResponseWriter, r *http.Request) {
	if _, ok := permit.From(r.Context()); ok {
		noteOf(r.Context()).subject = true
	}
	now, err := s.now(r.Context())
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			s.logger.Error("the schema cannot be read", "err", err)
		}
		wire.NewProblem(http.StatusServiceUnavailable, wire.CodeUnavailable, "the database cannot be read at the moment").Write(w)
		return
	}
	r, problem := s.as(r)
	if problem != nil {
		problem.Write(w)
		return
	}
	now.mux.ServeHTTP(w, r)
}

// elsewhere answers for what is not there.
func (s *Server) elsewhere(t *site) http.Handler {
	root := s.settings.BasePath + "/api/"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noteOf(r.Context()).route = routeNone
		rest, ok := strings.CutPrefix(r.URL.EscapedPath(), root)
		segment, _, _ := strings.Cut(rest, "/")
		if name, err := url.PathUnescape(segment); ok && err == nil {
			for unfit := range t.unfit {
				if strings.EqualFold(unfit, name) {
					wire.NewProblem(http.StatusServiceUnavailable, wire.CodeSchemaChanged,
						"the rules of "+unfit+" do not fit the table as it is now; wakeful check says why").Write(w)
					return
				}
			}
		}
		problem := wire.NewProblem(http.StatusNotFound, wire.CodeNotFound, "there is nothing here; GET "+root+" lists what there is")
		if ok {
			problem.Detail = "there is no table or view of this name, or it is not served; GET " + root + " lists those that are"
		}
		problem.Write(w)
	})
}

// visible lists the methods that a request may use with a table, none where it
// may do nothing with it. The error says that it cannot be told now.
func (m *mounted) visible(r *http.Request) (methods []string, err error) {
	for _, one := range []struct {
		action  permit.Action
		methods []string
	}{
		{permit.Read, []string{"GET"}}, {permit.Create, []string{"POST"}},
		{permit.Update, []string{"PUT", "PATCH"}}, {permit.Delete, []string{"DELETE"}},
	} {
		if one.action != permit.Read && m.View {
			continue
		}
		var denied *permit.Denied
		switch err := m.allow(r, one.action); {
		case err == nil:
			methods = append(methods, one.methods...)
		case !errors.As(err, &denied):
			return nil, err
		}
	}
	return methods, nil
}

// offered is a table and the methods that a request may use with it.
type offered struct {
	*mounted
	methods []string
}

// visible lists the tables that a request may do something with. Where that
// cannot be told it is answered, and ok is false.
func (s *Server) visible(t *site, w http.ResponseWriter, r *http.Request) (list []offered, ok bool) {
	for i := range t.mounted {
		m := &t.mounted[i]
		methods, err := m.visible(r)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				s.logger.Error("it cannot be told who may see a table", "table", m.Name, "err", err)
			}
			wire.NewProblem(http.StatusServiceUnavailable, wire.CodeUnavailable, "the tables cannot be listed at the moment").Write(w)
			return nil, false
		}
		if methods != nil {
			list = append(list, offered{m, methods})
		}
	}
	return list, true
}
