package worker

import (
	"maps"
	"slices"

	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/source"
)

// focus counts who reads each table, and tells the source which are read at
// all. A change between a first evaluation and the word to the source comes as
// one of the whole table, and costs that observer one evaluation more.
type focus struct {
	source source.Focuser // nil where the source does not care
	counts map[string]int
}

func newFocus(s source.Source) focus {
	focuser, _ := s.(source.Focuser)
	return focus{focuser, map[string]int{}}
}

// swap takes the tables of one list of reads for those of another.
func (f *focus) swap(old, new []affected.Dependency) {
	if f.source == nil {
		return
	}
	news := false
	for _, d := range new {
		f.counts[d.Table]++
		news = news || f.counts[d.Table] == 1
	}
	for _, d := range old {
		f.counts[d.Table]--
		if f.counts[d.Table] == 0 {
			delete(f.counts, d.Table)
			news = true
		}
	}
	if news {
		f.tell()
	}
}

func (f *focus) tell() {
	if f.source != nil {
		f.source.Focus(slices.Collect(maps.Keys(f.counts)))
	}
}
