package gateway

import (
	"math"
	"slices"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/wire"
)

// naming is a set of keys that messages named, the last of which has the
// number.
type naming struct {
	number uint64
	keys   []string // shared: never altered
}

// maxNamings is how many namings are kept apart before they are merged.
const maxNamings = 64

// note remembers the keys that a message named.
func (sub *sub) note(number uint64, keys []string) {
	if len(sub.named) >= maxNamings {
		sub.named = []naming{{sub.named[len(sub.named)-1].number, sub.namedKeys()}}
	}
	sub.named = append(sub.named, naming{number, keys})
}

// forget drops the keys whose naming is proven to have arrived.
func (sub *sub) forget(proven uint64) {
	sub.named = slices.DeleteFunc(sub.named, func(n naming) bool { return n.number <= proven })
}

// namedKeys returns each key named since the last proof, once, in the order of
// its first naming.
func (sub *sub) namedKeys() []string {
	var set keySet
	for _, n := range sub.named {
		set.add(n.keys...)
	}
	return set.keys
}

// keySet collects keys, each once, in order.
type keySet struct {
	keys []string
	has  map[string]bool
}

func (set *keySet) add(keys ...string) {
	if set.has == nil {
		set.has = make(map[string]bool, len(keys))
	}
	for _, key := range keys {
		if !set.has[key] {
			set.has[key] = true
			set.keys = append(set.keys, key)
		}
	}
}

func (set *keySet) addItems(items *diff.List) {
	for _, item := range items.All() {
		set.add(item.Key)
	}
}

// makeGood is what repairs a version 1 client's list: one removed for every
// key that it may hold otherwise than the server, then, in ascending final
// place, one added for each of these that is in the list. It is written piece
// by piece.
type makeGood struct {
	list   *wire.Snapshot
	remove []string
	add    []int // indices of list.Items
	done   int   // messages written
}

// uncertain returns every key that the client may hold otherwise than in the
// list st: those of messages not proven, and of diffs not sent.
func (sub *sub) uncertain(st *state) *keySet {
	set := &keySet{}
	for _, n := range sub.named {
		set.add(n.keys...)
	}
	set.add(sub.held...)
	if sub.at != nil && !sub.beyond {
		for e := sub.at; e != st.tail; {
			if e = e.next.Load(); e == nil {
				break
			}
			set.add(e.keys...)
		}
	}
	return set
}

// startGood begins a make-good. From here on the cursor stands behind it.
func (s *session) startGood(sub *sub) {
	st := sub.feed.state.Load()
	if st == nil {
		return // nobody follows it by this any more
	}
	set := sub.uncertain(st)
	if planted.Is(planted.MakeGoodSkipped) {
		set = &keySet{}
	}
	if sub.whole {
		set.addItems(st.Items)
	}
	good := &makeGood{list: &st.Snapshot, remove: set.keys}
	for i, item := range st.Items.All() {
		if set.has[item.Key] {
			good.add = append(good.add, i)
		}
	}
	sub.good = good
	sub.mend(set.keys)
	sub.named = []naming{{math.MaxUint64, set.keys}} // until its last message has a number
	sub.at, sub.fallen, sub.held, sub.whole = st.tail, "", nil, false
	s.paid(sub, sub.owed)
}

// startEnd prepares what a closed observer sends before its closed message:
// where rights ended, a removed for every item.
func (s *session) startEnd(sub *sub) {
	if !endsRights(sub.ended.Code) || sub.last == nil || sub.ending {
		return
	}
	sub.ending = true
	set := sub.uncertain(sub.last)
	set.addItems(sub.last.Items)
	sub.good = &makeGood{list: &sub.last.Snapshot, remove: set.keys}
}

// appendGood writes the next piece of a make-good.
func (s *session) appendGood(sub *sub, buf []byte) []byte {
	good := sub.good
	list := good.list
	var text []byte
	total := len(good.remove) + len(good.add)
	for ; good.done < total && len(buf) < fillTarget; good.done++ {
		if i := good.done; i < len(good.remove) {
			text = wire.AppendV1Removed(text[:0], list.Observer, list.PrimaryKey, list.KeyType, good.remove[i], 0)
		} else {
			at := good.add[i-len(good.remove)]
			text = wire.AppendV1Added(text[:0], list.Observer, list.PrimaryKey, at, list.Items.At(at).Data)
		}
		buf = appendText(buf, text)
		s.sent++
	}
	sub.sent = s.sent
	if good.done == total {
		sub.good = nil
		for i := range sub.named {
			if sub.named[i].number == math.MaxUint64 {
				sub.named[i].number = s.sent
			}
		}
	}
	return buf
}

// fillV1 appends what one subscription has to send. direct is a frame to be
// written after buf, done says that nothing is left.
func (s *session) fillV1(sub *sub, buf []byte) (out, direct []byte, done bool) {
	for len(buf) < fillTarget {
		switch {
		case sub.good != nil:
			buf = s.appendGood(sub, buf)
			continue
		case sub.ended != nil:
			if s.startEnd(sub); sub.good != nil {
				continue
			}
			s.sent++
			sub.sent, sub.ending = s.sent, false
			s.endings = append(s.endings, sub)
			return appendText(buf, wire.AppendV1Closed(nil, sub.feed.observer, sub.ended.Code)), nil, true
		case sub.fallen != "" || sub.whole || len(sub.held) > 0:
			if s.startGood(sub); sub.good == nil {
				return buf, nil, true
			}
			continue
		}
		e := sub.at.next.Load()
		if e == nil {
			return buf, nil, true
		}
		b := e.body.Load()
		if b == nil {
			sub.fallen = wire.ReasonSlowConsumer
			continue
		}
		bytes, messages := b.framesV1()
		sub.at = e
		s.paid(sub, b.cost)
		s.delivered(b)
		if messages == 0 {
			continue
		}
		s.sent += uint64(messages)
		sub.sent = s.sent
		sub.note(s.sent, e.keys)
		if len(bytes) > directSize {
			return buf, bytes, false
		}
		buf = append(buf, bytes...)
	}
	return buf, nil, false
}

// restate has a version 1 client told the whole list anew, after a GET of a
// list that it follows already: nobody knows which of the two it uses.
func (s *session) restate(sub *sub) {
	s.mu.Lock()
	if s.version != version2 && s.subs.of(sub.feed.observer) == sub {
		sub.whole = true
		s.enqueue(sub)
	}
	s.mu.Unlock()
	s.wake()
}

// reconnectV1 makes good what no proof says has arrived. s.mu is held.
func (s *session) reconnectV1() {
	for _, sub := range s.subs.all() {
		if len(sub.named) > 0 || sub.good != nil {
			sub.good, sub.fallen = nil, wire.ReasonResumeGap
		}
		s.enqueue(sub)
	}
	for _, sub := range s.endings {
		if s.subs.of(sub.feed.observer) == nil {
			s.enqueue(sub)
		}
	}
	s.endings = nil
	for _, sub := range s.ready {
		if sub.ended != nil {
			sub.good, sub.ending = nil, false
		}
	}
}
