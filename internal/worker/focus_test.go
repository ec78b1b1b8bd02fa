package worker

import (
	"slices"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/affected"
)

type focuser struct{ told [][]string }

func (f *focuser) Focus(tables []string) {
	slices.Sort(tables)
	f.told = append(f.told, tables)
}

func TestFocusFollowsWhatIsRead(t *testing.T) {
	on := func(tables ...string) (reads []affected.Dependency) {
		for _, name := range tables {
			reads = append(reads, affected.Dependency{Table: name})
		}
		return reads
	}
	source := &focuser{}
	f := focus{source, map[string]int{}}
	f.tell()
	f.swap(nil, on("a", "b"))
	f.swap(nil, on("a"))
	f.swap(on("a", "b"), on("a"))
	f.swap(on("a"), nil)
	f.swap(on("a"), on("c"))
	want := [][]string{nil, {"a", "b"}, {"a"}, {"c"}}
	if !slices.EqualFunc(source.told, want, slices.Equal[[]string]) {
		t.Errorf("told %v, want %v", source.told, want)
	}
}
