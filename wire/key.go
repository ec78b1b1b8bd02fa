package wire

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// CompositeKey is the field that holds the key of items whose key is made of
// several fields.
const CompositeKey = "_key"

// AppendKeyPart appends a part of a composite key: every byte that is not
// unreserved (RFC 3986) as %XX, so that a comma only ever separates parts. The
// parts, joined by commas, are the field _key and the path segment of a detail
// view.
func AppendKeyPart(dst []byte, part string) []byte {
	const upperHex = "0123456789ABCDEF"
	for i := range len(part) {
		c := part[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
	}
	return dst
}

// Key returns the key that the parts make: the text itself where it is the only
// one, else all of them encoded.
func Key(parts ...string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	var key []byte
	for i, part := range parts {
		if i > 0 {
			key = append(key, ',')
		}
		key = AppendKeyPart(key, part)
	}
	return string(key)
}

// KeySegment returns the path segment of the detail view of a key's parts.
func KeySegment(parts ...string) string {
	if len(parts) == 1 {
		return string(AppendKeyPart(nil, parts[0]))
	}
	return Key(parts...)
}

var errKey = errors.New("the percent-encoding is broken")

// SplitKey reads the parts of a key of n fields from a path segment as it was
// sent, still encoded. A composite key that was encoded once more, as a client
// does that knows it for a text, is read too.
func SplitKey(segment string, n int) ([]string, error) {
	if n > 1 && strings.Count(segment, ",") != n-1 {
		once, err := url.PathUnescape(segment)
		if err != nil {
			return nil, errKey
		}
		if strings.Count(once, ",") != n-1 {
			return nil, fmt.Errorf("the key has %d parts, each percent-encoded and joined by commas", n)
		}
		segment = once
	}
	parts := []string{segment}
	if n > 1 {
		parts = strings.Split(segment, ",")
	}
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return nil, errKey
		}
		parts[i] = plain
	}
	return parts, nil
}
