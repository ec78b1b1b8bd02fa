package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// The least time between two snapshots taken for what waits, and the longest. A
// commit is sent to us as soon as it is on disk, which is a moment before it is seen
// by others: so where nothing was seen the next looks follow at once, a few.
const (
	probeEvery = time.Millisecond
	probeRest  = 50 * time.Millisecond
	probeAgain = 3
)

// prober is the connection that is asked what everybody sees, and a witness: as
// long as it lives the server has not crashed. The probe lock guards it.
type prober struct {
	conn  *pgconn.PgConn
	count uint64 // of connections there have been
}

// release lets commits through the gate that have become visible, as long as
// ctx lasts.
func (s *Source) release(ctx context.Context, h *history) error {
	wait, vain := probeEvery, 0
	var failing alarm
	var before <-chan struct{}
	defer s.withdraw()
	for {
		first, came := h.waiting()
		if came != before { // what has come is likely to be seen soon, whatever else is not
			before, wait = came, probeEvery
		}
		if first.IsZero() {
			if s.idle(ctx, came) != nil {
				return nil
			}
			continue
		}
		began := time.Now()
		moved, err := s.probeOnce(ctx, h)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if failing.turn(true) {
				s.log.Warn("postgres: what everybody sees could not be asked", "error", err)
			}
			s.letGo(err)
			wait = probeRest
		case moved:
			wait, vain = probeEvery, 0
		case vain < probeAgain:
			vain++
			failing = false
			continue
		default:
			wait = min(2*wait, probeRest)
		}
		if err == nil {
			failing = false
		}
		if rest(ctx, began, wait, came) != nil {
			return nil
		}
	}
}

// idle waits until the log has brought more. What is offered is not for long.
func (s *Source) idle(ctx context.Context, came <-chan struct{}) error {
	var over <-chan time.Time
	if until := s.offers.until(); !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		over = timer.C
	}
	for {
		select {
		case <-came:
			return nil
		case <-over:
			over = nil
			s.withdraw()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// letGo gives up the connection that the log comes through when the server
// stops: it would wait until we have done with all that it has sent, and we for
// an answer that it does not give any more.
func (s *Source) letGo(err error) {
	if f := s.flow.Load(); f != nil && isCode(err, "57P01", "57P03") {
		f.close()
	}
}

// rest waits until the next look: at once when something new has come, but no
// more often than probeEvery.
func rest(ctx context.Context, began time.Time, wait time.Duration, came <-chan struct{}) error {
	if err := pause(ctx, probeEvery-time.Since(began)); err != nil || wait <= probeEvery {
		return err
	}
	timer := time.NewTimer(wait - probeEvery)
	defer timer.Stop()
	select {
	case <-came:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// probeOnce takes a snapshot and releases what it shows, unless nothing waits
// any more, and reports whether anything was released.
func (s *Source) probeOnce(ctx context.Context, h *history) (moved bool, err error) {
	s.withdraw()
	if err := s.lockProbe(ctx); err != nil {
		return false, err
	}
	defer s.unlockProbe()
	if first, _ := h.waiting(); first.IsZero() {
		return true, nil
	}
	if err := s.witness(ctx, h); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	before := h.last()
	if r := s.toOffer(h); r == nil || s.probeOffering(ctx, h, r) != nil {
		err = s.probeOnly(ctx, h) // that connection may have been cut while it waited
	}
	return h.last() > before, err
}

// probeOnly takes a snapshot for nothing else. The probe lock is held.
func (s *Source) probeOnly(ctx context.Context, h *history) error {
	x, _, _, err := snapshotNow(ctx, s.prober.conn, "")
	if err != nil {
		s.prober.close()
		return err
	}
	h.release(&x)
	return nil
}

// witness sees to it that there is the connection to ask on. The probe lock is
// held.
func (s *Source) witness(ctx context.Context, h *history) (err error) {
	if s.prober.conn != nil && !s.prober.conn.IsClosed() {
		return nil
	}
	s.prober.count++
	s.prober.conn, err = s.connectAs(ctx, h.server)
	return err
}

// crashed reports whether the server may have crashed since a witness came to
// be. The probe lock is held.
func (s *Source) crashed(ctx context.Context, seen uint64) bool {
	if s.prober.conn == nil || s.prober.conn.IsClosed() || s.prober.count != seen {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := s.prober.conn.Ping(ctx); err != nil {
		s.prober.close()
		return true
	}
	return false
}

func (p *prober) close() {
	if p.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = p.conn.Close(ctx)
	p.conn = nil
}

// connectAs opens a connection to the primary, if it is the server that a
// history is of.
func (s *Source) connectAs(ctx context.Context, want identity) (*pgconn.PgConn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, s.config.Config.Copy())
	if err != nil {
		return nil, explainConnect(err)
	}
	if err := checkIdentity(ctx, conn, want); err != nil {
		_ = conn.Close(ctx)
		return nil, err
	}
	return conn, nil
}

// lockProbe waits for the probe lock.
func (s *Source) lockProbe(ctx context.Context) error {
	select {
	case s.probe <- struct{}{}:
		return nil
	default:
	}
	select {
	case s.probe <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Source) unlockProbe() { <-s.probe }

// waiting says since when the first commit waits, zero for none, and returns
// what is closed when more has come.
func (h *history) waiting() (time.Time, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if list := h.gate.Pending(); len(list) > 0 {
		return list[0].Since, h.came
	}
	return time.Time{}, h.came
}
