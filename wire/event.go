package wire

import (
	"bytes"
	"strconv"
	"strings"
)

// Close says why an event stream of a session ends: what a close frame says on
// a WebSocket.
type Close struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
}

// AppendClose appends a close message.
func AppendClose(dst []byte, c *Close) []byte {
	dst = append(dst, `{"type":"close"`...)
	dst = appendInt(dst, "code", c.Code)
	dst = appendMember(dst, "reason", c.Reason)
	return append(dst, '}')
}

// typeMember is how every version 2 message of this package begins.
const typeMember = `{"type":"`

// AppendEvent appends a version 2 message as a server-sent event named after
// its type. A line break, which JSON allows between its tokens, begins another
// line of data.
func AppendEvent(dst, message []byte) []byte {
	name, _, _ := bytes.Cut(message[len(typeMember):], []byte{'"'})
	dst = append(dst, "event: "...)
	dst = append(dst, name...)
	for more := true; more; {
		dst = append(dst, "\ndata: "...)
		at := bytes.IndexAny(message, "\r\n")
		if more = at >= 0; more {
			dst = append(dst, message[:at]...)
			message = message[at+1:]
			continue
		}
		dst = append(dst, message...)
	}
	return append(dst, '\n', '\n')
}

// AppendEventID appends the line that gives the event after it an id, which
// must be of one line.
func AppendEventID(dst []byte, id string) []byte {
	dst = append(dst, "id: "...)
	dst = append(dst, id...)
	return append(dst, '\n')
}

// String is the point as the id of an event: "<epoch>:<seq>".
func (p Point) String() string { return p.Epoch + ":" + strconv.FormatUint(p.Seq, 10) }

// maxEpoch bounds the epoch in an id that a client sends.
const maxEpoch = 64

// ParsePoint reads the id of an event. It is the zero Point for anything else.
func ParsePoint(id string) Point {
	at := strings.LastIndexByte(id, ':')
	if at < 1 || at > maxEpoch {
		return Point{}
	}
	seq, err := strconv.ParseUint(id[at+1:], 10, 64)
	if err != nil {
		return Point{}
	}
	return Point{Epoch: id[:at], Seq: seq}
}
