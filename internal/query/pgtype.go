package query

import (
	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/readset"
)

// ofArray marks the kind of an array's elements.
const ofArray = 0x80

// postgresTypes are names of types as statements have them, in the words of
// format_type. Those that change what they are given (a length, a precision)
// are not among them.
var postgresTypes = map[string]string{
	"int2": "smallint", "int4": "integer", "int8": "bigint", "float4": "real", "float8": "double precision", "bool": "boolean",
	"numeric": "numeric", "text": "text", "varchar": "character varying", "bpchar": "bpchar", "name": "name", "bytea": "bytea", "uuid": "uuid",
	"date": "date", "timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone", "time": "time without time zone",
}

// bareTypes are names that mean a type only where they are not quoted.
var bareTypes = map[string]string{
	"smallint": "smallint", "integer": "integer", "int": "integer", "bigint": "bigint", "real": "real", "decimal": "numeric", "dec": "numeric",
	"boolean": "boolean", "float": "double precision",
}

// opaqueTypes are the database's own that compare in ways of their own. Any
// other name may be that of an enum.
var opaqueTypes = nameSet(`json jsonb xml interval timetz money inet cidr macaddr macaddr8 bit varbit char character nchar point line lseg
	box path polygon circle tsvector tsquery int4range int8range numrange tsrange tstzrange daterange int4multirange int8multirange
	nummultirange tsmultirange tstzmultirange datemultirange oid regclass regtype regproc regprocedure regrole regnamespace xid xid8 cid
	tid pg_lsn record jsonpath citext hstore vector geometry geography ltree`)

// typeName reads the name of a type and says how its values compare, Unfit
// where that is not known; ofArray where it is an array of them.
func (p postgresParser) typeName() predicate.Kind {
	p.accept("SETOF")
	written, quoted := p.token.text, p.token.kind == tokenName
	if p.token.kind != tokenWord && !quoted {
		p.unexpected()
	}
	p.advance()
	name, known := written, true
	if !quoted {
		name = readset.Fold(written)
	}
	for p.accept(".") {
		known = name == "pg_catalog"
		quoted, name = true, p.name()
	}
	long := p.longType(&name)
	exact := true
	if p.accept("(") {
		exact = false
		p.several()
		p.expect(")")
	}
	switch {
	case quoted:
	case name == "timestamp", name == "time":
		if p.token.is("WITH") && p.ahead.is("TIME") {
			p.advance()
			p.advance()
			p.expect("ZONE")
			name += "tz"
		} else if p.accept("WITHOUT") {
			p.expect("TIME")
			p.expect("ZONE")
		}
	case name == "interval":
		p.fields()
	}
	kind := predicate.Unfit
	if known && exact {
		kind = kindOf(name, quoted, long)
	}
	return p.bounds(kind)
}

// longType reads the second word of a name that has two.
func (p postgresParser) longType(name *string) bool {
	switch {
	case *name == "double" && p.accept("PRECISION"):
		*name = "float8"
	case *name == "character" && p.accept("VARYING"), *name == "char" && p.accept("VARYING"):
		*name = "varchar"
	case *name == "bit":
		p.accept("VARYING")
		return false
	case *name == "national":
		p.fail("a national type")
	default:
		return false
	}
	return true
}

func kindOf(name string, quoted, long bool) predicate.Kind {
	written, ok := postgresTypes[name]
	if !ok && !quoted {
		written, ok = bareTypes[name]
	}
	switch {
	case ok:
		return predicate.PostgresKind(written)
	case long || opaqueTypes[name]:
		return predicate.Unfit
	}
	return predicate.PostgresLabel
}

// bounds reads what makes a type an array.
func (p postgresParser) bounds(kind predicate.Kind) predicate.Kind {
	array := p.accept("ARRAY")
	for p.token.is("[") {
		p.advance()
		if p.token.kind == tokenNumber {
			p.advance()
		}
		p.expect("]")
		array = true
	}
	if array && kind != predicate.Unfit {
		return kind | ofArray
	}
	return kind
}

// fields reads what may follow INTERVAL: YEAR TO MONTH, SECOND(3).
func (p postgresParser) fields() {
	for p.token.isOneOf("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND") {
		p.advance()
		if p.accept("(") {
			p.several()
			p.expect(")")
		}
		if !p.accept("TO") {
			return
		}
	}
}
