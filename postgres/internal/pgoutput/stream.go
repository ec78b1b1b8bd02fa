package pgoutput

// streamStart begins a block of rows of a large transaction that has not ended
// yet.
func (d *Decoder) streamStart(f *frame) {
	xid, first := f.uint32(), f.byte()
	h := d.streams[xid]
	switch {
	case f.err != nil:
	case d.current != nil:
		f.fail("inside of a transaction")
	case first != 1 && h == nil:
		f.fail("transaction %d goes on and never began", xid)
	case h == nil:
		h = &held{xid: xid, streamed: true}
		d.streams[xid] = h
		d.current = h
	default:
		d.current = h
	}
}

func (d *Decoder) streamStop(f *frame) {
	if d.inside(f) && !d.current.streamed {
		f.fail("inside of a transaction that is not streamed")
		return
	}
	d.current = nil
}

func (d *Decoder) streamCommit(f *frame) *Transaction {
	xid := f.uint32()
	f.byte()
	commit, end := f.uint64(), f.uint64()
	f.uint64()
	h := d.streams[xid]
	switch {
	case f.err != nil:
		return nil
	case d.current != nil:
		f.fail("inside of a transaction")
		return nil
	case h == nil:
		f.fail("transaction %d never began", xid)
		return nil
	}
	d.bury(h)
	d.drop(h)
	d.adopt(h.relations)
	tx := h.transaction()
	tx.Commit, tx.End = commit, end
	return tx
}

// streamAbort takes back a transaction, or one subtransaction of it: the
// server tells of each that is inside of it.
func (d *Decoder) streamAbort(f *frame) {
	xid, sub := f.uint32(), f.uint32()
	h := d.streams[xid]
	switch {
	case f.err != nil:
	case d.current != nil:
		f.fail("inside of a transaction")
	case h == nil: // nothing of it is held
	case xid == sub:
		d.drop(h)
	default:
		d.cut(h, sub)
	}
}

// drop forgets a streamed transaction.
func (d *Decoder) drop(h *held) {
	delete(d.streams, h.xid)
	d.bytes -= h.bytes
}
