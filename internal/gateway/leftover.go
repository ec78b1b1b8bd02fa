package gateway

import "github.com/wakeful-dev/wakeful/internal/memory"

// leftover is what a version 1 client may still apply to a list that it has
// dropped. The published clients forget a list before they tell the server;
// what arrives in between they keep under the observer's id, and apply it to
// the list that they get when they observe it again. So a subscription that
// follows begins with a make-good of every key that such a message can name.
//
// A list that has ended leaves as much: its removed messages may be kept too;
// and a client that holds it still, emptied or as it was, takes no answer of a
// GET for it.
type leftover struct {
	Observer string   `json:"observer"`
	Keys     []string `json:"keys"`
	Whole    bool     `json:"whole,omitempty"` // and of all that is in the list by then
}

func (l *leftover) bytes() int { return 128 + memory.OfKeys(l.Keys) }

const (
	// maxLeftKeys and maxLeftovers bound what a session remembers of lists
	// that it dropped. The oldest are forgotten.
	maxLeftKeys  = 10_000
	maxLeftovers = 1_000
	// maxMended is the number of keys of make-goods up to which a
	// subscription remembers them one by one.
	maxMended = 1_000
)

// mend notes the keys of a make-good.
func (sub *sub) mend(keys []string) {
	if sub.unclear = sub.unclear || len(sub.mended)+len(keys) > maxMended; sub.unclear {
		sub.mended = nil
		return
	}
	sub.mended = append(sub.mended, keys...)
}

// keepOf remembers what the client of a version 1 session may keep of a list
// that it drops. The feed's mu and s.mu are held.
func (s *session) keepOf(sub *sub) {
	if s.ended || s.version == version2 || s.subs.of(sub.feed.observer) != sub {
		return
	}
	if l := sub.leftover(); l != nil && (l.Whole || len(l.Keys) > 0) {
		s.keep(*l)
	}
}

// keepEnded remembers what the client of a version 1 session may hold of a list
// that is ending, or keep of the messages that say so. s.mu is held.
func (s *session) keepEnded(sub *sub) {
	if s.version == version2 {
		return
	}
	set := &keySet{}
	if sub.last != nil {
		set = sub.uncertain(sub.last)
		set.addItems(sub.last.Items)
	}
	s.keep(leftover{Observer: sub.feed.observer, Keys: set.keys, Whole: true})
}

// keep remembers one leftover.
func (s *session) keep(l leftover) {
	s.takeLeftover(l.Observer)
	s.left = append(s.left, l)
	s.leftKeys += len(l.Keys)
	s.gateway.Memory.Add(memory.Keys, l.bytes())
	for len(s.left) > 1 && (len(s.left) > maxLeftovers || s.leftKeys > maxLeftKeys) {
		s.takeLeftover(s.left[0].Observer)
	}
}

// takeLeftover returns what is remembered of an observer and forgets it, nil
// for nothing.
func (s *session) takeLeftover(observer string) *leftover {
	for i, l := range s.left {
		if l.Observer == observer {
			s.left = append(s.left[:i:i], s.left[i+1:]...)
			s.leftKeys -= len(l.Keys)
			s.gateway.Memory.Add(memory.Keys, -l.bytes())
			return &l
		}
	}
	return nil
}

// dropDormant drops a list that nobody keeps at present.
func (s *session) dropDormant(observer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.dormant[observer]; d != nil && !s.ended {
		s.lift(observer)
		s.keep(leftover{Observer: observer, Keys: d.Held, Whole: true})
	}
}

// leftover says which keys the messages of a subscription can have named: nil
// where there were none. Where they are not known one by one, those that the
// client may have been left with, and all that are in the list when it comes
// back, do as well: a key that is in neither was removed by the last message
// that named it.
func (sub *sub) leftover() *leftover {
	st := sub.feed.state.Load()
	repaired := sub.whole || sub.unclear || len(sub.held)+len(sub.mended) > 0
	if st == nil || sub.sent == 0 && !repaired {
		return nil
	}
	var set keySet
	set.add(sub.mended...)
	set.add(sub.held...)
	e := sub.feed.find(sub.from.Epoch, sub.from.Seq)
	for e != nil && e != sub.at {
		if e = e.next.Load(); e != nil {
			set.add(e.keys...)
		}
	}
	if e != nil && !sub.unclear && !sub.whole {
		return &leftover{Observer: sub.feed.observer, Keys: set.keys}
	}
	all := sub.uncertain(st)
	all.addItems(st.Items)
	return &leftover{Observer: sub.feed.observer, Keys: all.keys, Whole: true}
}
