package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/wakeful-dev/wakeful/schema"
)

// Outline is what a database holds, for those who look before it is followed.
type Outline struct {
	// Schema is as Source.Schema has it. Of a table that Open would publish it is
	// said that its changes are reported.
	Schema *schema.Schema
	// Roles says of those that were asked about what Source.Roles does.
	Roles []RoleFacts
	// Slim lists the tables of which the log does not say what a row was before an
	// update (REPLICA IDENTITY DEFAULT).
	Slim []string
}

// Look makes nothing and alters nothing.
func (c Config) Look(ctx context.Context, roles ...string) (*Outline, error) {
	s, err := c.connect()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	now, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	s.server.Store(&now)
	found, err := s.readCatalog(ctx, s.foresee)
	if err != nil {
		return nil, fmt.Errorf("postgres: read the schema: %w", err)
	}
	o := &Outline{Schema: found.schema}
	if o.Roles, err = s.Roles(ctx, roles...); err == nil {
		o.Slim, err = s.slim(ctx)
	}
	return o, err
}

// foresee says of tables whether their changes will be reported once the
// database is followed.
func (s *Source) foresee(ctx context.Context, tables []*schema.Table) error {
	known, err := s.readTables(ctx)
	if err != nil {
		return err
	}
	for _, t := range tables {
		of := known[t.Name]
		if t.View || of != nil && of.suits() {
			continue
		}
		if err := blame(t, s.uncovered(t.Name, of)); err != nil {
			return err
		}
	}
	return nil
}

const slimQuery = `
SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.relreplident = 'd' AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary)
ORDER BY 1, 2`

func (s *Source) slim(ctx context.Context) ([]string, error) {
	rows, err := s.meta.Query(ctx, slimQuery)
	if err != nil {
		return nil, fmt.Errorf("postgres: ask for replica identities: %w", err)
	}
	return pgx.CollectRows(rows, namedRow)
}

// namedRow is the name of a table, of its schema and its own.
func namedRow(row pgx.CollectableRow) (string, error) {
	var schema, table string
	err := row.Scan(&schema, &table)
	return tableName(schema, table), err
}
