package predicate

import "strings"

// Kinds of PostgreSQL's columns. Values of two kinds never compare here. What
// is compared with a column's values has the column's type: an argument whose
// type is not given, or the same type.
const (
	// PostgresInteger: smallint, integer and bigint, by value.
	PostgresInteger Kind = iota + firstPostgres
	// PostgresSingle: real. Numbers that are none of it are unknown: whether the
	// database rounds them depends on how they come to it.
	PostgresSingle
	// PostgresDouble: double precision. NaN equals itself and is the greatest.
	PostgresDouble
	// PostgresNumeric: numeric of any size; 1.0 is 1.00, NaN the greatest.
	PostgresNumeric
	// PostgresBoolean: false comes before true.
	PostgresBoolean
	// PostgresText: text and character varying.
	PostgresText
	// PostgresPadded: character(n); spaces at the end do not count.
	PostgresPadded
	// PostgresName: name; longer texts are cut before they are compared.
	PostgresName
	// PostgresBytes: bytea.
	PostgresBytes
	// PostgresUUID: uuid, in whatever way it is written.
	PostgresUUID
	// PostgresTimestamp: timestamp without time zone.
	PostgresTimestamp
	// PostgresInstant: timestamp with time zone.
	PostgresInstant
	// PostgresDate: date.
	PostgresDate
	// PostgresTime: time without time zone.
	PostgresTime
	// PostgresLabel: an enum, by its labels; their order is not known.
	PostgresLabel
)

// firstPostgres is the least of PostgreSQL's kinds.
const firstPostgres = 32

// OfPostgres reports whether it is one of PostgreSQL's kinds.
func (k Kind) OfPostgres() bool { return k >= firstPostgres }

var postgresKinds = map[string]Kind{
	"smallint": PostgresInteger, "integer": PostgresInteger, "bigint": PostgresInteger,
	"real": PostgresSingle, "double precision": PostgresDouble, "numeric": PostgresNumeric, "boolean": PostgresBoolean,
	"text": PostgresText, "character varying": PostgresText, "character": PostgresPadded, "bpchar": PostgresPadded,
	"name": PostgresName, "bytea": PostgresBytes, "uuid": PostgresUUID, "date": PostgresDate,
	"timestamp without time zone": PostgresTimestamp, "timestamp with time zone": PostgresInstant,
	"time without time zone": PostgresTime,
}

// PostgresKind is the kind of a column's type as format_type writes it: of a
// domain that of the type below it, of an enum "enum " and its name. What
// compares in a way that Go does not surely repeat (json, arrays, ranges,
// inet, citext, intervals, types of extensions) is Unfit.
func PostgresKind(written string) Kind {
	if k, ok := postgresKinds[written]; ok {
		return k
	}
	if strings.HasPrefix(written, "enum ") {
		return PostgresLabel
	}
	open := strings.IndexByte(written, '(')
	if open < 0 {
		return Unfit
	}
	end := strings.IndexByte(written[open:], ')')
	if end < 0 {
		return Unfit
	}
	return postgresKinds[written[:open]+written[open+end+1:]]
}

// PostgresCollation is the collation that a column of PostgreSQL's is said to
// have: "C", "deterministic" or "".
func PostgresCollation(name string) Collation {
	switch name {
	case "C":
		return Binary
	case "deterministic":
		return Deterministic
	}
	return Foreign
}

// Ordered reports whether Go knows which of two values of the column comes
// first. Where it does not, it may know all the same whether they are equal.
func (c Column) Ordered() bool {
	switch c.Kind {
	case PostgresText, PostgresPadded, PostgresName:
		return c.Collation == Binary
	case PostgresLabel:
		return false
	}
	return true
}

// PostgresLikeOf is the atom for PostgreSQL's LIKE without ESCAPE, fold for
// ILIKE under the collation "C". ok is false where the pattern says nothing
// that could be looked up. From the first \ on any text matches.
func PostgresLikeOf(column, pattern string, foldCase bool) (a Atom, ok bool) {
	if i := strings.IndexByte(pattern, '\\'); i >= 0 {
		pattern = pattern[:i] + "%"
	}
	if foldCase {
		return likeOf(column, fold(pattern), NoCase)
	}
	return likeOf(column, pattern, Binary)
}

// Equal reports whether two stored values of a column are the same to the
// database; NULL is the same as NULL. It knows more than Compare: of texts and
// labels whose order is not known it tells whether they are equal.
func Equal(a, b any, as Column) (equal, known bool) {
	if !as.Kind.OfPostgres() {
		order, known := Compare(a, b, as)
		return order == 0, known
	}
	var here, there [64]byte
	x, knownX := as.Row(here[:0], a)
	y, knownY := as.Row(there[:0], b)
	return knownX == knownY && string(x) == string(y), knownX != Unknown && knownY != Unknown
}
