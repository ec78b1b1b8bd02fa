package resource

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"

	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/where"
)

// cursor is a place in an order: the page of it are the rows behind, or with
// before the ones that lead up to it.
type cursor struct {
	before bool
	values []any // of the order's terms, as stored
}

var errCursor = errors.New("want one from the links next and previous of a page in this order")

// sumLength is how many bytes of a cursor check the others.
const sumLength = 8

// sum checks that a cursor is of this table and order.
func (l *layout) sum(order []term, payload []byte) []byte {
	h := sha256.New()
	h.Write([]byte(l.table.Name))
	for _, t := range order {
		h.Write([]byte{0})
		if t.desc {
			h.Write([]byte{'-'})
		}
		h.Write([]byte(t.column.Name))
	}
	h.Write([]byte{0, 0})
	h.Write(payload)
	return h.Sum(nil)[:sumLength]
}

// writeCursor returns the text of a cursor.
func (l *layout) writeCursor(c cursor, order []term) string {
	payload := []byte{0}
	if c.before {
		payload[0] = 1
	}
	for _, v := range c.values {
		switch v := v.(type) {
		case int64:
			payload = binary.AppendVarint(append(payload, 'i'), v)
		case float64:
			payload = binary.BigEndian.AppendUint64(append(payload, 'f'), math.Float64bits(v))
		case string:
			payload = append(binary.AppendUvarint(append(payload, 't'), uint64(len(v))), v...)
		case []byte:
			payload = append(binary.AppendUvarint(append(payload, 'b'), uint64(len(v))), v...)
		case bool:
			if v {
				payload = append(payload, 'y')
			} else {
				payload = append(payload, 'z')
			}
		default:
			payload = append(payload, 'n')
		}
	}
	return base64.RawURLEncoding.EncodeToString(append(l.sum(order, payload), payload...))
}

func (l *layout) readCursor(text string, order []term) (*cursor, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(data) <= sumLength || !bytes.Equal(data[:sumLength], l.sum(order, data[sumLength:])) {
		return nil, errCursor
	}
	c := &cursor{before: data[sumLength] == 1}
	rest := data[sumLength+1:]
	for range order {
		var v any
		if v, rest, err = readCursorValue(rest); err != nil {
			return nil, err
		}
		c.values = append(c.values, v)
	}
	if len(rest) > 0 {
		return nil, errCursor
	}
	return c, nil
}

func readCursorValue(from []byte) (v any, rest []byte, err error) {
	if len(from) == 0 {
		return nil, nil, errCursor
	}
	kind, from := from[0], from[1:]
	switch kind {
	case 'n':
		return nil, from, nil
	case 'y', 'z':
		return kind == 'y', from, nil
	case 'i':
		n, size := binary.Varint(from)
		if size <= 0 {
			return nil, nil, errCursor
		}
		return n, from[size:], nil
	case 'f':
		if len(from) < 8 {
			return nil, nil, errCursor
		}
		return math.Float64frombits(binary.BigEndian.Uint64(from)), from[8:], nil
	case 't', 'b':
		length, size := binary.Uvarint(from)
		if size <= 0 || length > uint64(len(from)-size) {
			return nil, nil, errCursor
		}
		part := from[size : size+int(length)]
		if kind == 't' {
			return string(part), from[size+int(length):], nil
		}
		return bytes.Clone(part), from[size+int(length):], nil
	}
	return nil, nil, errCursor
}

// reversed is the order read from its end.
func reversed(order []term) []term {
	back := make([]term, len(order))
	for i, t := range order {
		back[i] = term{t.column, !t.desc}
	}
	return back
}

// behind is the condition of the rows that come after values in an order.
func behind(order []term, values []any) where.Expr {
	e := where.None()
	for i := len(order) - 1; i >= 0; i-- {
		strict, same := later(order[i], values[i])
		if i == len(order)-1 {
			e = strict
			continue
		}
		e = where.Or(strict, where.And(same, e))
	}
	// Said once more so that an index can begin there.
	if first := order[0]; values[0] != nil && len(order) > 1 {
		switch name := first.column.Name; {
		case !first.desc:
			e = where.And(where.Ge(name, where.Stored(values[0])), e)
		case !first.column.Nullable:
			e = where.And(where.Le(name, where.Stored(values[0])), e)
		}
	}
	return e
}

// later are the rows whose value comes after v in a term, and those that have v.
func later(t term, v any) (strict, same where.Expr) {
	name, at := t.column.Name, where.Stored(v)
	switch {
	case v == nil && t.desc: // NULL is last
		return where.None(), where.IsNull(name)
	case v == nil:
		return where.NotNull(name), where.IsNull(name)
	case t.desc && t.column.Nullable:
		return where.Or(where.Lt(name, at), where.IsNull(name)), where.Eq(name, at)
	case t.desc:
		return where.Lt(name, at), where.Eq(name, at)
	}
	return where.Gt(name, at), where.Eq(name, at)
}

// condition is which rows a page behind or before a cursor may have.
func (c *cursor) condition(order []term) where.Expr {
	if c.before {
		order = reversed(order)
	}
	return behind(order, c.values)
}

// cursorMeta is what a page has beside its results. State has the rows in the
// order in which they are read, which before a cursor is the reverse.
func (w window) cursorMeta(l *layout, order []term, places []int, k links, s ivm.State) []byte {
	link := func(row []any, before bool) string {
		if row == nil {
			return ""
		}
		values := make([]any, len(places))
		for i, at := range places {
			values[i] = row[at]
		}
		return k.with("cursor", l.writeCursor(cursor{before, values}, order))
	}
	var next, previous string
	switch {
	case w.cursor != nil && w.cursor.before:
		next = link(s.First, false)
		if s.More {
			previous = link(s.Last, true)
		}
	case w.cursor != nil && s.First == nil:
		previous = k.with("cursor", l.writeCursor(cursor{true, w.cursor.values}, order))
	default:
		if s.More {
			next = link(s.Last, false)
		}
		if w.cursor != nil {
			previous = link(s.First, true)
		}
	}
	return appendMeta(nil, -1, next, previous)
}
