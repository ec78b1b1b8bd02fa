package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/wakeful-dev/wakeful/schema"
)

// pgType is one type of the database.
type pgType struct {
	kind     string // as pg_type.typtype has it
	native   string // as a cast names it
	item     uint32 // of an array
	of       uint32 // of a domain
	modifier int32  // of a domain
	notNull  bool
	preset   bool // a domain's default
	ordered  bool
	labels   []string
}

// typeQuery lists the types of columns. Ordered are those of which B-tree knows
// what is less, themselves or by a type that they are written like.
const typeQuery = `SELECT t.oid, t.typtype::text, pg_catalog.format_type(t.oid, -1),
	CASE WHEN t.typcategory = 'A' AND t.typarray = 0 THEN t.typelem ELSE 0 END,
	t.typbasetype, t.typtypmod, t.typnotnull, t.typdefault IS NOT NULL,
	t.typtype IN ('e', 'r', 'm') OR EXISTS (SELECT FROM pg_catalog.pg_opclass AS o JOIN pg_catalog.pg_am AS m ON m.oid = o.opcmethod
		WHERE m.amname = 'btree' AND o.opcdefault AND (o.opcintype = t.oid OR EXISTS (SELECT FROM pg_catalog.pg_cast AS k
			WHERE k.castsource = t.oid AND k.casttarget = o.opcintype AND k.castmethod = 'b' AND k.castcontext = 'i'))),
	ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
FROM pg_catalog.pg_type AS t WHERE t.typtype <> 'p'`

func (r *catalogReader) readTypes(ctx context.Context) error {
	rows, err := r.tx.Query(ctx, typeQuery)
	if err != nil {
		return err
	}
	r.types = map[uint32]*pgType{}
	var oid uint32
	var t pgType
	_, err = pgx.ForEachRow(rows, []any{&oid, &t.kind, &t.native, &t.item, &t.of, &t.modifier, &t.notNull, &t.preset, &t.ordered, &t.labels}, func() error {
		one := t
		t.labels = nil
		r.types[oid] = &one
		return nil
	})
	return err
}

// columnQuery lists the columns that the role may read. The default of a
// generated column is what it is made by.
const columnQuery = `SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, pg_catalog.format_type(a.atttypid, a.atttypmod),
	a.attnotnull, a.attidentity::text, a.attgenerated::text, coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), ''),
	a.attcollation <> 0, a.attcollation = 100, coalesce(l.collprovider::text, ''), coalesce(l.collcollate, ''),
	coalesce(to_jsonb(l) ->> 'colllocale', to_jsonb(l) ->> 'colliculocale', ''), coalesce(l.collisdeterministic, false)
FROM pg_catalog.pg_attribute AS a
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
WHERE a.attrelid = ANY($1) AND a.attnum > 0 AND NOT a.attisdropped
	AND pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT')
ORDER BY a.attrelid, a.attnum`

// attribute is a column as the catalogue has it.
type attribute struct {
	relation            uint32
	number              int16
	name, declared      string
	typ                 uint32
	modifier            int32
	notNull             bool
	identity, generated string
	expression          string

	collated, usual           bool // usual: by the database's own collation
	provider, collate, locale string
	deterministic             bool
}

func (r *catalogReader) readColumns(ctx context.Context) error {
	rows, err := r.tx.Query(ctx, columnQuery, r.oids())
	if err != nil {
		return err
	}
	var a attribute
	_, err = pgx.ForEachRow(rows, []any{&a.relation, &a.number, &a.name, &a.typ, &a.modifier, &a.declared,
		&a.notNull, &a.identity, &a.generated, &a.expression,
		&a.collated, &a.usual, &a.provider, &a.collate, &a.locale, &a.deterministic}, func() error {
		t := r.tables[a.relation]
		t.attributes[a.number] = a.name
		if t.root == nil {
			t.Columns = append(t.Columns, r.column(&a, t.View))
		}
		return nil
	})
	return err
}

// serial begins the default of a column that takes its values from a sequence.
const serial = "nextval("

func (r *catalogReader) column(a *attribute, view bool) schema.Column {
	c := schema.Column{
		Name: a.name, Declared: a.declared, Strict: true, Nullable: !a.notNull,
		Generated: a.generated != "" || a.identity == "a",
		Unstored:  a.generated != "",
		Auto:      a.identity != "" || a.generated == "" && strings.HasPrefix(a.expression, serial),
	}
	c.Default = a.generated == "" && (c.Auto || a.expression != "" && !strings.HasPrefix(a.expression, "NULL"))
	typ, modifier := r.types[a.typ], a.modifier
	for typ != nil && typ.kind == "d" {
		c.Nullable = c.Nullable && !typ.notNull
		c.Default = c.Default || typ.preset && a.generated == ""
		if modifier < 0 {
			modifier = typ.modifier
		}
		typ = r.types[typ.of]
	}
	r.describe(&c, typ, modifier)
	switch {
	case view || !a.collated:
	case a.usual:
		c.Collation = r.collation
	default:
		c.Collation = collationOf(a.provider, a.collate, a.locale, a.deterministic)
	}
	if len(c.Labels) > 0 {
		c.Collation = "deterministic"
	}
	return c
}

// describe says what a column's type is beneath its domains.
func (r *catalogReader) describe(c *schema.Column, t *pgType, modifier int32) {
	if t == nil {
		c.Type, c.Native, c.Unordered = schema.Text, "text", true // of a type that is gone meanwhile
		return
	}
	c.Native, c.Unordered, c.Type = t.native, !t.ordered, schema.Text
	switch {
	case t.item != 0:
		item := r.types[t.item]
		inner := int32(-1)
		for item != nil && item.kind == "d" {
			item = r.types[item.of]
		}
		c.Type, c.Item = schema.Array, &schema.Column{Strict: true, Nullable: true}
		r.describe(c.Item, item, inner)
		c.Unordered = c.Item.Unordered
	case t.kind == "e":
		c.Labels = t.labels
	case t.kind == "c":
		c.Unordered = true // some have columns that do not compare
	default:
		if known, ok := nativeTypes[t.native]; ok {
			c.Type = known
		}
		bound(c, modifier)
	}
}

// nativeTypes are the types that are more than their text.
var nativeTypes = map[string]schema.Type{
	"smallint": schema.Integer, "integer": schema.Integer, "bigint": schema.Integer, "oid": schema.Integer,
	"real": schema.Float, "double precision": schema.Float, "numeric": schema.Decimal,
	"boolean": schema.Boolean, "bytea": schema.Bytes, "uuid": schema.UUID, "json": schema.JSON, "jsonb": schema.JSON,
	"timestamp without time zone": schema.Timestamp, "timestamp with time zone": schema.Timestamp,
	"date": schema.Date, "time without time zone": schema.Time,
}

// bound reads a type modifier: the length of a text, the digits of a number.
func bound(c *schema.Column, modifier int32) {
	const header = 4
	if modifier < header {
		return
	}
	switch modifier -= header; c.Native {
	case "character varying", "bpchar":
		c.Length = int(modifier)
	case "numeric":
		c.Precision = int(modifier >> 16 & 0xffff)
		c.Scale = int((modifier&0x7ff)^0x400) - 0x400 // eleven bits, signed
	}
}
