package ivm

import (
	"maps"
	"slices"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/planted"
)

// keyed finds the rows that are held by their keys, for images that tell no more
// than that of the row before.
//
// What is held decides in its place: a row that is held was in the result, where
// its sort key says. One that is not held was not in it where all of the result
// is held. Else it was behind what is held, or nowhere: that is enough where
// nothing is counted. What stands before the range held cannot be known.
type keyed struct {
	on      bool
	useless bool              // keys do not tell the rows apart
	kinds   string            // of the values of the keys, "" while none is held
	rows    map[string]string // by key: the sort key
	bytes   int
}

// stood is where a row stands after what a step has taken in of it.
type stood struct {
	in     bool
	key    string // its sort key
	values []any  // nil: not known
}

const keyBeside = 64

func (k *keyed) add(row, key string) {
	if _, moved := k.rows[row]; !moved {
		k.bytes += keyBeside + len(row)
	}
	k.rows[row] = key
}

// drop lets go of a row, unless it stands elsewhere by now.
func (k *keyed) drop(row, key string) bool {
	if k.rows[row] != key {
		return false
	}
	delete(k.rows, row)
	k.bytes -= keyBeside + len(row)
	return true
}

// rowKey is the key of a row of the plan's table. It is not known where a value
// is not, or where values are of other types than those of the rows held.
func (r *Result) rowKey(values []any) (row string, known bool) {
	if values == nil || len(r.plan.Key) == 0 || r.keyed.useless {
		return "", false
	}
	var room [40]byte
	var kindRoom [4]byte
	text, kinds := room[:0], kindRoom[:0]
	for _, at := range r.plan.Key {
		from := len(text)
		if text, known = change.AppendKey(text, values[at]); !known {
			return "", false
		}
		kinds = append(kinds, kindOf(text[from]))
	}
	switch k := &r.keyed; {
	case k.kinds == "":
		k.kinds = string(kinds)
	case k.kinds != string(kinds):
		return "", false
	}
	return string(text), true
}

// kindOf is the first byte of a value in a key, the same for both booleans.
func kindOf(first byte) byte {
	if first == 'f' {
		return 't'
	}
	return first
}

// Keyed reports whether rows are found by their keys.
func (r *Result) Keyed() bool { return r.keyed.on }

// Holds reports whether the rows held are all whose former state can matter, so
// that a change counts where it is of one of them, or makes a row meet the
// condition.
func (r *Result) Holds() bool {
	return r.keyed.on && r.blind == "" && r.pending == "" && !r.less && !(r.more && r.plan.Counted)
}

// Held lists the keys of the rows held, as change.AppendKey has them.
func (r *Result) Held() []string { return slices.Collect(maps.Keys(r.keyed.rows)) }

// HoldsRow reports whether a row is held.
func (r *Result) HoldsRow(row string) bool {
	_, held := r.keyed.rows[row]
	return held
}

// fillKeys files the rows of the tree. values are theirs, in its order.
func (r *Result) fillKeys(values func(at int) []any) {
	k := &r.keyed
	k.rows, k.bytes = make(map[string]string, r.rows.len()), 0
	for at := range r.rows.len() {
		row, known := r.rowKey(values(at))
		if !known {
			*k = keyed{useless: true}
			return
		}
		k.add(row, r.rows.at(at).key)
	}
	k.on = true
}

// startKeys has rows be found by their keys.
func (s *stepping) startKeys() string {
	switch {
	case s.keyed.on:
		return ""
	case s.lean() && s.rows.len() > 0, len(s.touches.list) > 0:
		s.keyed.on = true // Load files them
		return "rows are to be told apart by their keys from now on"
	}
	s.fillKeys(func(at int) []any { return s.rows.at(at).rest.values })
	if s.keyed.useless {
		return noKey
	}
	return ""
}

const noKey = "of a changed row the key is not known"

// changeByKey is change where the row before may not be known but for its key.
func (s *stepping) changeByKey(kind change.Kind, old, new []any) string {
	if read := s.startKeys(); read != "" {
		return read
	}
	var before stood
	if kind != change.Insert {
		row, known := s.rowKey(old)
		if !known {
			return noKey
		}
		var read string
		if before, read = s.takeOut(row, old); read != "" {
			return read
		}
	}
	if kind == change.Delete {
		return ""
	}
	row, known := s.rowKey(new)
	if !known {
		return noKey
	}
	if at, touched := s.now[row]; at.in || !touched && s.HoldsRow(row) {
		return noFit
	}
	new = s.completed(new, before.values)
	now, read := s.meets(true, new)
	if read != "" || !now {
		return read
	}
	key, known := s.key(new)
	if !known {
		return unplaced
	}
	s.touches.note(key, true, new, row)
	s.stand(row, stood{true, key, new})
	return ""
}

func (s *stepping) stand(row string, at stood) {
	if s.now == nil {
		s.now = map[string]stood{}
	}
	s.now[row] = at
}

// takeOut takes the row that there was before out of the result, and returns
// where it stood.
func (s *stepping) takeOut(row string, old []any) (before stood, read string) {
	before, touched := s.now[row]
	if key, held := s.keyed.rows[row]; !touched && held {
		before = stood{in: true, key: key}
		if of := s.rows.get(key); of != nil && of.rest != nil {
			before.values = of.rest.values
		}
	}
	switch {
	case before.in:
		s.touches.note(before.key, false, nil, row)
		s.stand(row, stood{})
		return before, ""
	case touched:
		return before, ""
	}
	return before, s.takeOutside(row, old)
}

// takeOutside takes out a row that is not held.
func (s *stepping) takeOutside(row string, old []any) (read string) {
	truth := s.match(old)
	if truth == False || truth == Null {
		return ""
	}
	if key, known := s.key(old); known && truth == True {
		s.touches.note(key, false, nil, row)
		s.stand(row, stood{})
		return ""
	}
	switch {
	case !s.less && !s.more:
		return "" // it was not in the result: all of that is held
	case s.less:
		return "where a changed row stood before the window is not known"
	case !s.plan.Counted || planted.Is(planted.CountGuessed):
	case truth != True:
		return "whether a changed row counted is not known"
	default:
		s.left++
	}
	s.stand(row, stood{})
	return ""
}

// completed is a new image with the values of the row before where it lacks some:
// these were not altered.
func (s *stepping) completed(new, before []any) []any {
	if new == nil || before == nil || !slices.ContainsFunc(new, isUnknown) {
		return new
	}
	filled := slices.Clone(new)
	for i := range filled {
		if filled[i] == change.Unknown && !slices.Contains(s.plan.Unstored, i) {
			filled[i] = before[i]
		}
	}
	return filled
}
