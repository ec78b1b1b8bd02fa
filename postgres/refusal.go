package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/wakeful-dev/wakeful/schema"
)

var _ schema.Refuser = (*Source)(nil)

// refusals are reasons by SQLSTATE.
var refusals = map[string]schema.Reason{
	"23505": schema.Duplicate, // unique_violation
	"23P01": schema.Duplicate, // exclusion_violation
	"23503": schema.Dangling,  // foreign_key_violation
	"23001": schema.Dangling,  // restrict_violation
	"23502": schema.Missing,   // not_null_violation
	"23514": schema.Checked,   // check_violation
	"44000": schema.Checked,   // with_check_option_violation
	"P0001": schema.Raised,    // raise_exception
	"428C9": schema.Mistyped,  // generated_always
	"22P02": schema.Mistyped,  // invalid_text_representation
	"22P03": schema.Mistyped,  // invalid_binary_representation
	"22P05": schema.Mistyped,  // untranslatable_character
	"42804": schema.Mistyped,  // datatype_mismatch
	"25006": schema.ReadOnly,  // read_only_sql_transaction
	"42501": schema.Forbidden, // insufficient_privilege, row-level security
	"40001": schema.Busy,      // serialization_failure
	"40P01": schema.Busy,      // deadlock_detected
	"55P03": schema.Busy,      // lock_not_available
	"53100": schema.TooBig,    // disk_full
	"54000": schema.TooBig,    // program_limit_exceeded: a value that its index does not hold
}

// Refusal reads an error of PostgreSQL.
func (s *Source) Refusal(err error) *schema.Refusal {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return nil
	}
	reason, ok := refusals[e.Code]
	switch {
	case ok:
	case strings.HasPrefix(e.Code, "22"): // data_exception: out of range, too long, no date
		reason = schema.Mistyped
	default:
		return nil
	}
	r := &schema.Refusal{Reason: reason}
	if e.TableName != "" {
		r.Table = tableName(e.SchemaName, e.TableName)
	}
	switch reason {
	case schema.Missing:
		r.Columns = named(e.ColumnName)
	case schema.Duplicate, schema.Dangling, schema.Checked:
		s.name(e, r)
	case schema.Raised:
		r.Constraint = e.Message
	case schema.Mistyped:
		r.Columns = named(e.ColumnName)
	}
	return r
}

func named(column string) []string {
	if column == "" {
		return nil
	}
	return []string{column}
}

// name says which columns a constraint is about.
func (s *Source) name(e *pgconn.PgError, r *schema.Refusal) {
	r.Constraint = e.ConstraintName
	found, err := s.toldNow(context.Background())
	if err != nil {
		return
	}
	c, ok := found.constraints[constraintName{e.SchemaName, e.TableName, e.ConstraintName}]
	if !ok {
		return
	}
	r.Table, r.Columns = c.table, c.columns
	switch {
	case c.text != "":
		r.Constraint = expression(c.text)
	case r.Reason != schema.Checked:
		r.Constraint = ""
	}
}

// expression is what a check demands: CHECK ((score > 0)) says score > 0.
func expression(text string) string {
	text = strings.TrimSuffix(strings.TrimPrefix(text, "CHECK "), " NOT VALID")
	text = strings.TrimSuffix(text, " NO INHERIT")
	for len(text) > 1 && text[0] == '(' && closes(text) == len(text)-1 {
		text = text[1 : len(text)-1]
	}
	return text
}

// closes returns where the parenthesis that text begins with ends.
func closes(text string) int {
	depth, quoted := 0, byte(0)
	for i := range len(text) {
		switch c := text[i]; {
		case quoted != 0:
			if c == quoted {
				quoted = 0
			}
		case c == '\'' || c == '"':
			quoted = c
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
