package gateway

import (
	"slices"

	"github.com/wakeful-dev/wakeful/internal/planted"
)

// misled returns the frame of an entry as a gateway with one of the planted
// bugs sends it: in every other build, as it is.
func (sub *sub) misled(k coding, e *entry, frame []byte) []byte {
	switch {
	case planted.Sometimes(planted.DiffDropped):
		return []byte{}
	case planted.Sometimes(planted.DiffDoubled):
		return slices.Concat(frame, frame)
	case planted.Is(planted.DiffsSwapped):
		if next := e.next.Load(); next != nil && next.restart == "" {
			if b := next.body.Load(); b != nil {
				sub.at = next
				return slices.Concat(b.frameV2(k), frame)
			}
		}
	}
	return frame
}
