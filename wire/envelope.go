package wire

import (
	"slices"
	"time"

	"github.com/wakeful-dev/wakeful/diff"
)

// AppendEnvelope appends the HTTP answer to an observe request. A snapshot
// without an Observer gives the answer of a long poll, which has none.
func AppendEnvelope(dst []byte, s *Snapshot) []byte {
	dst = append(dst, '{')
	if s.Observer != "" {
		dst = append(dst, `"observer":`...)
		dst = append(AppendString(dst, s.Observer), ',')
	}
	dst = appendItems(append(dst, `"items":`...), s.Items)
	dst = appendMember(dst, "primary_key", s.PrimaryKey)
	dst = appendMember(dst, "epoch", s.Epoch)
	dst = appendCount(dst, "seq", s.Seq)
	dst = appendMember(dst, "position", string(s.Position))
	dst = appendKeysAndMeta(dst, s)
	return append(dst, '}')
}

func appendItems(dst []byte, items *diff.List) []byte {
	size := 256 // for what stands around them
	for _, item := range items.All() {
		size += len(item.Data) + 1
	}
	dst = append(slices.Grow(dst, size), '[')
	for i, item := range items.All() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendRaw(dst, item.Data)
	}
	return append(dst, ']')
}

func appendKeysAndMeta(dst []byte, s *Snapshot) []byte {
	if s.KeyType == KeyNumber {
		dst = append(dst, `,"keys":[`...)
		for i, item := range s.Items.All() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendString(dst, item.Key)
		}
		dst = append(dst, ']')
	}
	if s.Meta != nil {
		dst = append(appendName(dst, "meta"), s.Meta...)
	}
	return dst
}

// AppendTicket appends the HTTP answer to a request for a ticket.
func AppendTicket(dst []byte, ticket string, ttl time.Duration) []byte {
	dst = append(dst, `{"ticket":`...)
	dst = AppendString(dst, ticket)
	dst = appendInt(dst, "expires_in", int(ttl.Seconds()))
	return append(dst, '}')
}
