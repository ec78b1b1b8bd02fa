package worker

import (
	"strconv"
	"testing"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/observer"
	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/source/memsource"
)

// nothing is a snapshot that contains no change.
type nothing struct{ source.Snapshot }

func (nothing) Contains(*change.Changeset) bool { return false }

// BenchmarkNote: what the loop does with one changeset that touches one of a
// thousand observers, and with one that touches all.
func BenchmarkNote(b *testing.B) {
	column := predicate.Column{Name: "owner", Kind: predicate.Number, Collation: predicate.Binary}
	for _, bench := range []struct {
		name string
		all  bool
	}{{"one of 1000", false}, {"all of 1000", true}} {
		b.Run(bench.name, func(b *testing.B) {
			w, err := New(Config{Bus: bus.New(), Source: memsource.New(memsource.Config{})})
			if err != nil {
				b.Fatal(err)
			}
			for i := range 1000 {
				o := &live{Observer: *observer.New(strconv.Itoa(i), "", &bus.Request{}, 1, 1, nil), stamp: nothing{}, listed: true}
				d := affected.Dependency{Table: "goods", Columns: []string{"owner"}}
				if !bench.all {
					key, _ := column.Argument(nil, int64(i))
					d.Where = predicate.Of(predicate.Atom{Column: column, Op: predicate.In, Keys: []string{string(key)}})
				}
				w.observers[o.ID] = o
				w.index.Replace(interest{o, ofView}, []affected.Dependency{d})
			}
			sets := make([]change.Changeset, 1000)
			for i := range sets {
				sets[i] = change.Changeset{Position: change.NewPosition("aaaaaaaa", uint64(i)), Changes: []change.Change{
					{Table: "goods", Kind: change.Insert, Columns: []string{"id", "owner", "name"}, New: []any{int64(i), int64(i), "somebody"}}}}
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				w.note(&sets[i%len(sets)])
				if i++; i%len(sets) == 0 || bench.all {
					for _, o := range w.observers {
						o.dirty, o.causes = false, causes{}
					}
				}
			}
		})
	}
}
