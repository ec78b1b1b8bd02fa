package worker

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/internal/memory"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source/memsource"
)

// TestRowsKnown: which rows a view has read counts where it is told of all that
// happens to them. The view tells that it has read row 1 alone: then it does not
// run for row 2, whatever that was.
func TestRowsKnown(t *testing.T) {
	for _, tt := range []struct {
		name  string
		cfg   Config
		also  func(r *rig, q *http.Request)
		runs  uint64
		bytes bool
	}{
		{name: "known", cfg: Config{Memory: memory.New(0)}, runs: 0, bytes: true},
		{name: "it writes", also: func(r *rig, q *http.Request) { _ = r.bump(q.Context(), 3) }, runs: 1},
		{name: "it reads in another state", also: func(_ *rig, q *http.Request) { readset.From(q.Context()).Unstamp("it does") }, runs: 1},
		{name: "another statement reads the table", also: func(r *rig, q *http.Request) { _, _ = r.db.Read(q.Context(), "item") }, runs: 1},
		{name: "a plan keeps it", also: func(_ *rig, q *http.Request) { mark.From(q.Context()).Keep(&mark.Kept{}) }, runs: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, tt.cfg)
				r.score(1, 7)
				r.score(2, 7)
				r.score(3, 9)
				statement := &readset.Statement{
					Text:   "SELECT id, name, score FROM item WHERE score = 7",
					Reads:  []readset.Read{{Table: "item", Columns: []string{"id", "name", "score"}}},
					Schema: itemSchema,
				}
				key, _ := change.AppendKey(nil, int64(1))
				r.handle("/v", markedID, func(w http.ResponseWriter, q *http.Request) {
					set := readset.From(q.Context())
					set.Add(statement, nil)
					set.Hold(statement, func() *readset.Held {
						return &readset.Held{Table: "item", Columns: []string{"id"}, Keys: []string{string(key)}}
					})
					if tt.also != nil {
						tt.also(r, q)
					}
					_, _ = w.Write([]byte(`[]`))
				})
				r.observe("/v")
				pass(time.Minute)
				if held := tt.cfg.Memory.Status().Bytes["lists"] > heldBeside; held != tt.bytes {
					t.Errorf("the account of lists has rows held: %t", held)
				}
				before := r.events.Count(event.Evaluated)
				if _, err := r.db.Update(func(tx *memsource.Tx) error {
					_, err := tx.Delete("item", int64(2))
					return err
				}); err != nil {
					t.Fatal(err)
				}
				pass(time.Minute)
				if n := r.events.Count(event.Evaluated) - before; n != tt.runs {
					t.Errorf("row 2 is deleted: %d runs, want %d", n, tt.runs)
				}
				if n := r.score(1, 8); n != 1 {
					t.Errorf("row 1 is altered: %d runs, want 1", n)
				}
			})
		})
	}
}
