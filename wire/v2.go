package wire

import (
	"time"

	"github.com/wakeful-dev/wakeful/diff"
)

// ID is what a client calls one of its requests: a JSON string or number as
// the client wrote it, "" for none. It is echoed as it came.
type ID string

// Limits tells a client what it will be held to; 0 is not sent.
type Limits struct {
	Subscriptions   int `json:"subscriptions,omitempty"`     // of one session
	Items           int `json:"items,omitempty"`             // of one result
	FrameBytes      int `json:"frame_bytes,omitempty"`       // of one frame from the client
	FramesPerSecond int `json:"frames_per_second,omitempty"` // from the client
	FrameBurst      int `json:"frame_burst,omitempty"`       // from the client
}

// Hello is the first frame of a version 2 connection.
type Hello struct {
	Session   string
	Heartbeat time.Duration // sent in whole milliseconds
	Limits    Limits
	// Observers are those that the session follows; nil is not sent. A socket
	// is asked for them by resume, an event stream says them.
	Observers []string
}

// Subscribed answers a Subscribe, and each entry of a Resume.
type Subscribed struct {
	ID         ID     `json:"id"`
	Observer   string `json:"observer"`
	Epoch      string `json:"epoch"`
	Seq        uint64 `json:"seq"`
	PrimaryKey string `json:"primary_key"`
	// Replaces is the id that a resume named, where the list has another now.
	Replaces string `json:"replaces,omitempty"`
}

// Stale says that the server cannot tell how current a session is.
type Stale struct {
	Since  time.Time `json:"since"` // sent in UTC with milliseconds
	Reason string    `json:"reason"`
}

// Error says what was wrong with a frame of the client.
type Error struct {
	ID     ID     `json:"id"`
	Code   Code   `json:"code"`
	Detail string `json:"detail"`
}

// Pong answers a Ping.
type Pong struct {
	ID ID `json:"id"`
}

const timeLayout = "2006-01-02T15:04:05.000Z"

// AppendHello appends a hello frame.
func AppendHello(dst []byte, h *Hello) []byte {
	dst = append(dst, `{"type":"hello"`...)
	dst = appendMember(dst, "session", h.Session)
	dst = appendInt(dst, "heartbeat_ms", int(h.Heartbeat.Milliseconds()))
	dst = append(dst, `,"limits":`...)
	dst = appendLimits(dst, &h.Limits)
	if h.Observers != nil {
		dst = appendStrings(appendName(dst, "observers"), h.Observers)
	}
	return append(dst, '}')
}

func appendLimits(dst []byte, l *Limits) []byte {
	at := len(dst)
	for _, limit := range [...]struct {
		name string
		n    int
	}{
		{"subscriptions", l.Subscriptions},
		{"items", l.Items},
		{"frame_bytes", l.FrameBytes},
		{"frames_per_second", l.FramesPerSecond},
		{"frame_burst", l.FrameBurst},
	} {
		if limit.n != 0 {
			dst = appendInt(dst, limit.name, limit.n)
		}
	}
	if len(dst) == at {
		return append(dst, '{', '}')
	}
	dst[at] = '{' // in place of the first comma
	return append(dst, '}')
}

// AppendSubscribed appends a subscribed frame.
func AppendSubscribed(dst []byte, s *Subscribed) []byte {
	dst = append(dst, `{"type":"subscribed"`...)
	dst = appendID(dst, s.ID)
	dst = appendMember(dst, "observer", s.Observer)
	dst = appendMember(dst, "epoch", s.Epoch)
	dst = appendCount(dst, "seq", s.Seq)
	dst = appendMember(dst, "primary_key", s.PrimaryKey)
	if s.Replaces != "" {
		dst = appendMember(dst, "replaces", s.Replaces)
	}
	return append(dst, '}')
}

// AppendChanges appends a changes frame.
func AppendChanges(dst []byte, c *Changes) []byte {
	dst = append(dst, `{"type":"changes"`...)
	dst = appendMember(dst, "observer", c.Observer)
	dst = appendMember(dst, "epoch", c.Epoch)
	dst = appendCount(dst, "seq", c.Seq)
	dst = appendMember(dst, "position", string(c.Position))
	dst = append(dst, `,"ops":[`...)
	for i := range c.Ops {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendOp(dst, &c.Ops[i])
	}
	if c.MetaChanged {
		if len(c.Ops) > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"op":"meta","meta":`...)
		dst = append(appendRaw(dst, c.Meta), '}')
	}
	return append(dst, ']', '}')
}

func appendOp(dst []byte, op *diff.Op) []byte {
	switch op.Kind {
	case diff.Added:
		dst = append(dst, `{"op":"added"`...)
		dst = appendMember(dst, "key", op.Key)
		dst = appendInt(dst, "order", op.At)
		dst = appendRaw(appendName(dst, "item"), op.Data)
	case diff.Removed:
		dst = append(dst, `{"op":"removed"`...)
		dst = appendMember(dst, "key", op.Key)
	default:
		dst = append(dst, `{"op":"changed"`...)
		dst = appendMember(dst, "key", op.Key)
		dst = appendItemChange(dst, op.Old, op.Data)
		if op.Moved {
			dst = appendInt(dst, "order", op.At)
		}
	}
	return append(dst, '}')
}

// AppendSnapshot appends a snapshot frame; reason is one of the Reason
// constants.
func AppendSnapshot(dst []byte, s *Snapshot, reason string) []byte {
	dst = append(dst, `{"type":"snapshot"`...)
	dst = appendMember(dst, "observer", s.Observer)
	dst = appendMember(dst, "epoch", s.Epoch)
	dst = appendCount(dst, "seq", s.Seq)
	dst = appendMember(dst, "position", string(s.Position))
	dst = appendMember(dst, "primary_key", s.PrimaryKey)
	dst = appendItems(append(dst, `,"items":`...), s.Items)
	dst = appendKeysAndMeta(dst, s)
	dst = appendMember(dst, "reason", reason)
	return append(dst, '}')
}

// AppendProgress appends a progress frame.
func AppendProgress(dst []byte, p *Progress) []byte {
	dst = append(dst, `{"type":"progress"`...)
	dst = appendMember(dst, "position", string(p.Position))
	dst = appendBool(dst, "whole", p.Whole)
	if len(p.Behind) > 0 {
		dst = appendStrings(appendName(dst, "behind"), p.Behind)
	}
	return append(dst, '}')
}

// AppendStale appends a stale frame.
func AppendStale(dst []byte, s *Stale) []byte {
	dst = append(dst, `{"type":"stale","since":"`...)
	dst = s.Since.UTC().AppendFormat(dst, timeLayout)
	dst = append(dst, '"')
	dst = appendMember(dst, "reason", s.Reason)
	return append(dst, '}')
}

// AppendClosed appends a closed frame.
func AppendClosed(dst []byte, c *Closed) []byte {
	dst = append(dst, `{"type":"closed"`...)
	dst = appendMember(dst, "observer", c.Observer)
	dst = appendMember(dst, "code", string(c.Code))
	dst = appendMember(dst, "detail", c.Detail)
	return append(dst, '}')
}

// AppendError appends an error frame.
func AppendError(dst []byte, e *Error) []byte {
	dst = append(dst, `{"type":"error"`...)
	dst = appendID(dst, e.ID)
	dst = appendMember(dst, "code", string(e.Code))
	dst = appendMember(dst, "detail", e.Detail)
	return append(dst, '}')
}

// AppendPong appends a pong frame.
func AppendPong(dst []byte, p *Pong) []byte {
	dst = appendID(append(dst, `{"type":"pong"`...), p.ID)
	return append(dst, '}')
}

func appendID(dst []byte, id ID) []byte {
	if id == "" {
		return dst
	}
	return append(appendName(dst, "id"), id...)
}
