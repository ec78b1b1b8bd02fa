package worker

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source/memsource"
)

var itemSchema = &readset.Schema{Dialect: "sqlite", Encoding: "UTF-8", Tables: map[string]*readset.Table{
	"item": {Name: "item", Definition: "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, score INTEGER)", Columns: []readset.Column{
		{Name: "id", Type: "INTEGER", Key: 1}, {Name: "name", Type: "TEXT"}, {Name: "score", Type: "INTEGER"},
	}},
}}

// where adds a view of the items whose score is what arg says, which
// notes the statement that a database would have run.
func (r *rig) where(path string, arg func(*http.Request) int64) {
	statement := &readset.Statement{
		Text:   "SELECT id, name, score FROM item WHERE score = ?",
		Reads:  []readset.Read{{Table: "item", Columns: []string{"id", "name", "score"}}},
		Schema: itemSchema,
	}
	r.handle(path, mark.View{Name: path, Key: []string{"id"}}, func(w http.ResponseWriter, q *http.Request) {
		set, value := readset.From(q.Context()), arg(q)
		set.Add(statement, []any{value})
		unseen := readset.NewContext(q.Context(), &readset.Set{Snapshot: set.Snapshot})
		rows, err := r.db.Read(unseen, "item")
		list := []memsource.Row{}
		for _, row := range rows {
			if row["score"] == value {
				list = append(list, row)
			}
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(list)
	})
}

func (r *rig) score(id, score int64) (evaluations uint64) {
	r.t.Helper()
	before := r.events.Count(event.Evaluated)
	if _, err := r.db.Update(func(tx *memsource.Tx) error {
		return tx.Put("item", memsource.Row{"id": id, "name": "x", "score": score})
	}); err != nil {
		r.t.Fatal(err)
	}
	pass(time.Second)
	return r.events.Count(event.Evaluated) - before
}

// TestChangeCostsTheOneWhomItConcerns: of many observers of one shape only
// those are evaluated whose condition the old or the new row meets.
func TestChangeCostsTheOneWhomItConcerns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		r.where("/by", func(q *http.Request) int64 {
			n, _ := strconv.ParseInt(q.URL.Query().Get("score"), 10, 64)
			return n
		})
		for score := range 50 {
			r.observe("/by?score=" + strconv.Itoa(score))
		}
		for _, tt := range []struct {
			name      string
			id, score int64
			want      uint64
		}{
			{"a row that one sees", 1, 7, 1},
			{"a row that moves from one to another", 1, 8, 2},
			{"a row that goes where nobody looks", 1, 100, 1},
			{"a row that nobody sees", 1, 101, 0},
		} {
			if got := r.score(tt.id, tt.score); got != tt.want {
				t.Errorf("%s: %d evaluations, want %d", tt.name, got, tt.want)
			}
		}
		if got := r.keys("/by?score=8"); got != "" {
			t.Errorf("the list of score 8 is %q", got)
		}
	})
}

// TestArgumentsThatMove: what the next evaluation would not send again does
// not narrow.
func TestArgumentsThatMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		r.where("/now", func(*http.Request) int64 { return time.Now().Unix() })
		r.where("/at", func(q *http.Request) int64 {
			n, _ := strconv.ParseInt(q.URL.Query().Get("t"), 10, 64)
			return n
		})
		calls := int64(0)
		r.where("/calls", func(*http.Request) int64 { calls++; return calls })

		r.observe("/now")
		if n := r.score(1, 3); n != 1 {
			t.Errorf("an argument that looks like the clock: %d evaluations, want 1", n)
		}
		r.observe("/at?t=" + strconv.FormatInt(time.Now().Unix(), 10))
		if n := r.score(1, 4); n != 1 { // that of /now
			t.Errorf("a time that the request carries: %d evaluations, want 1", n)
		}
		r.observe("/calls")
		if n := r.score(2, 1); n != 2 {
			t.Errorf("an argument that was not seen to move: %d evaluations, want 2", n)
		}
		if n := r.score(2, 50); n != 2 {
			t.Errorf("an argument that moved: %d evaluations, want 2", n)
		}
	})
}
