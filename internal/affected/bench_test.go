package affected

import (
	"strconv"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/predicate"
)

// BenchmarkAffected: the cost of a change is that of its hits, not that of the
// observers there are.
func BenchmarkAffected(b *testing.B) {
	one := changes(update(row(int64(1), "a", int64(0)), row(int64(1), "b", int64(0))))
	gone := changes(remove(int64(1), "a", int64(0)))
	masked := changes(update(row(int64(1), change.Unknown, change.Unknown), row(int64(1), "b", int64(7))))
	other := changes(change.Change{Table: "other", Kind: change.Insert})
	many := change.Changeset{}
	for range 1000 {
		many.Changes = append(many.Changes, one.Changes...)
	}
	alike := func(int) Dependency { return Dependency{Table: "ticket", Columns: []string{"title"}} }
	holding := func(i int) Dependency {
		return Dependency{Table: "ticket", Columns: []string{"title"}, Held: held(int64(i), int64(i+1))}
	}
	knowing := func(i int) Dependency {
		d := holding(i)
		d.Where = predicate.Of(is("score", int64(i)))
		d.Columns = []string{"score", "title"}
		return d
	}
	benches := []struct {
		name  string
		reads func(i int) Dependency
		set   *change.Changeset
	}{
		{"nobody reads the table", alike, &other},
		{"row held by two", holding, &gone},
		{"row held by two, what it was not known", knowing, &masked},
		{"all hit", alike, &one},
		{"all hit by 1000 changes", alike, &many},
	}
	for _, bench := range benches {
		for _, observers := range []int{100, 100_000} {
			x := New[int]()
			for i := range observers {
				x.Replace(i, []Dependency{bench.reads(i)})
			}
			b.Run(bench.name+"/"+strconv.Itoa(observers), func(b *testing.B) {
				b.ReportAllocs()
				hits := 0
				for b.Loop() {
					x.Affected(bench.set, func(int) { hits++ })
				}
				b.ReportMetric(float64(hits)/float64(b.N), "hits/op")
			})
		}
	}
}

func BenchmarkReplace(b *testing.B) {
	for _, observers := range []int{100, 100_000} {
		x := New[int]()
		for i := range observers {
			x.Replace(i, []Dependency{{Table: "ticket", Columns: []string{"title"}}})
		}
		same := []Dependency{{Table: "ticket", Columns: []string{"title"}}}
		other := []Dependency{{Table: "ticket", Columns: []string{"score"}}}
		b.Run("the same/"+strconv.Itoa(observers), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.Replace(7, same)
			}
		})
		b.Run("another and back/"+strconv.Itoa(observers), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.Replace(7, other)
				x.Replace(7, same)
			}
		})
	}
}
