package sqlite

import (
	"context"
	"errors"
	"strings"

	"github.com/wakeful-dev/wakeful/schema"
	driversqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var _ schema.Refuser = (*Source)(nil)

var refusals = map[int]schema.Reason{
	sqlite3.SQLITE_BUSY:     schema.Busy,
	sqlite3.SQLITE_LOCKED:   schema.Busy,
	sqlite3.SQLITE_MISMATCH: schema.Mistyped,
	sqlite3.SQLITE_READONLY: schema.ReadOnly,
	sqlite3.SQLITE_PERM:     schema.ReadOnly,
	sqlite3.SQLITE_FULL:     schema.TooBig,
	sqlite3.SQLITE_TOOBIG:   schema.TooBig,
}

var constraints = map[int]schema.Reason{
	sqlite3.SQLITE_CONSTRAINT_UNIQUE:     schema.Duplicate,
	sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: schema.Duplicate,
	sqlite3.SQLITE_CONSTRAINT_ROWID:      schema.Duplicate,
	sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: schema.Dangling,
	sqlite3.SQLITE_CONSTRAINT_NOTNULL:    schema.Missing,
	sqlite3.SQLITE_CONSTRAINT_CHECK:      schema.Checked,
	sqlite3.SQLITE_CONSTRAINT_DATATYPE:   schema.Mistyped,
	sqlite3.SQLITE_CONSTRAINT_TRIGGER:    schema.Raised,
}

// Refusal reads an error of SQLite. It does not say which foreign key leads
// nowhere: SQLite does not tell.
func (s *Source) Refusal(err error) *schema.Refusal {
	var e *driversqlite.Error
	if !errors.As(err, &e) {
		return nil
	}
	reason, ok := constraints[e.Code()]
	if !ok {
		if reason, ok = refusals[e.Code()&0xff]; !ok {
			return nil
		}
		return &schema.Refusal{Reason: reason}
	}
	r := &schema.Refusal{Reason: reason}
	text := e.Error()
	if end := strings.LastIndex(text, " ("); end > 0 {
		text = text[:end]
	}
	text = strings.TrimPrefix(text, "constraint failed: ")
	switch reason {
	case schema.Duplicate, schema.Missing:
		_, text, _ = strings.Cut(text, "constraint failed: ")
		if index, ok := strings.CutPrefix(text, "index '"); ok {
			r.Constraint = strings.TrimSuffix(index, "'")
			break
		}
		r.Table, r.Columns = s.columnsIn(text, ", ")
	case schema.Checked:
		_, r.Constraint, _ = strings.Cut(text, "constraint failed: ")
	case schema.Mistyped:
		if _, text, ok := strings.Cut(text, " column "); ok {
			r.Table, r.Columns = s.columnsIn(text, "")
		}
	case schema.Raised:
		r.Constraint = text
	}
	return r
}

// columnsIn reads "table.a, table.b". Names may have points and commas in them.
func (s *Source) columnsIn(text, between string) (table string, columns []string) {
	table, _, _ = strings.Cut(text, ".")
	if known, err := s.Schema(context.Background()); err == nil {
		for _, t := range known.Tables {
			if strings.HasPrefix(text, t.Name+".") && len(t.Name) > len(table) {
				table = t.Name
			}
		}
	}
	text = strings.TrimPrefix(text, table+".")
	if between == "" {
		return table, []string{text}
	}
	return table, strings.Split(text, between+table+".")
}
