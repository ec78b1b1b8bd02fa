package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/rules"
	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/postgres"
	"github.com/wakeful-dev/wakeful/wire"
)

// asking is a database that tells what it is to run as a role.
type asking interface {
	Roles(ctx context.Context, names ...string) ([]postgres.RoleFacts, error)
	Grants(ctx context.Context) (postgres.Grants, error)
}

// checkRole refuses roles that nobody could run as.
func (s *Server) checkRole(ctx context.Context) error {
	role := s.settings.Role
	if role == nil {
		return nil
	}
	if !s.auth.Required() && !role.Anonymous() {
		return fmt.Errorf("%s:\n%w", s.settings.Config, role.Errorf("nobody can sign in, so all are anonymous: say which role they have, as role: {anonymous: web_anon}"))
	}
	facts, err := s.source.(asking).Roles(ctx, role.Names()...)
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range facts {
		if f.Err != nil {
			errs = append(errs, role.Errorf("%v", f.Err))
			continue
		}
		if said := unpoliced(f); said != "" {
			s.logger.Warn(said)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s:\n%w", s.settings.Config, err)
	}
	return nil
}

// unpoliced says for which role policies do not count, "" where they do.
func unpoliced(f postgres.RoleFacts) string {
	switch {
	case f.Bypass:
		return "policies do not count for the role " + f.Name + ": it is a superuser or has BYPASSRLS"
	case len(f.Owns) > 0:
		return "policies of " + strings.Join(f.Owns, ", ") + " do not count for the role " + f.Name + ", which owns them"
	}
	return ""
}

// as has what a request asks of the database run as its role.
func (s *Server) as(r *http.Request) (*http.Request, *wire.Problem) {
	if s.settings.Role == nil {
		return r, nil
	}
	name, settings, err := s.settings.Role.Of(r.Context())
	var denied *permit.Denied
	switch {
	case err == nil:
		return r.WithContext(postgres.WithRole(r.Context(), postgres.Role{Name: name, Settings: settings})), nil
	case errors.As(err, &denied) && denied.Status == http.StatusUnauthorized:
		return nil, wire.NewProblem(http.StatusUnauthorized, wire.CodeUnauthenticated, denied.Reason)
	case errors.As(err, &denied):
		return nil, wire.NewProblem(http.StatusForbidden, wire.CodeForbidden, denied.Reason)
	}
	return nil, wire.NewProblem(http.StatusServiceUnavailable, wire.CodeUnavailable, "the role of the request cannot be told at the moment")
}

// allow says what a request may do with a table: by the rules, and where it has
// a role of its own by the rights of that, so that nobody is told of what the
// database would not let him read.
func (s *Server) allow(table *rules.Table) permit.Permit {
	database, ok := s.source.(asking)
	if s.settings.Role == nil || !ok {
		return table.Allow
	}
	var shown []string
	for _, c := range table.Columns {
		if !slices.Contains(table.Hidden, c.Name) {
			shown = append(shown, c.Name)
		}
	}
	return permit.All(table.Allow, func(r *http.Request, action permit.Action) error {
		all, err := database.Grants(r.Context())
		if err != nil {
			return err
		}
		g, some := all[table.Name]
		switch {
		case some && g.Reads(shown) && granted(g, action):
			return nil
		case permit.SignedIn(r, action) != nil:
			return permit.SignIn
		}
		return permit.Deny("the database does not allow it")
	})
}

// granted reports whether a role that may read a table may do that with it.
// Who writes a row reads it, too.
func granted(g postgres.Grant, action permit.Action) bool {
	switch action {
	case permit.Create:
		return g.Insert
	case permit.Update:
		return g.Update
	case permit.Delete:
		return g.Delete
	}
	return true
}
