package gateway

import (
	"strconv"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/wire"
)

// fillV2 appends what one subscription has to send. direct is a frame to be
// written after buf, done says that nothing is left.
func (s *session) fillV2(c *socket, sub *sub, buf []byte) (out, direct []byte, done bool) {
	k := c.coding
	for _, text := range sub.intro {
		buf = k.append(buf, text)
	}
	s.settled(sub.intro)
	sub.intro = nil
	if sub.ended != nil {
		s.sent++
		return k.append(buf, wire.AppendClosed(nil, sub.ended)), nil, true
	}
	for len(buf) < fillTarget {
		frame := s.nextV2(k, sub)
		if frame == nil {
			return buf, nil, true
		}
		s.sent++
		sub.sent = s.sent
		if c.view {
			buf = wire.AppendEventID(buf, wire.Point{Epoch: sub.at.epoch, Seq: sub.at.seq}.String())
		}
		if len(frame) > directSize {
			return buf, frame, false
		}
		buf = append(buf, frame...)
	}
	return buf, nil, false
}

// nextV2 returns the next frame of a subscription and moves its cursor.
func (s *session) nextV2(k coding, sub *sub) []byte {
	if sub.fallen == "" {
		e := sub.at.next.Load()
		if e == nil {
			return nil
		}
		if b := e.body.Load(); b != nil && e.restart == "" {
			sub.at = e
			s.paid(sub, b.cost)
			s.delivered(b)
			s.newest = later(s.newest, b.changes.Position)
			return sub.misled(k, e, b.frameV2(k))
		}
		if sub.fallen = e.restart; sub.fallen == "" {
			sub.fallen = wire.ReasonSlowConsumer
		}
	}
	st := sub.feed.state.Load()
	if st == nil {
		return nil // nobody follows it by this any more
	}
	reason := sub.fallen
	if sub.at.epoch != st.Epoch && reason != wire.ReasonSubscribe {
		reason = wire.ReasonEpoch
	}
	s.paid(sub, sub.owed)
	sub.at, sub.fallen = st.tail, ""
	s.newest = later(s.newest, st.Position)
	if reason != wire.ReasonSubscribe {
		s.gateway.record(event.Event{Kind: event.SnapshotSent, Observer: short(st.Observer), Code: reason})
	}
	return st.frame(k, reason)
}

// appendProgress tells how far the session is, where that is news or due. p was
// loaded before the session was found to have nothing left to send.
func (s *session) appendProgress(c *socket, buf []byte, p *progress) []byte {
	k, force := c.coding, c.beatDue
	if p == nil || !force && !s.stale && p.Position == s.progress {
		return buf
	}
	if p.Position.SameHistory(s.progress) && p.Position < s.progress {
		return buf
	}
	if !force && !s.stale && s.parts(p) {
		return buf
	}
	whole := p.Whole && p.Position.Reaches(s.newest)
	s.progress, s.stale, s.partedAt = p.Position, false, time.Time{}
	behind := s.behind(p)
	if c.tag != "" && len(behind) == 0 {
		buf = wire.AppendEventID(buf, c.tag+":"+strconv.FormatUint(p.number, 10))
	}
	if len(behind) > 0 {
		return k.append(buf, wire.AppendProgress(nil, &wire.Progress{Position: p.Position, Whole: whole, Behind: behind}))
	}
	return append(buf, p.framed(k, whole)...)
}

// watchNew notes a list of which the worker's last progress did not know that
// anybody here follows it. f.mu and s.mu are held.
func (s *session) watchNew(f *feed) {
	p := s.gateway.progress.Load()
	if p == nil || p.number > f.begun.Load() || f.begunAt.Reaches(p.Position) {
		return
	}
	if s.unheard == nil {
		s.unheard = map[*feed]change.Position{}
	}
	s.unheard[f] = f.begunAt
}

// behind names the session's observers that a progress says nothing about.
func (s *session) behind(p *progress) []string {
	if len(p.Behind)+len(s.awaited)+len(s.unheard) == 0 {
		return nil
	}
	var behind []string
	for f, at := range s.unheard {
		switch {
		case p.number > f.begun.Load() || s.subs.of(f.observer) == nil:
			delete(s.unheard, f)
		case !at.Reaches(p.Position):
			behind = append(behind, f.observer)
		}
	}
	if len(s.unheard) == 0 {
		s.unheard = nil
	}
	for _, observer := range p.Behind {
		if s.subs.of(observer) != nil {
			behind = append(behind, observer)
		}
	}
	for observer := range s.awaited {
		behind = append(behind, observer)
	}
	return behind
}

// markStale has the session told that nobody knows how current it is.
func (s *session) markStale(since time.Time) {
	s.mu.Lock()
	c := s.socket
	tell := s.version == version2 && !s.stale && s.subs.len() > 0 && c != nil && c.started
	if tell {
		s.stale = true
		s.say(c, wire.AppendStale(nil, &wire.Stale{Since: since, Reason: "the worker is silent"}))
	}
	s.mu.Unlock()
	if tell {
		c.wake()
	}
}
