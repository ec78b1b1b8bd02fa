package gate

// Heads of the pages of the log: of most, and of the first one of a file.
const (
	head     = 24
	longHead = 40
)

// End is where the last record ends before a place where the next one would
// begin. The server says the second, behind the head of a page that is still
// empty; what reads the log gets no further than to the first.
func End(lsn, page uint64) uint64 {
	if page == 0 {
		return lsn
	}
	if in := lsn % page; in == head || in == longHead {
		return lsn - in
	}
	return lsn
}
