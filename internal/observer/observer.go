// Package observer is one live query: a request, what its view read, and the
// list that it returned last, with the diffs that led there.
//
// Run sends the request through the app again, with the reads noted and in one
// snapshot; Judge says what the answer means; Observer.Advance takes the new
// list and gives the diff to send. An Observer has one owner and is not safe
// for concurrent use; Run and Judge touch nothing that is shared, so they may
// run anywhere.
//
// Pipeline: affected → [observer: evaluate] → diff → bus.
package observer

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/internal/memory"
	"github.com/wakeful-dev/wakeful/internal/planted"
	"github.com/wakeful-dev/wakeful/wire"
)

// Observer is one view + canonical request + identity, and its current list.
type Observer struct {
	ID       string
	Identity string
	Request  *bus.Request
	View     *mark.View

	// Epoch names this unbroken history, Seq counts its diffs, Position is
	// where the newest of them was evaluated.
	Epoch    string
	Seq      uint64
	Position change.Position

	list *List
	log  log
}

// New makes an observer that has no list yet. The log keeps at most diffs
// diffs of bytes bytes together. What the observer holds is counted in the
// account, which may be nil, until Release.
func New(id, identity string, request *bus.Request, diffs, bytes int, account *memory.Account) *Observer {
	return &Observer{ID: id, Identity: identity, Request: request, log: log{maxDiffs: diffs, maxBytes: bytes, account: account}}
}

// NewEpoch returns 64 random bits as text.
func NewEpoch() string {
	if planted.Is(planted.EpochNotRaised) {
		return "0123456789abcdef"
	}
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// List is the current list, nil before the first. It is never altered.
func (o *Observer) List() *List { return o.list }

// Len is the number of items of the current list.
func (o *Observer) Len() int {
	if o.list == nil {
		return 0
	}
	return o.list.Items.Len()
}

// Begin takes the first list and starts an epoch.
func (o *Observer) Begin(view *mark.View, list *List, at change.Position) {
	o.View, o.Position = view, at
	o.hold(list)
	o.Epoch, o.Seq = NewEpoch(), 0
	o.log.clear()
}

// Advance takes the next list and the ops that lead to it, and returns the
// diff to send: nil where the list is as it was.
func (o *Observer) Advance(list *List, ops []diff.Op, at change.Position) *wire.Changes {
	metaChanged := !bytes.Equal(o.list.Meta, list.Meta)
	if len(ops) == 0 && !metaChanged {
		list.Items = o.list.Items
		o.list = list
		return nil
	}
	o.hold(list)
	o.Seq++
	o.Position = at
	logged := wire.Changes{
		Observer: o.ID, Epoch: o.Epoch, Seq: o.Seq, Position: at, PrimaryKey: PrimaryKey(o.View.Key),
		KeyType: list.KeyType, Ops: ops,
	}
	if metaChanged {
		logged.Meta, logged.MetaChanged = list.Meta, true
	}
	o.log.add(&logged)
	sent := logged
	sent.List = list.Items
	return &sent
}

// hold makes a list the current one.
func (o *Observer) hold(list *List) {
	account := o.log.account
	account.Hold(memory.Lists, memory.ListKey(list.Items), func() int { return memory.OfList(list.Items) + len(list.Meta) })
	if o.list != nil {
		account.Drop(memory.ListKey(o.list.Items))
	}
	o.list = list
}

// Forget lets go of the diffs that the account wants to be let go of.
func (o *Observer) Forget(cutoff uint64) { o.log.forget(cutoff) }

// Release takes what the observer holds out of the account. It is of no use
// afterwards.
func (o *Observer) Release() {
	o.log.clear()
	if o.list != nil {
		o.log.account.Drop(memory.ListKey(o.list.Items))
		o.list = nil
	}
}

// Snapshot returns the current list as it is sent. at is a position at which
// the list is known to be right.
func (o *Observer) Snapshot(at change.Position) *wire.Snapshot {
	return &wire.Snapshot{
		Observer: o.ID, Epoch: o.Epoch, Seq: o.Seq, Position: at, PrimaryKey: PrimaryKey(o.View.Key),
		KeyType: o.list.KeyType, Items: o.list.Items, Meta: o.list.Meta,
	}
}

// Since returns the diffs after seq. ok is false where the epoch is not this
// one or the log no longer reaches back that far.
func (o *Observer) Since(epoch string, seq uint64) (missed []*wire.Changes, ok bool) {
	if epoch != o.Epoch || seq > o.Seq {
		return nil, false
	}
	return o.log.since(seq, o.Seq)
}

// LogBytes is roughly what the diffs kept for resume take in memory.
func (o *Observer) LogBytes() int { return o.log.bytes }
