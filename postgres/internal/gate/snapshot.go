package gate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Snapshot says which transactions a statement on the primary sees, as
// pg_current_snapshot() has it. Numbers of transactions are 64 bits wide.
type Snapshot struct {
	Xmin uint64   // everything before it has ended
	Xmax uint64   // nothing from it on has ended
	Xip  []uint64 // in progress between the two, ascending
}

// maxInProgress bounds what is read of a list: no server has as many
// connections.
const maxInProgress = 1 << 20

// Parse reads the text of a pg_snapshot: xmin:xmax:xip,xip,…
func Parse(text string) (Snapshot, error) {
	first, rest, ok := strings.Cut(text, ":")
	second, list, again := strings.Cut(rest, ":")
	if !ok || !again {
		return Snapshot{}, fmt.Errorf("gate: snapshot %.60q: want xmin:xmax:list", text)
	}
	xmin, err := parseXid(first)
	xmax, err2 := parseXid(second)
	if err := errors.Join(err, err2); err != nil {
		return Snapshot{}, fmt.Errorf("gate: snapshot %.60q: %w", text, err)
	}
	s := Snapshot{Xmin: xmin, Xmax: xmax}
	if xmin > xmax {
		return Snapshot{}, fmt.Errorf("gate: snapshot %.60q ends before it begins", text)
	}
	for list != "" {
		var one string
		one, list, ok = strings.Cut(list, ",")
		xid, err := parseXid(one)
		switch {
		case err != nil:
		case ok && list == "":
			err = errors.New("nothing after the last comma")
		case xid < s.Xmin || xid >= s.Xmax:
			err = fmt.Errorf("%d is not between the two", xid)
		case len(s.Xip) > 0 && xid <= s.Xip[len(s.Xip)-1]:
			err = fmt.Errorf("%d is out of order", xid)
		case len(s.Xip) >= maxInProgress:
			err = errors.New("the list is too long")
		}
		if err != nil {
			return Snapshot{}, fmt.Errorf("gate: snapshot %.60q: %w", text, err)
		}
		s.Xip = append(s.Xip, xid)
	}
	return s, nil
}

// parseXid reads the number of a transaction as the server writes it.
func parseXid(text string) (uint64, error) {
	xid, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, err
	}
	if strconv.FormatUint(xid, 10) != text || xid == 0 || xid > 1<<63 {
		return 0, fmt.Errorf("%q is no transaction", text)
	}
	return xid, nil
}

// Sees reports whether the snapshot shows what a transaction did of which it
// is known that it committed.
func (s *Snapshot) Sees(xid uint64) bool {
	if xid < s.Xmin {
		return true
	}
	if xid >= s.Xmax {
		return false
	}
	_, running := slices.BinarySearch(s.Xip, xid)
	return !running
}

// Widen is the 64 bits of a transaction of which the log has 32: the number
// that is nearest to the snapshot's end. Transactions that are known at one
// time lie within half of 32 bits of each other.
func (s *Snapshot) Widen(xid uint32) uint64 {
	const span, half = 1 << 32, 1 << 31
	wide := s.Xmax&^(span-1) | uint64(xid)
	switch {
	case wide > s.Xmax && wide-s.Xmax > half && wide >= span:
		wide -= span
	case wide < s.Xmax && s.Xmax-wide > half:
		wide += span
	}
	return wide
}
