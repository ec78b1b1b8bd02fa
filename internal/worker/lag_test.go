package worker

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/source/memsource"
	"github.com/wakeful-dev/wakeful/wire"
)

// boardLog is the log of a board's database where that comes behind, and the
// snapshots that were ahead of it. It is the worker's source.
type boardLog struct {
	*memsource.DB

	mu     sync.Mutex
	sets   []change.Changeset
	early  []source.Snapshot
	told   change.Position            // the newest that a writer was told; the board's
	asked  map[uint64]change.Position // by question: what its answer has to reach
	served int                        // answers that were asked for with a position
}

// behind has the board's database behave as a server does.
func behind(seed uint64, keys bool) (*boardLog, func(*rig, *Config)) {
	l := &boardLog{asked: map[uint64]change.Position{}}
	return l, func(r *rig, cfg *Config) {
		r.db = memsource.New(memsource.Config{
			Tables: itemTables, KeyImages: keys,
			Lag: &memsource.Lag{Random: rand.New(rand.NewPCG(seed, 3)), Most: 30 * time.Millisecond, Swaps: true},
		})
		l.DB, cfg.Source = r.db, l
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		start := r.db.Position()
		go func() {
			defer close(done)
			for set, err := range r.db.Stream(ctx, start) {
				if err != nil {
					return
				}
				l.mu.Lock()
				l.sets = append(l.sets, set)
				l.mu.Unlock()
			}
		}()
		r.t.Cleanup(func() { cancel(); <-done })
	}
}

// Pin implements source.Source.
func (l *boardLog) Pin(ctx context.Context) (source.Snapshot, error) {
	s, err := l.DB.Pin(ctx)
	if _, ahead := s.(source.Overlapping); ahead {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.early = append(l.early, s)
	}
	return s, err
}

// after has a question ask for an answer that is not older than the newest write.
func (l *boardLog) after(m *bus.Observe) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m.After = l.told
	l.asked[m.ID] = l.told
}

func (l *boardLog) answered(t *testing.T, question uint64, s *wire.Snapshot) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if after, ok := l.asked[question]; ok {
		if l.served++; !s.Position.Reaches(after) {
			t.Errorf("%s is answered at %s, after %s was asked for", s.Observer, s.Position, after)
		}
	}
}

// states are those that a list may be in that is shown at a position: what the
// log has brought, or with it what a snapshot had that was ahead of it. All
// lists together must be in the first.
func (l *boardLog) states(of *shown) []state {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	list := []state{l.replay(of.at, nil)}
	if of.all {
		return list
	}
	for _, s := range l.early {
		if of.at.Reaches(s.Position()) && !of.at.Reaches(s.(source.Overlapping).Through()) {
			list = append(list, l.replay(of.at, s))
		}
	}
	return list
}

// replay makes the state of all changesets up to a position, and of those that a
// snapshot contains.
func (l *boardLog) replay(upTo change.Position, with source.Snapshot) state {
	var sets []change.Changeset
	for _, set := range l.sets {
		if upTo.Reaches(set.Position) || with != nil && with.Contains(&set) {
			sets = append(sets, set)
		}
	}
	slices.SortStableFunc(sets, func(a, b change.Changeset) int {
		if a.Mark < b.Mark {
			return -1
		}
		return 1
	})
	rows := map[string]map[int64]memsource.Row{"item": {}, "other": {}}
	for i := range sets {
		for j := range sets[i].Changes {
			redo(rows, &sets[i].Changes[j])
		}
	}
	s := state{at: len(sets)}
	for _, id := range slices.Sorted(maps.Keys(rows["item"])) {
		s.items = append(s.items, rows["item"][id])
	}
	s.scope, _ = rows["other"][1]["name"].(string)
	return s
}

func redo(rows map[string]map[int64]memsource.Row, c *change.Change) {
	switch c.Kind {
	case change.Everything:
		clear(rows[c.Table])
	case change.Delete:
		delete(rows[c.Table], c.Old[0].(int64))
	default:
		row := memsource.Row{}
		for i, name := range c.Columns {
			row[name] = c.New[i]
		}
		rows[c.Table][c.New[0].(int64)] = row
	}
}

// TestLawBehindTheLog is the law of planned lists where the log comes behind the
// commits and snapshots may be ahead of it: nothing is shown older than its
// position, nothing twice, and all lists together only where they show one state.
func TestLawBehindTheLog(t *testing.T) {
	total := map[event.Kind]uint64{}
	checked, whole, early, served := 0, 0, 0, 0
	for seed := range seeds() / 2 {
		synctest.Test(t, func(t *testing.T) {
			log, adjust := behind(seed, seed%2 == 0)
			b := newBoardOver(t, seed, log, Config{Audit: 20 * time.Millisecond}, adjust)
			if err := b.play(80); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			if n := b.events.Count(event.AuditDiffered); n > 0 {
				t.Errorf("seed %d: the auditor found %d differences", seed, n)
			}
			for _, kind := range []event.Kind{event.Stepped, event.Read, event.Evaluated, event.Audited} {
				total[kind] += b.events.Count(kind)
			}
			checked, whole, early, served = checked+b.checked, whole+b.whole, early+len(log.early), served+log.served
		})
		if t.Failed() {
			return
		}
	}
	what := fmt.Sprintf("%d lists, %d times all together, %d snapshots ahead of the log, %d answers after a write: %d steps, %d reads, %d evaluations, %d audits",
		checked, whole, early, served, total[event.Stepped], total[event.Read], total[event.Evaluated], total[event.Audited])
	if t.Log(what); checked == 0 || whole == 0 || early == 0 || served == 0 || total[event.Stepped] == 0 || total[event.Audited] == 0 {
		t.Error("nothing was tried")
	}
}
