package pgoutput

import "github.com/wakeful-dev/wakeful/change"

// row takes a row that came, changed or went.
func (d *Decoder) row(f *frame, xid uint32) {
	r := d.relation(f, f.uint32())
	if r == nil {
		return
	}
	h := d.current
	t := h.of(d, r)
	if t.folded {
		f.rest = nil // nobody looks at it
		return
	}
	if len(r.columns) > len(f.rest) {
		f.fail("%d values in %d bytes", len(r.columns), len(f.rest))
		return
	}
	c := change.Change{Table: t.name, Columns: r.columns}
	size := rowBeside + len(f.rest)
	values := reader{f: f, r: r}
	if r.cuts {
		values.text = string(f.rest)
	}
	switch f.kind {
	case 'I':
		c.Kind = change.Insert
		c.New = values.image('N', f.byte())
	case 'U':
		c.Kind = change.Update
		c.Old, c.New = values.update(t.mixed)
	case 'D':
		c.Kind = change.Delete
		c.Old = values.old(f.byte(), t.mixed)
	}
	if f.err == nil {
		size += valueBeside * (len(c.Old) + len(c.New))
		d.add(h, t, c, mark{xid, size})
	}
}

// reader reads the images of one row.
type reader struct {
	f    *frame
	r    *relation
	text string // the rest of the frame when it was made: what texts are cut from, if not ""
	room []any  // for both images of an update
}

// update reads both images, and completes each by the other.
func (v *reader) update(mixed bool) (old, new []any) {
	v.room = make([]any, 2*len(v.r.columns))
	mark := v.f.byte()
	if mark == 'K' || mark == 'O' {
		old = v.old(mark, mixed)
		mark = v.f.byte()
	}
	new = v.image('N', mark)
	if v.f.err != nil {
		return nil, nil
	}
	if old == nil {
		old = v.unchangedKey(new, mixed)
	}
	for i := range new {
		if new[i] == change.Unknown {
			new[i] = old[i] // a large value that was not touched
		}
	}
	return old, new
}

// unchangedKey is the old image where none was sent: the columns of the key are
// what they are.
func (v *reader) unchangedKey(new []any, mixed bool) []any {
	old := v.row(len(new))
	known := !mixed && (v.r.identity == 'd' || v.r.identity == 'i')
	for i := range old {
		old[i] = change.Unknown
		if known && v.r.keys[i] {
			old[i] = new[i]
		}
	}
	return old
}

// old reads an old image: whole (O), or with nulls for all that is not of the
// key (K).
func (v *reader) old(mark byte, mixed bool) []any {
	if mark != 'K' && mark != 'O' {
		v.f.fail("an old row is marked %q", mark)
		return nil
	}
	image := v.image(mark, mark)
	for i := range image {
		if (mark == 'K' && !v.r.keys[i]) || (image[i] == nil && (mark == 'K' || mixed)) {
			image[i] = change.Unknown
		}
	}
	return image
}

// image reads one image.
func (v *reader) image(want, mark byte) []any {
	if mark != want {
		v.f.fail("a row is marked %q", mark)
		return nil
	}
	n := int(v.f.uint16())
	if v.f.err == nil && n != len(v.r.columns) {
		v.f.fail("a row of table %s has %d values for %d columns", v.r.name, n, len(v.r.columns))
	}
	if v.f.err != nil {
		return nil
	}
	image := v.row(n)
	for i := range image {
		image[i] = v.value(v.r.kinds[i])
	}
	return image
}

// row makes an empty image.
func (v *reader) row(n int) []any {
	if len(v.room) < n {
		return make([]any, n)
	}
	row := v.room[:n:n]
	v.room = v.room[n:]
	return row
}

// value reads one value.
func (v *reader) value(k kind) any {
	switch mark := v.f.byte(); mark {
	case 'n':
		return nil
	case 'u':
		return change.Unknown
	case 't':
		data := v.f.bytes(int(v.f.uint32()))
		if v.f.err != nil {
			return nil
		}
		switch {
		case k == isText && v.text != "":
			end := len(v.text) - len(v.f.rest)
			return v.text[end-len(data) : end]
		case k == isText:
			return string(data)
		}
		value, ok := k.parse(data)
		if !ok {
			v.f.fail("a value that is no %s: %.40q", k, data)
		}
		return value
	default:
		v.f.fail("a value is marked %q", mark)
		return nil
	}
}
