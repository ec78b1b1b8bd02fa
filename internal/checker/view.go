package checker

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/follow"
)

// View is what an endpoint should show: a query, and how its rows become the
// list of a client.
type View struct {
	// URL is what clients ask for, without observe: it names the view.
	URL string
	// As is the identity that the view is for; "" for all that have none of
	// their own.
	As string
	// Tables are those whose changes can change the result.
	Tables []string
	// Key lists the fields that tell items apart.
	Key []string
	// Items gives the items, as JSON objects.
	Items Query
	// Meta, if set, gives one row: what a page has beside its items.
	Meta Query
}

// Query is SQL with its arguments.
type Query struct {
	Text string
	Args []any
}

// SQL is a Query.
func SQL(text string, args ...any) Query { return Query{text, args} }

// Result is what a view shows at one point.
type Result struct {
	Items []follow.Item
	Meta  []byte
}

// Sum is a hash that equal results share with lists that show them.
func (r *Result) Sum() uint64 { return follow.Sum(r.Items, r.Meta) }

// result runs the view.
func (v *View) result(ctx context.Context, s *statements) (*Result, error) {
	rows, err := v.Items.rows(ctx, s)
	if err != nil {
		return nil, err
	}
	result := &Result{Items: make([]follow.Item, 0, len(rows))}
	for _, row := range rows {
		item, err := v.item(row)
		if err != nil {
			return nil, err
		}
		result.Items = append(result.Items, item)
	}
	if v.Meta.Text == "" {
		return result, nil
	}
	meta, err := v.Meta.rows(ctx, s)
	if err != nil {
		return nil, err
	}
	if len(meta) != 1 {
		return nil, fmt.Errorf("checker: meta has %d rows, want 1", len(meta))
	}
	data, err := json.Marshal(meta[0])
	if err != nil {
		return nil, err
	}
	result.Meta, err = follow.Canonical(data)
	return result, err
}

// item makes a row the item that a client holds: an object without a key of its
// own gets 1, a composite key becomes a field.
func (v *View) item(row map[string]any) (follow.Item, error) {
	key := v.Key[0]
	if len(v.Key) > 1 {
		key = "_key"
		parts := make([]string, len(v.Key))
		for i, name := range v.Key {
			parts[i] = percentEncode(fmt.Sprint(row[name]))
		}
		row[key] = strings.Join(parts, ",")
	} else if _, ok := row[key]; !ok {
		row[key] = 1
	}
	data, err := json.Marshal(row)
	if err != nil {
		return follow.Item{}, err
	}
	return follow.NewItem(data, key)
}

// percentEncode writes every byte but the unreserved ones of RFC 3986 as %XX.
func percentEncode(text string) string {
	var out strings.Builder
	for _, b := range []byte(text) {
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("-._~", b) >= 0 {
			out.WriteByte(b)
		} else {
			fmt.Fprintf(&out, "%%%02X", b)
		}
	}
	return out.String()
}

// statements are the views' queries, prepared once: they are run after
// thousands of transactions.
type statements struct {
	db       *sql.DB
	prepared map[string]*sql.Stmt
}

func (s *statements) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt := s.prepared[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.db.PrepareContext(ctx, text)
	if err == nil {
		s.prepared[text] = stmt
	}
	return stmt, err
}

func (s *statements) close() error {
	var errs []error
	for _, stmt := range s.prepared {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(errs...)
}

// rows returns each row as column → value, ready for JSON.
func (q Query) rows(ctx context.Context, s *statements) (list []map[string]any, err error) {
	stmt, err := s.prepare(ctx, q.Text)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, q.Args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := make(map[string]any, len(columns)+1)
		for i, name := range columns {
			row[name] = values[i]
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

func (v *View) reads(table string) bool { return slices.Contains(v.Tables, table) }
