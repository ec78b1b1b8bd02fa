package gateway

import (
	"sync"
	"sync/atomic"

	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/memory"
	"github.com/wakeful-dev/wakeful/wire"
)

// entry is one diff of a feed. Entries are linked in the order in which they
// happened, so a cursor is a pointer to the last one that was sent, and
// reading on takes no lock. An entry that fell off the log loses its body but
// stays in the chain, with its keys, for as long as a cursor is before it:
// that is how version 1 clients are made good.
type entry struct {
	seq    uint64
	epoch  string
	number uint64   // of the worker's last progress before it
	keys   []string // every key that the diff names
	// restart is why version 2 clients cannot go on through this entry but
	// need a snapshot: one of the wire.Reason constants.
	restart string
	next    atomic.Pointer[entry]
	body    atomic.Pointer[body]

	counted bool   // in the log's bytes; guarded by the feed's mu, as stamp
	stamp   uint64 // of the account
}

// body is what an entry sends.
type body struct {
	changes *wire.Changes
	cost    int // about its bytes on the wire
	v1      frames
	v2      [codings]frames
	kept    kept
}

// frames are the messages of one diff as they are written, made when first
// needed and shared by all who follow.
type frames struct {
	once     sync.Once
	bytes    []byte
	messages int
}

// newEntry makes an entry of a diff. It keeps the ops and not the list: as many
// lists as the log is long would be large together.
func newEntry(c *wire.Changes, restart string, account *memory.Account) *entry {
	e := &entry{seq: c.Seq, epoch: c.Epoch, restart: restart, keys: make([]string, len(c.Ops))}
	kept := *c
	kept.List = nil
	b := &body{changes: &kept, cost: 128 + len(c.Meta)}
	b.kept.account, b.kept.kind = account, memory.Frames
	for i := range c.Ops {
		e.keys[i] = c.Ops[i].Key
		b.cost += 64 + len(c.Ops[i].Key) + len(c.Ops[i].Data)
	}
	e.body.Store(b)
	return e
}

// framesV1 returns the diff as version 1 messages, one frame each.
func (b *body) framesV1() (bytes []byte, messages int) {
	b.v1.once.Do(func() {
		var text []byte
		for _, op := range b.changes.Ops {
			text = wire.AppendV1(text[:0], b.changes, op)
			b.v1.bytes = appendText(b.v1.bytes, text)
		}
		b.v1.messages = len(b.changes.Ops)
		b.kept.add(len(b.v1.bytes))
	})
	return b.v1.bytes, b.v1.messages
}

// drafts are where diffs are written before it is known how long they are.
var drafts = sync.Pool{New: func() any { return new([]byte) }}

const (
	maxDraft  = 64 << 10
	frameHead = 10 // most bytes of a frame before its text
)

// frameV2 returns the diff as one version 2 frame.
func (b *body) frameV2(k coding) []byte {
	f := &b.v2[k]
	f.once.Do(func() {
		space := drafts.Get().(*[]byte)
		text := wire.AppendChanges((*space)[:0], b.changes)
		f.bytes = k.append(make([]byte, 0, len(text)+frameHead), text)
		b.kept.add(len(f.bytes))
		if cap(text) <= maxDraft {
			*space = text
			drafts.Put(space)
		}
	})
	return f.bytes
}

// state is a feed's list at one point. It is never altered.
type state struct {
	wire.Snapshot
	tail *entry // the last diff in the list

	mu     sync.Mutex
	frames map[snapshotFrame][]byte // of version 2
	kept   kept
}

// snapshotFrame is one way to write a list.
type snapshotFrame struct {
	coding coding
	reason string
}

// frame returns the list as a version 2 frame, shared by all who need it while
// the list is the current one.
func (st *state) frame(k coding, reason string) []byte {
	st.mu.Lock()
	defer st.mu.Unlock()
	which := snapshotFrame{k, reason}
	if frame := st.frames[which]; frame != nil {
		return frame
	}
	frame := k.append(nil, wire.AppendSnapshot(nil, &st.Snapshot, reason))
	st.keep(which, frame)
	return frame
}

// keep keeps a frame, or the body of an answer, while the list is the current
// one. st.mu is held.
func (st *state) keep(which snapshotFrame, frame []byte) {
	if !st.kept.add(len(frame)) {
		return
	}
	if st.frames == nil {
		st.frames = map[snapshotFrame][]byte{}
	}
	st.frames[which] = frame
}

// dropFrames forgets the frames: they are made again when they are needed. A
// state that is no longer the current one keeps none from then on.
func (st *state) dropFrames(current bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.frames = nil
	st.kept.drop(current)
}

// keyType is the one of the list, or of the diff where the list never had one.
func keyType(a, b wire.KeyType) wire.KeyType {
	if a == wire.KeyNone {
		return b
	}
	return a
}

// between is the diff from one list of a feed to another that does not follow
// it in the log.
func between(old, new *wire.Snapshot) *wire.Changes {
	return &wire.Changes{
		Observer: new.Observer, Epoch: new.Epoch, Seq: new.Seq, Position: new.Position,
		PrimaryKey: new.PrimaryKey, KeyType: keyType(new.KeyType, old.KeyType),
		Ops: diff.Between(old.Items.Slice(), new.Items.Slice()), List: new.Items,
	}
}
