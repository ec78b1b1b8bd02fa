package bus

import "time"

// pace says when to ask again: after askFirst, then twice that, up to askMost,
// and after askFirst again once there was an answer.
type pace struct {
	at       time.Time
	wait     time.Duration
	answered bool // since it was last due
}

// due reports whether it is time to ask, while there is something to ask for.
func (p *pace) due(now time.Time, pending bool) bool {
	switch {
	case !pending:
		*p = pace{}
		return false
	case p.at.IsZero():
		p.wait = askFirst
		p.at = now.Add(p.wait)
		return false
	case now.Before(p.at):
		return false
	}
	p.wait = min(2*p.wait, askMost)
	if p.answered {
		p.wait, p.answered = askFirst, false
	}
	p.at = now.Add(p.wait)
	return true
}

// answered begins a pace anew.
func (p *peer) answered(t *pace) {
	if t.wait <= askFirst {
		t.answered = true // Run looks soon enough
		return
	}
	*t = pace{}
	p.armed = false // Run is to look before the time it knows of
	p.arm()
}

// arm lets Run know that the peer has something to be timed.
func (p *peer) arm() {
	if !p.armed {
		p.armed = true
		p.link.nudge()
	}
}

// step does what is due by the clock and returns when the next may be. late is
// time in which the whole process did nothing: it does not count as silence.
func (p *peer) step(now time.Time, late time.Duration) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := now.Add(heartbeat)
	if p.gone {
		return next
	}
	if !p.listen(now, late) {
		return next
	}
	probing, asking := p.out.unacked() > 0, p.in.gap()
	if p.times.probe.due(now, probing) {
		p.tellState(nil, true)
	}
	if p.times.ask.due(now, asking) {
		p.askMissing()
	}
	p.stepAck(now)
	if p.spoke {
		p.spoke, p.times.spoke = false, now
	}
	if now.Sub(p.times.spoke) >= heartbeat {
		p.tellState(nil, false)
		p.spoke, p.times.spoke = false, now
	}
	p.armed = probing || asking || p.in.owed > 0
	for _, at := range [...]time.Time{p.times.probe.at, p.times.ask.at, p.times.ack, p.times.spoke.Add(heartbeat)} {
		if !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	return next
}

// listen reports whether the peer still lives, and forgets it if not.
func (p *peer) listen(now time.Time, late time.Duration) bool {
	if p.heard {
		p.heard, p.times.heard = false, now
	} else {
		p.times.heard = p.times.heard.Add(late)
	}
	if now.Sub(p.times.heard) < p.link.cfg.DeadAfter {
		return true
	}
	p.gone = true
	p.link.forget(p)
	p.link.cfg.Logger.Warn("nothing is heard of a member", "member", p.name, "for", p.link.cfg.DeadAfter)
	p.link.queue.push(delivery{what: peerGone, from: p.name})
	p.link.queue.drainApart()
	return false
}

func (p *peer) stepAck(now time.Time) {
	switch {
	case p.in.owed == 0:
		p.times.ack = time.Time{}
	case p.times.ack.IsZero():
		p.times.ack = now.Add(ackDelay)
	case !now.Before(p.times.ack):
		p.acknowledge()
		p.times.ack = time.Time{}
	}
}
