package bus

import (
	"slices"
	"sync"
	"time"
)

// formerLives is how many lives of a peer are remembered, so that their late
// messages are known as such.
const formerLives = 8

// ackEvery is the number of messages after which an acknowledgement does not
// wait any longer.
const ackEvery = 64

// peer is what a Link shares with one other member.
type peer struct {
	link *Link
	name string
	mine string // our life, as this peer knows it

	mu     sync.Mutex
	gone   bool     // forgotten: whoever still has it must look again
	life   string   // its life, "" while unknown
	former []string // lives it had before
	out    outgoing
	in     incoming

	armed  bool // Run knows that something is to be timed
	heard  bool // since the last step
	spoke  bool // since the last step
	toldAt time.Time
	times  times
}

// times are of Run's last steps, so that the way of a message asks no clock.
type times struct {
	heard, spoke time.Time
	probe, ask   pace
	ack          time.Time
}

func newPeer(l *Link, name, mine string) *peer {
	return &peer{
		link: l, name: name, mine: mine, heard: true,
		out: outgoing{oldest: 1, limit: uint64(l.cfg.Log), most: l.cfg.LogBytes, total: &l.bytes},
		in:  incoming{limit: uint64(l.cfg.Log)},
	}
}

// send reports false where the peer is forgotten.
func (p *peer) send(body Body) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return false
	}
	if p.out.full(sizeOf(body)) {
		p.overflow()
	}
	number := p.out.add(body)
	switch {
	case p.life != "":
		p.transmit(number, body)
	case p.out.unacked() == 1:
		p.tellState(nil, true)
	}
	p.arm()
	return true
}

// overflow gives up everything that is not acknowledged.
func (p *peer) overflow() {
	p.link.cfg.Logger.Warn("messages to a member are lost: it does not acknowledge them",
		"member", p.name, "messages", p.out.unacked(), "bytes", p.out.bytes)
	p.out.drop()
	p.tellState(nil, false)
	p.link.queue.push(delivery{what: streamLost, from: p.name})
	p.link.queue.drainApart()
}

// post sends one message. What the bus could not send is lost like any other:
// asking finds it.
func (p *peer) post(m Message) {
	m.From, m.Life = p.link.cfg.Name, p.mine
	if err := p.link.cfg.Bus.Send(p.name, m); err != nil {
		p.link.cfg.Logger.Debug("the bus did not send", "member", p.name, "error", err)
	}
	p.spoke = true
}

func (p *peer) transmit(number uint64, body Body) {
	p.in.owed = 0
	p.post(Message{To: p.life, Number: number, Ack: p.in.received, Body: body})
}

func (p *peer) tellState(missing []Range, ask bool) {
	p.in.owed = 0
	state := &LinkState{Sent: p.out.sent, Oldest: p.out.oldest, Missing: missing, Ask: ask}
	p.post(Message{To: p.life, Ack: p.in.received, Link: state})
}

func (p *peer) acknowledge() {
	p.in.owed = 0
	p.post(Message{To: p.life, Ack: p.in.received})
}

// receive reports false where the peer is forgotten.
func (p *peer) receive(m *Message) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return false
	}
	if !p.meets(m) {
		return true
	}
	p.heard = true
	if p.out.ack(m.Ack) {
		p.answered(&p.times.probe)
	}
	switch {
	case m.Number > 0:
		p.takeBody(m.Number, m.Body)
	case m.Body != nil:
		p.hand(m.Body)
	}
	if m.Link != nil {
		p.takeState(m.Link)
	}
	if p.in.owed >= ackEvery {
		p.acknowledge()
	}
	if p.in.owed > 0 || p.in.gap() {
		p.arm()
	}
	return true
}

// meets reports whether a message is from the life of the peer that we know to
// the life of ours that we have, and settles what the two are.
//
// A new life is believed when it knows ours: then it has spoken to us just
// now. One that does not is told, and answers.
func (p *peer) meets(m *Message) bool {
	switch {
	case m.To == p.mine && m.Life == p.life:
		return true
	case slices.Contains(p.former, m.Life):
		return false
	case m.To == p.mine:
		p.meet(m.Life)
		return true
	case p.life == "":
		p.meet(m.Life)
	default:
		p.tellLife(m.Life)
	}
	return false
}

// meet begins the count with a life of the peer. What waited for the first one
// goes to it; what was meant for one before is lost.
func (p *peer) meet(life string) {
	if p.life != "" {
		p.former = append(p.former, p.life)
		if len(p.former) > formerLives {
			p.former = p.former[1:]
		}
		p.out.drop()
		p.out = outgoing{oldest: 1, limit: p.out.limit, most: p.out.most, total: p.out.total}
		p.in = incoming{limit: p.in.limit}
		p.link.queue.push(delivery{what: streamLost, from: p.name})
	}
	p.life, p.heard = life, true
	p.sendAgain(Range{First: p.out.oldest, Last: p.out.sent})
	p.tellState(nil, false)
}

// tellLife tells a life of the peer, which may not be the one that we know,
// what ours is; not more often than needed.
func (p *peer) tellLife(life string) {
	now := time.Now()
	if now.Sub(p.toldAt) < askFirst/2 {
		return
	}
	p.toldAt = now
	if life == p.life {
		p.heard = true
		p.tellState(nil, false)
		return
	}
	p.post(Message{To: life, Link: &LinkState{Oldest: 1}})
}

func (p *peer) hand(body Body) {
	p.link.queue.push(delivery{what: bodyCame, from: p.name, life: p.life, body: body})
}

func (p *peer) takeBody(number uint64, body Body) {
	p.in.owed++
	if number != p.in.received+1 {
		if number > p.in.received {
			p.in.keep(number, body)
			p.notice(number, number-1)
		}
		return
	}
	p.in.received = number
	p.in.seen = max(p.in.seen, number)
	p.hand(body)
	if p.in.gap() || len(p.in.early) > 0 {
		p.healed()
	}
}

// healed hands on what had to wait, and asks on where something is missing
// still.
func (p *peer) healed() {
	for body, ok := p.in.next(); ok; body, ok = p.in.next() {
		p.hand(body)
	}
	p.answered(&p.times.ask)
	if p.in.gap() && p.in.received >= p.in.asked {
		p.askMissing()
	}
}

// notice asks at once for what is missing between the highest number known so
// far and the number last, where number has been sent.
func (p *peer) notice(number, last uint64) {
	first := max(p.in.seen, p.in.received) + 1
	p.in.seen = max(p.in.seen, number)
	if first <= last {
		p.in.asked = min(last, first+askNumbers-1)
		p.tellState([]Range{{first, p.in.asked}}, false)
	}
}

func (p *peer) askMissing() {
	missing := p.in.missing()
	p.in.asked = missing[len(missing)-1].Last
	p.tellState(missing, false)
}

func (p *peer) takeState(s *LinkState) {
	if s.Oldest > p.in.received+1 {
		p.in.skip(s.Oldest - 1)
		p.link.queue.push(delivery{what: streamLost, from: p.name})
		p.healed()
	}
	p.notice(s.Sent, s.Sent)
	for _, r := range s.Missing {
		p.sendAgain(r)
	}
	if s.Ask {
		p.tellState(nil, false)
	}
}

// sendAgain sends what the log still has of a range; where it has not all, the
// state says so.
func (p *peer) sendAgain(r Range) {
	if r.First < p.out.oldest {
		p.tellState(nil, false)
	}
	for n := max(r.First, p.out.oldest); n <= min(r.Last, p.out.sent); n++ {
		p.transmit(n, p.out.body(n))
	}
}
