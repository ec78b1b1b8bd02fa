package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wakeful-dev/wakeful/postgres/internal/pgoutput"
)

// prefix is that of the logical messages that are meant for us.
const prefix = "wakeful"

// What the messages say.
const (
	sayFlush  = "flush"  // nothing: it is written so that the log before it is on disk
	saySchema = "schema" // the schema changes with this transaction
)

// isSchemaChange reports whether the schema changes with a transaction.
func isSchemaChange(tx *pgoutput.Transaction) bool {
	if len(tx.Altered) > 0 {
		return true
	}
	for i := range tx.Messages {
		if tx.Messages[i].Content == saySchema {
			return true
		}
	}
	return false
}

// flow is the connection that the log comes through.
type flow struct {
	*walsender
	history *history
	prompt  chan struct{} // the server wants to hear how far we are
	heard   atomic.Int64  // when the server has said something, in nanoseconds
}

// silence is how long the server has said nothing.
func (f *flow) silence() time.Duration { return time.Since(time.Unix(0, f.heard.Load())) }

// How long a lost connection is tried for before the stream ends, and how long
// to wait between two attempts.
const (
	reconnectFor = 5 * time.Second
	firstPause   = 20 * time.Millisecond
	longestPause = time.Second
)

// follow reads the server's log into a history until ctx is done, over as many
// connections as it takes.
func (s *Source) follow(ctx context.Context, h *history) error {
	decoder := pgoutput.New(pgoutput.Config{
		MaxRows: s.cfg.MaxRows, MaxBytes: s.cfg.MaxBytes, Name: tableName, Wanted: s.wants, Mixed: s.tables.mixed, Prefix: prefix,
	})
	wait, lost := firstPause, time.Now()
	for {
		tried := time.Now()
		began, err := s.followOnce(ctx, h, decoder)
		switch {
		case ctx.Err() != nil:
			return nil
		case h.isGone():
			return nil // the stream says it
		case began:
			if lost = time.Now(); lost.Sub(tried) > longestPause {
				wait = firstPause // else it may be lost in the same place again
			}
			s.log.Warn("postgres: the connection that the log comes through is lost", "error", err)
		case isFinal(err) || time.Since(lost) > reconnectFor:
			return err
		}
		if pause(ctx, wait) != nil {
			return nil
		}
		wait = min(2*wait, longestPause)
	}
}

// isFinal reports whether trying again cannot help.
func isFinal(err error) bool {
	var setup *SetupError
	return errors.As(err, &setup)
}

// followOnce reads the log over one connection, and reports whether it began.
func (s *Source) followOnce(ctx context.Context, h *history, decoder *pgoutput.Decoder) (began bool, err error) {
	if err := s.resume(ctx, h); err != nil {
		return false, err
	}
	w, err := s.openLog(ctx, h.ack())
	if err != nil {
		return false, s.explainStart(ctx, err)
	}
	defer w.close()
	if w.server != h.server {
		return false, s.renew(ctx, h, errors.New("another server answers"))
	}
	decoder.Reset()
	f := &flow{walsender: w, history: h, prompt: make(chan struct{}, 1)}
	f.heard.Store(time.Now().UnixNano())
	done, stop := context.WithCancel(ctx)
	defer context.AfterFunc(done, w.close)()
	var keeping sync.WaitGroup
	keeping.Go(func() { f.keep(done) })
	defer keeping.Wait()
	defer stop()
	s.flow.Store(f)
	defer s.flow.Store(nil)
	err = f.read(decoder)
	if isCode(err, "42704") && ctx.Err() == nil {
		return true, s.leaveSlot(ctx, h, err)
	}
	return true, err
}

// leaveSlot drops a slot whose log the server cannot send: there is a place in it
// where there was no publication. A history with a new one begins.
func (s *Source) leaveSlot(ctx context.Context, h *history, reason error) error {
	for deadline := time.Now().Add(takeover); ; {
		_, err := s.meta.Exec(ctx, "SELECT pg_drop_replication_slot($1)", s.slotName())
		switch {
		case err == nil || isCode(err, "42704"):
			return s.renew(ctx, h, reason)
		case !isCode(err, "55006") || time.Now().After(deadline): // else the server is about to let go of it
			return fmt.Errorf("postgres: drop the replication slot, whose log cannot be read: %w", errors.Join(reason, err))
		}
		if err := pause(ctx, firstPause); err != nil {
			return err
		}
	}
}

// read takes in what the server sends.
func (f *flow) read(decoder *pgoutput.Decoder) error {
	for {
		data, err := f.next()
		if err != nil {
			return err
		}
		f.heard.Store(time.Now().UnixNano())
		switch {
		case len(data) >= dataHead && data[0] == kindData:
			tx, err := decoder.Take(data[dataHead:])
			if err != nil {
				return fmt.Errorf("postgres: %w", err)
			}
			if tx != nil {
				f.history.take(tx)
			}
		case len(data) == 1+8+8+1 && data[0] == kindKeepalive:
			if !decoder.Inside() {
				f.history.received(binary.BigEndian.Uint64(data[1:]))
			}
			if data[17] != 0 {
				f.answer()
			}
		default:
			return fmt.Errorf("postgres: a message of %d bytes that is none of the log's", len(data))
		}
	}
}

// answer has the server told how far we are, soon.
func (f *flow) answer() {
	select {
	case f.prompt <- struct{}{}:
	default:
	}
}

// tellEvery is how often the server is told how far it may forget its log.
const tellEvery = time.Second

// keep tells the server how far we are, whatever the reader does meanwhile.
func (f *flow) keep(ctx context.Context) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-f.prompt:
		}
		if f.tell(f.history.ack(), f.silence() > tellEvery) != nil {
			f.close() // the reader says what is wrong
			return
		}
	}
}

// resume sees to it that the server has what came after the connection was
// lost. Where it has not, the history ends and another begins.
func (s *Source) resume(ctx context.Context, h *history) error {
	if torn, err := s.torn(ctx, h); err != nil || torn {
		if torn {
			err = s.renew(ctx, h, errors.New("the server may have crashed while a snapshot of it was ahead of its log"))
		}
		return err
	}
	v, err := s.lookSlot(ctx)
	if err != nil {
		return err
	}
	switch {
	case !v.exists:
		return s.renew(ctx, h, errors.New("the replication slot is gone"))
	case v.lost:
		return s.renew(ctx, h, errors.New("the server has given up the replication slot: its log had grown too long"))
	}
	if v, _, err = s.ensureSlot(ctx); err != nil {
		return err
	}
	if v.confirmed > h.ack() {
		return s.renew(ctx, h, errors.New("somebody else has read from the replication slot, or made another of its name"))
	}
	var text string
	if err := s.meta.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&text); err != nil {
		return fmt.Errorf("postgres: ask where the log ends: %w", err)
	}
	end, err := parseLSN(text)
	if err != nil {
		return err
	}
	if past, _ := h.has(end + 1); past {
		return s.renew(ctx, h, errors.New("the server's log ends before what has been read of it: it was put back"))
	}
	return nil
}

// renew ends a history and begins another one, on whatever server answers.
func (s *Source) renew(ctx context.Context, h *history, reason error) error {
	s.log.Warn("postgres: a new history begins: everything is evaluated again", "reason", reason)
	next, err := s.setUp(ctx)
	if err != nil {
		return err
	}
	s.history.Store(next)
	s.forgetSchema()
	h.end(reason)
	return reason
}

// explainStart says why the server does not send its log.
func (s *Source) explainStart(ctx context.Context, err error) error {
	if isCode(err, "55006") { // somebody was quicker
		if v, lookErr := s.lookSlot(ctx); lookErr == nil && v.pid != 0 {
			return fmt.Errorf("postgres: the replication slot is read by process %d: %w", v.pid, err)
		}
	}
	return err
}

// isGone reports whether the history has ended.
func (h *history) isGone() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gone != nil
}

// torn reports whether a history cannot go on after its connection was lost: a
// snapshot was handed out that may show what the server had not on disk, and
// the server may have crashed since. What was shown may be no more then, and the
// numbers of transactions be given again.
func (s *Source) torn(ctx context.Context, h *history) (bool, error) {
	if err := s.lockProbe(ctx); err != nil {
		return false, err
	}
	defer s.unlockProbe()
	h.mu.Lock()
	behind, seen := !h.gate.Has(h.ahead), h.seen
	h.mu.Unlock()
	return behind && s.crashed(ctx, seen), nil
}
