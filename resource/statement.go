package resource

import (
	"github.com/wakeful-dev/wakeful/schema"
)

// appendName appends a name of the schema as SQL has it.
func appendName(to []byte, name string) []byte {
	to = append(to, '"')
	for i := range len(name) {
		if name[i] == '"' {
			to = append(to, '"')
		}
		to = append(to, name[i])
	}
	return append(to, '"')
}

func appendColumn(to []byte, alias, column string) []byte {
	to = append(append(to, alias...), '.')
	return appendName(to, column)
}

// appendColumns appends what is selected. The sign keeps the driver from
// turning values into what the column's declaration says: they are wanted as
// they are stored, as images of changes have them.
func appendColumns(to []byte, alias string, columns []string) []byte {
	for i, column := range columns {
		if i > 0 {
			to = append(to, ", "...)
		}
		to = appendColumn(append(to, '+'), alias, column)
	}
	return to
}

func appendFrom(to []byte, t *schema.Table, alias string) []byte {
	to = append(to, " FROM "...)
	to = appendName(to, t.Name)
	return append(append(to, " AS "...), alias...)
}

func appendOrder(to []byte, alias string, order []term) []byte {
	for i, t := range order {
		if i == 0 {
			to = append(to, " ORDER BY "...)
		} else {
			to = append(to, ", "...)
		}
		to = appendColumn(to, alias, t.column.Name)
		if t.desc {
			to = append(to, " DESC"...)
		}
	}
	return to
}

// write makes the body of the reading's statement: the count where it is
// wanted, the columns, the condition, the order, and placeholders of a limit
// and an offset.
func (p *reading) write() {
	b := make([]byte, 0, 64*(2+len(p.plan.Columns)))
	if p.plan.Counted {
		b = append(b, "(SELECT count(*)"...)
		b = appendFrom(b, p.table, "n")
		b = append(p.appendWhere(b, "n"), "), "...)
	}
	b = appendColumns(b, "t", p.plan.Columns)
	b = appendFrom(b, p.table, "t")
	b = p.appendWhere(b, "t")
	b = appendOrder(b, "t", p.order)
	p.body = append(b, " LIMIT ? OFFSET ?"...)
	p.plan.Shape = string(p.body)
}

func (p *reading) appendWhere(b []byte, alias string) []byte {
	if p.every {
		return b
	}
	b = append(b, " WHERE "...)
	b, p.args = p.match.AppendSQL(b, alias, p.args)
	return b
}

// count appends the statement that only counts.
func (p *reading) count() (text string, args []any) {
	b := appendFrom([]byte("SELECT count(*)"), p.table, "n")
	if !p.every {
		b = append(b, " WHERE "...)
		b, args = p.match.AppendSQL(b, "n", nil)
	}
	return string(b), args
}
