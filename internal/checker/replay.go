package checker

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// replayer carries transactions out in the second database.
type replayer struct {
	db     *sql.DB
	engine engine
	shapes map[string]shape
}

// shape is how a table's rows are named and written.
type shape struct{ remove, insert string }

func (p *replayer) shape(ctx context.Context, table string) (shape, error) {
	if s, ok := p.shapes[table]; ok {
		return s, nil
	}
	columns, key, err := p.engine.layout(ctx, p.db, table)
	if err != nil {
		return shape{}, err
	}
	s := shape{
		remove: "DELETE FROM " + quote(table) + " WHERE (" + list(key) + ") = (",
		insert: p.engine.insert + quote(table) + " (" + list(columns) + ") VALUES (",
	}
	p.shapes[table] = s
	return s, nil
}

func list(columns []string) string {
	quoted := make([]string, len(columns))
	for i, name := range columns {
		quoted[i] = quote(name)
	}
	return strings.Join(quoted, ", ")
}

// apply carries one transaction out.
func (p *replayer) apply(ctx context.Context, t *Transaction) error {
	var script strings.Builder
	for i := range t.rows {
		r := &t.rows[i]
		s, err := p.shape(ctx, r.table)
		if err != nil {
			return err
		}
		if r.old != "" {
			script.WriteString(s.remove + r.old + ");\n")
		}
		if r.new != "" {
			script.WriteString(s.insert + r.new + ");\n")
		}
	}
	if _, err := p.db.ExecContext(ctx, "BEGIN;\n"+script.String()+"COMMIT"); err != nil {
		return fmt.Errorf("checker: replay of transaction %d: %w", t.Number, err)
	}
	return nil
}
