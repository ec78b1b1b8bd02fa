package worker

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/source/memsource"
)

// offering is a source that has a snapshot at hand after each change.
type offering struct {
	*memsource.DB
	pins, offers int
}

func (o *offering) Pin(ctx context.Context) (source.Snapshot, error) {
	o.pins++
	return o.DB.Pin(ctx)
}

func (o *offering) Offered(upTo change.Position) source.Snapshot {
	snapshot, err := o.DB.Pin(context.Background())
	if err != nil || !snapshot.Position().Reaches(upTo) {
		return nil
	}
	o.offers++
	return snapshot
}

// TestOfferedServesWhatChanged: what a change touches is evaluated in the snapshot
// that the source has at hand; who asks gets one that is newer than the question.
func TestOfferedServesWhatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &offering{}
		r := newRig(t, Config{Audit: -1}, func(r *rig, cfg *Config) { s.DB, cfg.Source = r.db, s })
		r.put(1)
		r.observe("/items")
		pass(time.Second)
		if s.offers > 0 || s.pins == 0 {
			t.Errorf("a list that was asked for was made in %d snapshots that were at hand, %d new ones", s.offers, s.pins)
		}
		pins := s.pins
		for id := range int64(5) {
			r.put(id + 2)
			pass(time.Second)
		}
		if got := r.keys("/items"); got != "1 2 3 4 5 6" {
			t.Errorf("the list has %s", got)
		}
		if s.offers != 5 || s.pins != pins {
			t.Errorf("5 changes took %d snapshots that were at hand and %d new ones", s.offers, s.pins-pins)
		}
	})
}

// late is a source that has at hand, once, a snapshot that it opened a while ago.
type late struct {
	*faulty
	hand source.Snapshot
}

func (l *late) Offered(upTo change.Position) source.Snapshot {
	s := l.hand
	if l.hand = nil; s == nil || s.Position().Reaches(upTo) {
		return s
	}
	return nil
}

// TestOfferedAnswersNobody: what is at hand may be older than a snapshot that was
// pinned for somebody who asked. He is not answered with a list of it.
func TestOfferedAnswersNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &late{faulty: &faulty{}}
		r := newRig(t, Config{Audit: -1}, over(s.faulty), func(_ *rig, cfg *Config) { cfg.Source = s })
		var gate chan struct{}
		r.handle("/gate", mark.View{Name: "/gate", Key: []string{"id"}}, func(w http.ResponseWriter, q *http.Request) {
			if gate != nil {
				<-gate
			}
			rows, err := r.db.Read(q.Context(), "other")
			if err != nil {
				t.Error(err)
			}
			_ = json.NewEncoder(w).Encode(rows)
		})
		r.put(1)
		r.observe("/items")
		r.observe("/gate")
		pass(time.Second)
		gate = make(chan struct{})
		if _, err := r.db.Update(func(tx *memsource.Tx) error {
			return tx.Put("other", memsource.Row{"id": 1, "name": "x"})
		}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // a round has begun, and waits for the view
		r.put(2)
		synctest.Wait() // the list has to wait for the next
		var err error
		if s.hand, err = r.db.Pin(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.hold()
		r.put(3)
		id := r.ask("/items")
		synctest.Wait() // a snapshot was pinned for the question
		close(gate)
		pass(time.Second)
		if s.hand != nil {
			_ = s.hand.Close()
		}
		s.resume()
		pass(time.Second)
		a := r.answer(id)
		if a == nil || a.Snapshot == nil {
			t.Fatalf("answer %+v", a)
		}
		if n := a.Snapshot.Items.Len(); n != 3 {
			t.Errorf("the answer has %d items, 3 were there when it was asked for", n)
		}
	})
}
