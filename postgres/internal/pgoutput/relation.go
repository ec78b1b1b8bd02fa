package pgoutput

import "slices"

// relation is a table as one frame described it.
type relation struct {
	id       uint32
	told     uint64 // when, counted in descriptions
	name     string
	identity byte // what old rows hold: d(efault), i(ndex), f(ull), n(othing)
	columns  []string
	kinds    []kind
	keys     []bool // the columns that an old row holds
	types    []columnType
	cuts     bool // its texts are worth cutting from one copy of a frame
}

// columnType is what may change of a column beside its name.
type columnType struct{ oid, modifier uint32 }

// leastColumn is what a column takes at least: flags, an empty name, type and
// modifier.
const leastColumn = 1 + 1 + 4 + 4

// describe takes the description of a table.
func (d *Decoder) describe(f *frame) {
	r := &relation{id: f.uint32()}
	schema, table := f.text(), f.text()
	if schema == "" {
		schema = "pg_catalog"
	}
	r.identity = f.byte()
	n := int(f.uint16())
	if n > len(f.rest)/leastColumn {
		f.fail("%d columns in %d bytes", n, len(f.rest))
		return
	}
	r.columns, r.kinds = make([]string, n), make([]kind, n)
	r.keys, r.types = make([]bool, n), make([]columnType, n)
	for i := range n {
		r.keys[i] = f.byte()&1 != 0
		r.columns[i] = f.text()
		r.types[i] = columnType{f.uint32(), f.uint32()}
		r.kinds[i] = d.kindOf(r.types[i].oid)
	}
	r.cuts = slices.Contains(r.kinds, isText) && !slices.Contains(r.kinds, isBytea)
	if f.err != nil {
		return
	}
	r.name = d.cfg.Name(schema, table)
	d.learn(r)
}

// describeType takes the name of a type, of a domain that of the type beneath
// it. It comes before the first table with such a column.
func (d *Decoder) describeType(f *frame) {
	oid := f.uint32()
	schema, name := f.text(), f.text()
	if f.err != nil {
		return
	}
	delete(d.domains, oid)
	if k := kinds[name]; k != isText && (schema == "" || schema == "pg_catalog") {
		d.domains[oid] = k
	}
}

// kindOf is the kind of a column's values.
func (d *Decoder) kindOf(oid uint32) kind {
	if k, ok := d.domains[oid]; ok {
		return k
	}
	return kindOf(oid)
}

// learn puts a description in place of the former one, and folds the table
// where it differs.
func (d *Decoder) learn(r *relation) {
	h := d.current
	d.described++
	known := d.known(r.id)
	if known != nil && known.same(r) {
		kept := *known // what was published is shared, what is ours is not
		r = &kept
	} else if known != nil {
		h.alter(d, known)
		h.alter(d, r)
	}
	r.told = d.described
	if h.streamed {
		if h.relations == nil {
			h.relations = map[uint32]*relation{}
		}
		h.relations[r.id] = r
		return
	}
	d.relations[r.id] = r
}

// known returns what was last said of a table, as the current transaction sees
// it.
func (d *Decoder) known(id uint32) *relation {
	if r := d.current.relations[id]; r != nil {
		return r
	}
	if r := d.relations[id]; r != nil {
		return r
	}
	return d.former[id]
}

// adopt makes known to all what a streamed transaction was told of tables,
// except where something newer is known: this mirrors the server, which does
// not tell it again.
func (d *Decoder) adopt(relations map[uint32]*relation) {
	for id, r := range relations {
		if have := d.relations[id]; have == nil || have.told < r.told {
			d.relations[id] = r
		}
	}
}

// relation returns the table that a row is of. A streamed transaction sees its
// own descriptions: it may have altered tables, and may yet be rolled back.
func (d *Decoder) relation(f *frame, id uint32) *relation {
	r := d.current.relations[id]
	if r == nil {
		r = d.relations[id]
	}
	if r == nil && f.err == nil {
		f.fail("table %d was not described", id)
	}
	return r
}

// same reports whether two descriptions say the same.
func (r *relation) same(q *relation) bool {
	return r.name == q.name && r.identity == q.identity && slices.Equal(r.columns, q.columns) &&
		slices.Equal(r.types, q.types) && slices.Equal(r.keys, q.keys)
}
