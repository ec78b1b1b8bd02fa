package wire

import (
	"encoding/json"
	"time"

	"github.com/wakeful-dev/wakeful/change"
)

// ServerMessage is a version 2 frame as a client reads it: *Hello,
// *Subscribed, *ChangesFrame, *SnapshotFrame, *Progress, *Stale, *Closed,
// *Error, *Pong, *Close, or *Unknown.
type ServerMessage interface{ serverMessage() }

func (*Hello) serverMessage()         {}
func (*Subscribed) serverMessage()    {}
func (*ChangesFrame) serverMessage()  {}
func (*SnapshotFrame) serverMessage() {}
func (*Progress) serverMessage()      {}
func (*Stale) serverMessage()         {}
func (*Closed) serverMessage()        {}
func (*Error) serverMessage()         {}
func (*Pong) serverMessage()          {}
func (*Close) serverMessage()         {}
func (*Unknown) serverMessage()       {}

// ChangesFrame is a changes frame as it arrives: it lacks what Changes knows
// from the observer.
type ChangesFrame struct {
	Observer string          `json:"observer"`
	Epoch    string          `json:"epoch"`
	Seq      uint64          `json:"seq"`
	Position change.Position `json:"position"`
	Ops      []FrameOp       `json:"ops"`
}

// FrameOp is one op of a changes frame. Which members count depends on Op.
type FrameOp struct {
	Op    string          `json:"op"` // added, changed, removed, meta
	Key   string          `json:"key"`
	Order *int            `json:"order"` // nil: stays where it is
	Item  json.RawMessage `json:"item"`
	// Set and Unset alter top-level fields where Item is nil.
	Set   map[string]json.RawMessage `json:"set"`
	Unset []string                   `json:"unset"`
	Meta  json.RawMessage            `json:"meta"`
}

// SnapshotFrame is a snapshot frame as it arrives.
type SnapshotFrame struct {
	Envelope
	Reason string `json:"reason"`
}

// Envelope is the HTTP answer to an observe request as it arrives.
type Envelope struct {
	Observer   string            `json:"observer"`
	Items      []json.RawMessage `json:"items"`
	PrimaryKey string            `json:"primary_key"`
	Epoch      string            `json:"epoch"`
	Seq        uint64            `json:"seq"`
	Position   change.Position   `json:"position"`
	// Keys are the keys of Items in order; nil where every item says its own
	// exactly.
	Keys []string        `json:"keys"`
	Meta json.RawMessage `json:"meta"`
}

// DecodeEnvelope reads the HTTP answer to an observe request.
func DecodeEnvelope(body []byte) (*Envelope, error) {
	e := &Envelope{}
	if err := json.Unmarshal(body, e); err != nil {
		return nil, &FrameError{Type: "envelope", Detail: err.Error()}
	}
	return e, nil
}

// V1Message is a version 1 message as it arrives.
type V1Message struct {
	Msg        string          `json:"msg"` // added, changed, removed, closed
	Observer   string          `json:"observer"`
	PrimaryKey string          `json:"primary_key"`
	Order      int             `json:"order"`
	Item       json.RawMessage `json:"item"`
	Code       Code            `json:"code"` // of closed
}

// DecodeV1 reads a version 1 message.
func DecodeV1(frame []byte) (*V1Message, error) {
	m := &V1Message{}
	if err := json.Unmarshal(frame, m); err != nil {
		return nil, &FrameError{Detail: err.Error()}
	}
	if m.Msg == "" {
		return nil, &FrameError{Detail: "member msg is missing"}
	}
	return m, nil
}

// DecodeServer reads a version 2 frame of a server. Members that it does not
// know are ignored, and a type that it does not know gives *Unknown. Errors are
// *FrameError.
func DecodeServer(frame []byte) (ServerMessage, error) {
	head, err := decodeHead(frame)
	if err != nil {
		return nil, err
	}
	var m ServerMessage
	switch head.Type {
	case "hello":
		m = &Hello{}
	case "subscribed":
		m = &Subscribed{}
	case "changes":
		m = &ChangesFrame{}
	case "snapshot":
		m = &SnapshotFrame{}
	case "progress":
		m = &Progress{}
	case "stale":
		m = &Stale{}
	case "closed":
		m = &Closed{}
	case "error":
		m = &Error{}
	case "pong":
		m = &Pong{}
	case "close":
		m = &Close{}
	default:
		return &Unknown{Type: head.Type}, nil
	}
	if err := json.Unmarshal(frame, m); err != nil {
		return nil, &FrameError{Type: head.Type, ID: head.ID, Detail: err.Error()}
	}
	return m, nil
}

// UnmarshalJSON reads the heartbeat as milliseconds.
func (h *Hello) UnmarshalJSON(text []byte) error {
	var frame struct {
		Session     string   `json:"session"`
		HeartbeatMS int64    `json:"heartbeat_ms"`
		Limits      Limits   `json:"limits"`
		Observers   []string `json:"observers"`
	}
	if err := json.Unmarshal(text, &frame); err != nil {
		return err
	}
	h.Session = frame.Session
	h.Heartbeat = time.Duration(frame.HeartbeatMS) * time.Millisecond
	h.Limits, h.Observers = frame.Limits, frame.Observers
	return nil
}
