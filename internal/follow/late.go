package follow

// late is what came after an unsubscribe was answered: faults, unless the
// server has closed this socket meanwhile. One that lacks the proof in time
// closes the socket before it answers, and what was on its way is read
// nevertheless.
type late struct {
	errs    []error
	flushes int // since the first of errs: the connection has gone on
}

func (l *late) add(err error) { l.errs = append(l.errs, err) }

// flush makes faults of what came, once the connection has gone on.
func (l *late) flush(fault func(error)) {
	if len(l.errs) == 0 {
		return
	}
	if l.flushes++; l.flushes < 3 {
		return
	}
	for _, err := range l.errs {
		fault(err)
	}
	*l = late{}
}
