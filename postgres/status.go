package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// LogStatus is how far the server's log is read, and what the server keeps of
// it for us.
type LogStatus struct {
	// Slot is the replication slot's name.
	Slot string `json:"slot"`
	// Read: the log is being read.
	Read bool `json:"read"`
	// Kept is what the server keeps of its log for the slot, in bytes, and Most
	// what it may before it gives the slot up; 0: there is no bound.
	Kept int64 `json:"kept"`
	Most int64 `json:"most"`
	// Unread is how many bytes of the log have not been worked through yet.
	Unread int64 `json:"unread"`
	// Waiting is how long ago the oldest commit was read that no snapshot shows
	// yet; 0: there is none.
	Waiting time.Duration `json:"waiting"` // in nanoseconds
}

// logStatusQuery counts from a place of the log that we know.
const logStatusQuery = `
SELECT coalesce(pg_current_wal_insert_lsn() - s.restart_lsn, 0)::bigint, (pg_current_wal_insert_lsn() - $2::pg_lsn)::bigint,
       CASE WHEN current_setting('max_slot_wal_keep_size') = '-1' THEN 0 ELSE pg_size_bytes(current_setting('max_slot_wal_keep_size')) END
FROM pg_replication_slots AS s WHERE s.slot_name = $1`

// LogStatus asks the server. Where triggers tell of changes there is no log.
func (s *Source) LogStatus(ctx context.Context) (LogStatus, error) {
	if s.cfg.Triggers {
		return LogStatus{}, errors.New("postgres: with Config.Triggers no log is read")
	}
	h := s.history.Load()
	now := LogStatus{Slot: s.slotName(), Read: s.flow.Load() != nil}
	if since, _ := h.waiting(); !since.IsZero() {
		now.Waiting = time.Since(since)
	}
	at := h.frontier()
	err := s.meta.QueryRow(ctx, logStatusQuery, now.Slot, fmt.Sprintf("%X/%X", at>>32, uint32(at))).Scan(&now.Kept, &now.Unread, &now.Most)
	if errors.Is(err, pgx.ErrNoRows) {
		return now, fmt.Errorf("postgres: the replication slot %s is not there", now.Slot)
	}
	if err != nil {
		return now, fmt.Errorf("postgres: ask how far the log is read: %w", err)
	}
	now.Unread = max(0, now.Unread)
	return now, nil
}

// frontier is the place before which every commit is released.
func (h *history) frontier() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gate.Frontier()
}
