package postgres

import (
	"context"
	"fmt"
	"time"
)

// slotEvery is how often it is looked at how much of its log the server keeps
// for us.
const slotEvery = 5 * time.Second

const keptQuery = `
SELECT coalesce(pg_current_wal_insert_lsn() - restart_lsn, 0)::bigint, wal_status = 'lost',
       CASE WHEN current_setting('max_slot_wal_keep_size') = '-1' THEN -1 ELSE pg_size_bytes(current_setting('max_slot_wal_keep_size')) END
FROM pg_replication_slots WHERE slot_name = $1`

// kept is what the server keeps for us.
type kept struct {
	bytes, most int64
	lost        bool
}

// watchSlot gives up a connection that is dead, and warns when the server keeps
// much of its log for us, and when a commit waits long to be seen.
func (s *Source) watchSlot(ctx context.Context, h *history) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var alarms alarms
	looked := time.Time{}
	for {
		if first, _ := h.waiting(); alarms.waits.turn(!first.IsZero() && time.Since(first) > pendingPatience) {
			s.log.Warn("postgres: a commit has been written for a while and nobody sees it: does it wait for a standby that is down?",
				"since", first)
		}
		s.checkFlow(ctx)
		if time.Since(looked) >= slotEvery {
			looked = time.Now()
			s.checkKept(ctx, h, &alarms)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// checkFlow gives up a connection on which the log comes no more: a network that
// is cut says nothing. A server that works through a large transaction says
// nothing either, but knows who reads.
func (s *Source) checkFlow(ctx context.Context) {
	f := s.flow.Load()
	if f == nil || f.silence() < s.senderTimeout {
		return
	}
	asking, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if v, err := s.lookSlot(asking); err != nil || v.pid != f.pid {
		f.close()
		s.meta.Reset() // what is cut for one is mostly cut for all
		s.dropIdleReaders()
	}
}

// pendingPatience is how long a commit may wait to be seen before that is
// worth a person's notice.
const pendingPatience = 5 * time.Second

// alarms are raised once each time.
type alarms struct{ waits, large alarm }

type alarm bool

// turn reports whether the alarm is to be raised now.
func (a *alarm) turn(on bool) bool {
	raise := on && !bool(*a)
	*a = alarm(on)
	return raise
}

// checkKept warns when the server keeps more than half of what it may for us,
// and has it keep less where commits that nobody sees are the reason.
func (s *Source) checkKept(ctx context.Context, h *history, alarms *alarms) {
	var k kept
	if err := s.meta.QueryRow(ctx, keptQuery, s.slotName()).Scan(&k.bytes, &k.lost, &k.most); err != nil {
		return // the reader of the log says what is wrong
	}
	half := k.most > 0 && k.bytes > k.most/2
	if alarms.large.turn(half) {
		s.log.Warn("postgres: the server keeps more than half of what it may of its log for us; at max_slot_wal_keep_size it gives the slot up, and everything is evaluated again",
			"slot", s.slotName(), "kept", size(k.bytes), "max_slot_wal_keep_size", size(k.most))
	}
	if half {
		h.setAside()
	}
}

func size(bytes int64) string { return fmt.Sprintf("%d MiB", bytes>>20) }
