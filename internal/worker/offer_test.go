package worker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/change"
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
