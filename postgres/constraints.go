package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/wakeful-dev/wakeful/schema"
)

// constraintName is how an error names a constraint.
type constraintName struct{ schema, table, name string }

// constraint is what a write can stand against.
type constraint struct {
	table   string // as changes name it
	columns []string
	text    string // of a check
}

// uniqueQuery lists the unique indexes. Of what has expressions in it, or holds
// for some rows only, the columns say nothing.
const uniqueQuery = `SELECT i.indrelid, c.relname, i.indisprimary, i.indpred IS NULL AND i.indexprs IS NULL AND i.indisvalid,
	(i.indkey::int2[])[0:i.indnkeyatts - 1]
FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
WHERE i.indisunique AND i.indrelid = ANY($1) ORDER BY i.indexrelid`

// names are those of attributes; ok false where one of them is no column, or not
// for the role to read.
func (t *relation) names(numbers []int16) (names []string, ok bool) {
	for _, n := range numbers {
		name, found := t.attributes[n]
		if !found {
			return nil, false
		}
		names = append(names, name)
	}
	return names, len(names) > 0
}

// whole is the table as it is told of: of a part, the one that it is part of.
func (t *relation) whole() *relation {
	if t.root != nil {
		return t.root
	}
	return t
}

func (r *catalogReader) oids() []uint32 {
	oids := make([]uint32, 0, len(r.tables))
	for oid := range r.tables {
		oids = append(oids, oid)
	}
	return oids
}

func (r *catalogReader) readUnique(ctx context.Context) error {
	rows, err := r.tx.Query(ctx, uniqueQuery, r.oids())
	if err != nil {
		return err
	}
	var oid uint32
	var name string
	var primary, plain bool
	var numbers []int16
	_, err = pgx.ForEachRow(rows, []any{&oid, &name, &primary, &plain, &numbers}, func() error {
		t := r.tables[oid]
		columns, ok := t.names(numbers)
		if !plain || !ok {
			return nil
		}
		r.constraints[constraintName{t.schema, t.name, name}] = constraint{table: t.whole().Name, columns: columns}
		switch {
		case t.root != nil:
		case primary:
			t.Key = columns
		default:
			t.Unique = append(t.Unique, columns)
		}
		return nil
	})
	for _, t := range r.schema.Tables {
		same := slices.Sorted(slices.Values(t.Key))
		t.Unique = sortSets(slices.DeleteFunc(t.Unique, func(set []string) bool {
			return slices.Equal(slices.Sorted(slices.Values(set)), same)
		}))
	}
	return err
}

// constraintQuery lists foreign keys, but for those that a partition makes of
// another one, and checks.
const constraintQuery = `SELECT conrelid, conname, contype::text, coalesce(conkey, '{}'), confrelid, coalesce(confkey, '{}'),
	contype = 'f' AND conparentid <> 0, CASE contype WHEN 'c' THEN pg_catalog.pg_get_constraintdef(oid) ELSE '' END
FROM pg_catalog.pg_constraint WHERE contype IN ('f', 'c') AND conrelid = ANY($1) ORDER BY oid`

func (r *catalogReader) readConstraints(ctx context.Context) error {
	rows, err := r.tx.Query(ctx, constraintQuery, r.oids())
	if err != nil {
		return err
	}
	var oid, other uint32
	var name, kind, text string
	var numbers, others []int16
	var made bool
	_, err = pgx.ForEachRow(rows, []any{&oid, &name, &kind, &numbers, &other, &others, &made, &text}, func() error {
		t := r.tables[oid]
		columns, ok := t.names(numbers)
		r.constraints[constraintName{t.schema, t.name, name}] = constraint{table: t.whole().Name, columns: columns, text: text}
		to := r.tables[other]
		if kind != "f" || made || !ok || to == nil || t.root != nil || to.root != nil {
			return nil
		}
		if keys, ok := to.names(others); ok {
			t.Foreign = append(t.Foreign, schema.ForeignKey{Columns: columns, Table: to.Name, To: keys})
		}
		return nil
	})
	return err
}
