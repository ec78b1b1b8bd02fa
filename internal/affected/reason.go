package affected

import (
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/predicate"
)

// Reason says why one change of a row touches an observer or does not.
type Reason struct {
	Table   string `json:"table"`
	Kind    string `json:"kind"` // insert, update, delete, everything
	Touches bool   `json:"touches"`
	Cause   Cause  `json:"cause"`
	// Read lists the columns that the observer reads, Altered those that an
	// update alters.
	Read    []string `json:"read,omitempty"`
	Altered []string `json:"altered,omitempty"`
	// Condition is what a row that matters meets: the part of it that a row
	// meets, or all of it where none does.
	Condition string `json:"condition,omitempty"`
	// Images says of the row before and after what they are to the condition.
	Images []Image `json:"images,omitempty"`
}

// Image is a row before or after a change, seen by a condition.
type Image struct {
	Row     string `json:"row"` // old, new
	Meets   bool   `json:"meets"`
	Unknown bool   `json:"unknown,omitempty"` // the image, or a value that counts, is not known
	// Fails is what it does not meet, Values what it has in the columns that
	// the condition asks about: only where values are asked for.
	Fails  string `json:"fails,omitempty"`
	Values string `json:"values,omitempty"`
}

// maxReasons bounds the reasons given for one changeset.
const maxReasons = 16

// Explain says of a changeset what it is to an observer that read reads, by
// the rules of Touches: it is true exactly where that is. Reasons of changes
// that touch come first; more counts those left out. values says whether the
// values of conditions and rows may be shown.
func Explain(reads []Dependency, set *change.Changeset, values bool) (touches bool, reasons []Reason, more int) {
	if set.Everything {
		return len(reads) > 0, []Reason{{Kind: change.Everything.String(), Cause: Everything, Touches: len(reads) > 0}}, 0
	}
	var others []Reason
	count := 0
	for i := range set.Changes {
		c := &set.Changes[i]
		one := reasonsOf(reads, c, values, len(reasons) < maxReasons || len(others) < maxReasons)
		for _, r := range one {
			count++
			switch touches = touches || r.Touches; {
			case r.Touches && len(reasons) < maxReasons:
				reasons = append(reasons, r)
			case !r.Touches && len(others) < maxReasons && !slices.ContainsFunc(others, r.same):
				others = append(others, r)
			}
		}
	}
	reasons = append(reasons, others[:min(len(others), maxReasons-len(reasons))]...)
	return touches, reasons, count - len(reasons)
}

// same reports whether two say the same of a table that nobody reads.
func (r Reason) same(other Reason) bool {
	return r.Cause == NotRead && other.Cause == NotRead && r.Table == other.Table && r.Kind == other.Kind
}

// reasonsOf has one reason for each dependency on the table of a change.
// whole says that texts are wanted too.
func reasonsOf(reads []Dependency, c *change.Change, values, whole bool) []Reason {
	var list []Reason
	for i := range reads {
		if reads[i].Table != c.Table {
			continue
		}
		cause := reads[i].judge(c)
		r := Reason{Table: c.Table, Kind: c.Kind.String(), Cause: cause, Touches: cause.Touches()}
		if whole {
			r.tell(&reads[i], c, values)
		}
		list = append(list, r)
	}
	if list == nil {
		list = []Reason{{Table: c.Table, Kind: c.Kind.String(), Cause: NotRead}}
	}
	return list
}

func (r *Reason) tell(d *Dependency, c *change.Change, values bool) {
	r.Read = d.Columns
	if c.Kind == change.Update && c.Old != nil && c.New != nil {
		for i, name := range c.Columns {
			if c.Touches(c.Columns[i : i+1]) {
				r.Altered = append(r.Altered, name)
			}
		}
	}
	if d.Where == nil || r.Cause != OtherRows && r.Cause != Met && r.Cause != NoImage {
		return
	}
	r.Condition = d.Where.Text(values)
	if c.Kind != change.Insert {
		r.Images = append(r.Images, imageOf("old", d.Where, c.Columns, c.Old, values))
	}
	if c.Kind != change.Delete {
		r.Images = append(r.Images, imageOf("new", d.Where, c.Columns, c.New, values))
	}
	if len(d.Where) > 1 {
		for _, row := range [...][]any{c.New, c.Old} {
			if all, ok := d.Where.Met(c.Columns, row); ok && row != nil {
				r.Condition = all.Text(values)
				break
			}
		}
	}
}

// imageOf looks at one image of a row.
func imageOf(name string, where predicate.Condition, columns []string, row []any, values bool) Image {
	image := Image{Row: name, Unknown: row == nil}
	if row == nil {
		image.Meets = true
		return image
	}
	var texts []string
	for _, asked := range where.Columns() {
		i := slices.Index(columns, asked)
		if i < 0 || i >= len(row) || row[i] == change.Unknown {
			image.Unknown = true
			texts = append(texts, asked+" unknown")
			continue
		}
		texts = append(texts, asked+" "+predicate.Literal(row[i]))
	}
	if values {
		image.Values = strings.Join(texts, ", ")
	}
	_, image.Meets = where.Met(columns, row)
	if !image.Meets && len(where) == 1 {
		image.Fails = where[0].Unmet(columns, row).Text(values)
	}
	return image
}

// String is the reason as a sentence.
func (r Reason) String() string {
	if r.Table == "" {
		return "any row of any table may have changed"
	}
	what := r.Table + ": " + r.Kind
	if len(r.Altered) > 0 {
		what += " of " + strings.Join(r.Altered, ", ")
	}
	switch r.Cause {
	case NotRead:
		return what + " does not touch: the table is not read"
	case OtherColumns:
		if len(r.Read) == 0 {
			return what + " does not touch: only rows that come and go count"
		}
		return what + " does not touch: it alters none of the columns read (" + strings.Join(r.Read, ", ") + ")"
	case OtherRows:
		return what + " does not touch: " + r.unmet()
	case NotHeld:
		return what + " does not touch: the row is none of those read"
	case Everything:
		return r.Table + ": any row may have changed"
	case NoImage:
		return what + " touches: the database did not give the whole row, so it may meet " + r.Condition
	case EveryRow:
		return what + " touches: every row counts"
	case IsHeld:
		return what + " touches: the row was read"
	}
	return what + " touches: " + r.met()
}

func (r Reason) met() string {
	var rows []string
	verb, unknown := " meets ", false
	for _, image := range r.Images {
		if !image.Meets {
			continue
		}
		unknown = unknown || image.Unknown
		rows = append(rows, image.String())
	}
	switch {
	case unknown:
		verb = " may meet "
	case len(rows) > 1:
		verb = " meet "
	}
	return "the " + strings.Join(rows, " and the ") + verb + r.Condition
}

func (r Reason) unmet() string {
	condition := r.Condition
	var rows []string
	for _, image := range r.Images {
		rows = append(rows, image.String())
	}
	if len(r.Images) > 0 && r.Images[0].Fails != "" && r.Images[len(r.Images)-1].Fails == r.Images[0].Fails {
		condition = r.Images[0].Fails
	}
	return condition + " is not met by the " + strings.Join(rows, " or the ")
}

func (i Image) String() string {
	if i.Values == "" {
		return i.Row + " row"
	}
	return i.Row + " row (" + i.Values + ")"
}
