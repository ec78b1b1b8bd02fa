package query

import "github.com/wakeful-dev/wakeful/predicate"

// exprKind tells expressions apart as far as they can narrow.
type exprKind uint8

const (
	exprOther   exprKind = iota // says nothing itself; its parts may hold queries
	exprColumn                  // name, of table where given
	exprValue                   // a literal or parameter
	exprCompare                 // mark, of two parts
	exprAnd                     // of all parts
	exprOr                      // of all parts
	exprNot                     // of one part
	exprIn                      // the first part in the others or in query
	exprBetween                 // the first part between two others
	exprIs                      // the first part IS the second
	exprLike                    // the first part LIKE the second
	exprQuery                   // (SELECT …), EXISTS too
	exprCollate                 // one part, name is the collation
	exprConcat                  // all parts, ||
	exprCall                    // a function, name in lower case
	exprRow                     // (a, b)
	exprAny                     // the first part = ANY of an array; not: <> ALL
	exprArray                   // ARRAY[…] of all parts
	exprCast                    // one part, of another type
	exprTruth                   // one part IS TRUE, mark is the truth
)

// expr is one expression.
type expr struct {
	kind  exprKind
	not   bool   // NOT IN, NOT BETWEEN, IS NOT, NOT LIKE
	mark  string // of a comparison
	name  string
	table string // before the name of a column
	// window says that a call has OVER, scalar that it makes one value of each
	// row.
	window, scalar bool
	of             predicate.Kind // of a cast: how values of the type compare
	value          int            // in parser.values
	parts          []*expr
	query          *selection

	// ref and at are what the name of a column was found to be: a place and
	// the number of its column. ref is nil where it is nothing that narrows.
	ref *place
	at  int
}

// value is a literal or a parameter.
type value struct {
	literal any
	param   int    // from 1; 0 is a literal
	name    string // of a parameter, with its mark
	parts   []int  // of texts put together with ||
	vague   bool   // a literal whose value is not read
	fixed   bool   // stands in the schema
	torn    bool   // a parameter that may have another type than it seems
	// as is the kind that a value is cast to, used that of the column it is
	// compared with, which gives it its type.
	as, used predicate.Kind
}

// selection is a whole SELECT, with what UNION and the like put together.
type selection struct {
	with  []*common
	cores []*core
	order []*expr
	limit []*expr
	// skips says that rows are left out before the first: OFFSET.
	skips bool
	// recursive says that what WITH names may be named within itself and before.
	recursive bool
}

// common is a common table expression.
type common struct {
	name    string // folded
	columns []string
	query   *selection
	active  bool // is being read: a name in it that is its own recurs
}

// core is one SELECT … FROM … WHERE …, or VALUES.
type core struct {
	distinct bool
	results  []result
	from     *from
	where    *expr
	group    []*expr
	having   *expr
	windows  []*expr
}

// result is one column of a result: an expression, * or table.*.
type result struct {
	expr  *expr
	alias string
	star  bool
	table string
}

// fromKind tells the sources of rows apart.
type fromKind uint8

const (
	fromTable fromKind = iota
	fromQuery
	fromCall // a function that returns rows
	fromJoin
)

// joinKind says which side of a join is kept without a partner.
type joinKind uint8

const (
	joinInner joinKind = iota
	joinLeft
	joinRight
	joinFull
)

// from is a source of rows: one table, query or call, or a join of two.
type from struct {
	kind   fromKind
	schema string
	name   string
	alias  string
	args   []*expr
	query  *selection
	// columns are new names for the first ones.
	columns []string

	join        joinKind
	left, right *from
	on          *expr
	merged      bool // NATURAL or USING: names stand for both sides
}
