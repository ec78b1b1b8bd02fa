package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/postgres"
	"github.com/wakeful-dev/wakeful/wire"
)

// asking is a database that tells what it is to run as a role.
type asking interface {
	Roles(ctx context.Context, names ...string) ([]postgres.RoleFacts, error)
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
