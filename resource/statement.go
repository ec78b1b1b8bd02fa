package resource

import (
	"github.com/wakeful-dev/wakeful/internal/dialect"
	"github.com/wakeful-dev/wakeful/schema"
)

// dialect is how the resource's database wants its statements.
func (l *layout) dialect() dialect.Dialect { return dialect.Of(l.schema) }

// args are the arguments of a statement that begins.
func (l *layout) args() *dialect.Args { return &dialect.Args{Dialect: l.dialect()} }

// appendColumns appends what is selected: values as they are stored, as images
// of changes have them.
func (l *layout) appendColumns(to []byte, of *schema.Table, alias string, columns []string) []byte {
	for i, column := range columns {
		if i > 0 {
			to = append(to, ", "...)
		}
		to = l.dialect().AppendStored(to, alias, of.Column(column))
	}
	return to
}

func (l *layout) appendFrom(to []byte, t *schema.Table, alias string) []byte {
	to = l.dialect().AppendTable(append(to, " FROM "...), t)
	return dialect.AppendName(append(to, " AS "...), alias)
}

func (l *layout) appendOrder(to []byte, alias string, order []term) []byte {
	for i, t := range order {
		if i == 0 {
			to = append(to, " ORDER BY "...)
		} else {
			to = append(to, ", "...)
		}
		to = l.dialect().AppendOrder(to, alias, t.column, t.desc)
	}
	return to
}

// appendKeyed appends the condition that a row, of the table that the statement
// calls alias, has these values.
func appendKeyed(to []byte, of *schema.Table, alias string, columns []string, values []any, args *dialect.Args) []byte {
	for i, column := range columns {
		if i == 0 {
			to = append(to, " WHERE "...)
		} else {
			to = append(to, " AND "...)
		}
		c := of.Column(column)
		to = append(args.AppendCompared(to, alias, c), " = "...)
		to = args.Compared(to, c, values[i])
	}
	return to
}

// write makes the reading's statement of one list, which tells its plan's shape.
func (p *reading) write() {
	args := p.args()
	p.body = p.appendBody(nil, args)
	p.values = args.Values
	p.plan.Shape = string(p.body)
}

// appendBody appends what the reading reads, behind its SELECT: the count where
// it is wanted, the columns, the condition, the order. What follows is the limit
// and the offset.
func (p *reading) appendBody(to []byte, args *dialect.Args) []byte {
	if p.plan.Counted {
		to = p.appendFrom(append(append(to, "(SELECT "...), p.dialect().Count()...), p.table, "n")
		to = append(p.appendWhere(to, "n", args), "), "...)
	}
	to = p.appendColumns(to, p.table, "t", p.plan.Columns)
	to = p.appendFrom(to, p.table, "t")
	to = p.appendWhere(to, "t", args)
	return p.appendOrder(to, "t", p.order)
}

func appendWindow(to []byte, args *dialect.Args, limit, offset int) []byte {
	to = args.Count(append(to, " LIMIT "...), limit)
	return args.Count(append(to, " OFFSET "...), offset)
}

func (p *reading) appendWhere(to []byte, alias string, args *dialect.Args) []byte {
	if p.every {
		return to
	}
	return p.match.Append(append(to, " WHERE "...), alias, args)
}

// count is the statement that only counts.
func (p *reading) count() (text string, args []any) {
	all := p.args()
	b := p.appendFrom([]byte("SELECT "+p.dialect().Count()), p.table, "n")
	b = p.appendWhere(b, "n", all)
	return string(b), all.Values
}
