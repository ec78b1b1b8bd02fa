package serve

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/postgres"
	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/source"
)

// postgres checks a database of a server: its settings, then what is served.
func (c *checking) postgres(ctx context.Context, s *Server) error {
	cfg, secrets, err := c.settings.postgresConfig(s.logger)
	if err != nil {
		return err
	}
	found, err := cfg.Check(ctx)
	if err != nil {
		return tell(err, secrets)
	}
	blocked := false
	for _, f := range found {
		if f.Table == "" {
			blocked = blocked || f.Blocks
			c.found(f, secrets)
		}
	}
	var names []string
	if c.settings.Role != nil {
		names = c.settings.Role.Names()
	}
	outline, err := cfg.Look(ctx, names...)
	if err != nil {
		if blocked {
			return nil // it has been said why
		}
		return tell(err, secrets)
	}
	c.roles(outline, s)
	s.db, s.source = sql.OpenDB(unopened{}), looked{schema: outline.Schema}
	defer s.db.Close()
	site := s.build(outline.Schema)
	c.tables(site)
	for _, f := range found {
		if f.Table != "" && !slices.ContainsFunc(site.mounted, func(m mounted) bool { return m.Name == f.Table && m.unobserved() != "" }) {
			f.Blocks = false
			c.found(f, secrets)
		}
	}
	if len(outline.Slim) > 0 {
		c.note("the log does not say what a row was before an update, of "+few(outline.Slim)+": lists with filters are looked at more often than they must be",
			"where a table changes often, at the cost of its writers: ALTER TABLE "+outline.Slim[0]+" REPLICA IDENTITY FULL")
	}
	return nil
}

// found is what the database's own check says.
func (c *checking) found(f postgres.Finding, secrets []string) {
	how := telling(f.Cure, secrets)
	if !f.Blocks && len(f.Statements) > 0 {
		how += "; or now, by wakeful check --fix: " + statements(f)
	}
	what := telling(f.What, secrets)
	if f.Tried != "" && f.Blocks {
		what += " (" + f.Tried + ")"
	}
	c.findings = append(c.findings, Finding{Missing: f.Blocks, What: what, How: how})
}

// statements are those that mend something, each in one line.
func statements(f postgres.Finding) string {
	var list []string
	for _, statement := range f.Statements {
		first, _, more := strings.Cut(statement, "\n")
		if more {
			first += " …"
		}
		list = append(list, first)
	}
	return strings.Join(list, "; ")
}

// roles checks who statements run as.
func (c *checking) roles(o *postgres.Outline, s *Server) {
	policies := map[bool][]string{} // tables that have them, by whether they count for the connection's own role
	for _, t := range o.Schema.Tables {
		if t.Policies {
			policies[t.Policed] = append(policies[t.Policed], t.Name)
		}
	}
	role := c.settings.Role
	switch {
	case role == nil && len(policies[false]) > 0:
		c.note("policies of "+few(policies[false])+" do not count, for the server's own role is above them: rules alone say who sees what",
			"role: in the file of --config has requests run as roles that they count for: docs/postgres.md")
	case role == nil && len(policies[true]) > 0:
		c.note("policies of "+few(policies[true])+" count for the server's own role, and so for everybody alike", "role: in the file of --config says who asks: docs/postgres.md")
	case role != nil && s.auth != nil && !s.auth.Required() && !role.Anonymous():
		c.missing("nobody can sign in, and who has not signed in has no role: wakeful serve does not start", "role: {anonymous: …} in "+c.settings.Config)
	}
	for _, f := range o.Roles {
		if f.Err != nil {
			c.missing(telling(f.Err.Error(), nil), "")
		} else if said := unpoliced(f); said != "" {
			c.missing(said, "name a role that has no such right, or take it away: ALTER ROLE "+f.Name+" NOSUPERUSER NOBYPASSRLS; ALTER TABLE … FORCE ROW LEVEL SECURITY")
		}
	}
}

// few names some tables of a list.
func few(tables []string) string {
	const some = 5
	if n := len(tables) - some; n > 1 {
		return strings.Join(tables[:some], ", ") + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(tables, ", ")
}

// looked is a database that was looked at and is not open.
type looked struct {
	source.Source
	schema *schema.Schema
}

func (l looked) Schema(context.Context) (*schema.Schema, error) { return l.schema, nil }
func (l looked) Close() error                                   { return nil }

// unopened stands for the connections of a database that is not open.
type unopened struct{}

func (unopened) Driver() driver.Driver { return nil }

func (unopened) Connect(context.Context) (driver.Conn, error) {
	return nil, errors.New("serve: the database is not open")
}

// Fix does in a PostgreSQL database what can be done from here, and returns what
// it did. The error has what could not be done.
func Fix(ctx context.Context, settings *Settings, logger *slog.Logger) (done []Finding, err error) {
	if !settings.postgres() {
		return nil, fmt.Errorf("--fix is for PostgreSQL: in the file %s nothing is to be set", settings.DB)
	}
	cfg, secrets, err := settings.postgresConfig(logger)
	if err != nil {
		return nil, err
	}
	before, err := cfg.Check(ctx)
	if err != nil {
		return nil, tell(err, secrets)
	}
	left, err := cfg.Fix(ctx)
	for _, f := range before {
		at := slices.IndexFunc(left, func(l postgres.Finding) bool { return l.What == f.What })
		if len(f.Statements) == 0 || at >= 0 && !left[at].Restart {
			continue
		}
		one := Finding{What: telling(f.What, secrets), How: statements(f)}
		if f.Restart {
			one.How += "; it counts when the server has been restarted"
		}
		done = append(done, one)
	}
	return done, tell(err, secrets)
}

// Drop takes out of a PostgreSQL database what was made in it to follow it.
func Drop(ctx context.Context, settings *Settings, logger *slog.Logger) error {
	if !settings.postgres() {
		return fmt.Errorf("--db %s is a file: nothing is made in it that would have to be taken out", settings.DB)
	}
	cfg, secrets, err := settings.postgresConfig(logger)
	if err != nil {
		return err
	}
	return tell(cfg.Drop(ctx), secrets)
}
