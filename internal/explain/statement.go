package explain

import (
	"slices"

	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/observer"
	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/predicate"
)

// The most that one explanation has of each.
const (
	maxStatements = 64
	maxDropped    = 32
)

// Statements tells how the statements of an evaluation were understood. Those
// that are alike are one.
func Statements(understood []observer.Understood, values bool) (list []Statement, omitted int) {
	for i := range understood {
		one := statementOf(&understood[i], values)
		if at := slices.IndexFunc(list, one.same); at >= 0 {
			list[at].Runs++
		} else if len(list) < maxStatements {
			list = append(list, one)
		} else {
			omitted++
		}
	}
	return list, omitted
}

func statementOf(u *observer.Understood, values bool) Statement {
	s := Statement{Runs: 1, Opaque: u.Opaque, Volatile: u.Statement.Volatile, Ties: u.Ties}
	if s.Text = query.Redact(u.Statement); values {
		s.Text = u.Statement.Text
	}
	for _, need := range u.Needs {
		s.Reads = append(s.Reads, ReadOf(need.Table, need.Columns, need.Where, values))
	}
	for _, d := range u.Dropped {
		one := Dropped{Table: d.Table, Column: d.Column, Why: d.Why}
		if len(s.Dropped) < maxDropped && !slices.Contains(s.Dropped, one) {
			s.Dropped = append(s.Dropped, one)
		}
	}
	return s
}

func (s Statement) same(other Statement) bool {
	return s.Text == other.Text && s.Opaque == other.Opaque && slices.Equal(s.Dropped, other.Dropped) &&
		slices.EqualFunc(s.Reads, other.Reads, Read.same)
}

func (r Read) same(other Read) bool {
	return r.Table == other.Table && r.Rows == other.Rows && slices.Equal(r.Columns, other.Columns)
}

// ReadOf is one table and what matters of it.
func ReadOf(table string, columns []string, where predicate.Condition, values bool) Read {
	return Read{Table: table, Columns: slices.Clone(columns), Rows: where.Text(values)}
}

// Reads tells what an observer depends on; newest is what its newest run read.
func Reads(reads, newest []affected.Dependency, values bool) []Read {
	list := make([]Read, len(reads))
	for i, d := range reads {
		list[i] = ReadOf(d.Table, d.Columns, d.Where, values)
		list[i].Earlier = newest != nil && !slices.ContainsFunc(newest, func(n affected.Dependency) bool {
			return n.Table == d.Table && slices.Equal(n.Columns, d.Columns) && n.Where.Equal(d.Where)
		})
	}
	return list
}
