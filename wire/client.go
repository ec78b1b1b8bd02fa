package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// ClientMessage is a version 2 frame from a client: *Subscribe, *Unsubscribe,
// *Resume, *Authenticate, *Ping, or *Unknown.
type ClientMessage interface{ clientMessage() }

// Subscribe asks for a GET of URL, observed in this session.
type Subscribe struct {
	ID      ID                `json:"id"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Since   *Point            `json:"since,omitempty"`
}

// Point is how far a client is with an observer.
type Point struct {
	Epoch string `json:"epoch"`
	Seq   uint64 `json:"seq"`
}

// Unsubscribe ends the subscription to an observer.
type Unsubscribe struct {
	Observer string `json:"observer"`
}

// Resume says what a client holds, by observer. It may be empty.
type Resume struct {
	ID        ID                  `json:"id,omitempty"`
	Observers map[string]Resuming `json:"observers"`
}

// Resuming is how far a client is with an observer, and the URL that began it.
type Resuming struct {
	Epoch string `json:"epoch"`
	Seq   uint64 `json:"seq"`
	URL   string `json:"url,omitempty"`
}

// Authenticate brings a bearer token. It is never logged.
type Authenticate struct {
	Token string `json:"token"`
}

// Ping asks for a Pong.
type Ping struct {
	ID ID `json:"id,omitempty"`
}

// Unknown is a frame of a type that this version does not know: to be ignored.
type Unknown struct{ Type string }

func (*Subscribe) clientMessage()    {}
func (*Unsubscribe) clientMessage()  {}
func (*Resume) clientMessage()       {}
func (*Authenticate) clientMessage() {}
func (*Ping) clientMessage()         {}
func (*Unknown) clientMessage()      {}

// FrameError says why a frame cannot be understood. ID is the request's where
// it could be read.
type FrameError struct {
	Type   string // "" where not even that could be read
	ID     ID
	Detail string
}

func (e *FrameError) Error() string {
	if e.Type == "" {
		return "wire: frame: " + e.Detail
	}
	return fmt.Sprintf("wire: %.40s frame: %s", e.Type, e.Detail)
}

// maxID bounds an ID: it is echoed.
const maxID = 128

// UnmarshalJSON takes a string or a number. Anything else is an error, but null
// is no ID.
func (id *ID) UnmarshalJSON(text []byte) error {
	switch c := text[0]; {
	case c == 'n':
		*id = ""
		return nil
	case c == '"':
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return err
		}
		text = AppendString(nil, s) // ends bytes that are not UTF-8
	case c != '-' && (c < '0' || c > '9'):
		return fmt.Errorf("id is neither a string nor a number")
	}
	if len(text) > maxID {
		return fmt.Errorf("id is longer than %d bytes", maxID)
	}
	*id = ID(text)
	return nil
}

// MarshalJSON writes the ID as it came.
func (id ID) MarshalJSON() ([]byte, error) {
	if id == "" {
		return []byte("null"), nil
	}
	return []byte(id), nil
}

// frameHead is what every frame has. An ID that is none stays empty: the type
// decides whether it matters.
type frameHead struct {
	Type string
	ID   ID
}

// DecodeClient reads a version 2 frame of a client. Members that it does not
// know are ignored, and a type that it does not know gives *Unknown. Errors are
// *FrameError.
func DecodeClient(frame []byte) (ClientMessage, error) {
	if m, ok := plainResume(frame); ok {
		return m, nil
	}
	// Frames that begin with their type, as clients write them, are read once.
	if m := newClientMessage(firstType(frame)); m != nil && json.Unmarshal(frame, m) == nil && missingMember(m) == "" {
		return m, nil
	}
	head, err := decodeHead(frame)
	if err != nil {
		return nil, err
	}
	m := newClientMessage(head.Type)
	if m == nil {
		return &Unknown{Type: head.Type}, nil
	}
	if err := json.Unmarshal(frame, m); err != nil {
		return nil, &FrameError{Type: head.Type, ID: head.ID, Detail: err.Error()}
	}
	if missing := missingMember(m); missing != "" {
		return nil, &FrameError{Type: head.Type, ID: head.ID, Detail: "member " + missing + " is missing"}
	}
	return m, nil
}

// newClientMessage returns an empty message of a type, nil for an unknown one.
func newClientMessage(name string) ClientMessage {
	switch name {
	case "subscribe":
		return &Subscribe{}
	case "unsubscribe":
		return &Unsubscribe{}
	case "resume":
		return &Resume{}
	case "authenticate":
		return &Authenticate{}
	case "ping":
		return &Ping{}
	}
	return nil
}

// firstType returns the type of a frame whose first member that is, and which
// has no other member that could be taken for it; else "".
func firstType(frame []byte) string {
	rest, ok := bytes.CutPrefix(frame, []byte(`{"type":"`))
	if !ok {
		return ""
	}
	name, rest, _ := bytes.Cut(rest, []byte{'"'})
	if bytes.IndexByte(rest, '\\') >= 0 {
		return ""
	}
	for i := range rest {
		if rest[i] == '"' && len(rest) > i+5 && bytes.EqualFold(rest[i+1:i+5], []byte("type")) {
			return ""
		}
	}
	return string(name)
}

func decodeHead(frame []byte) (frameHead, error) {
	var head frameHead
	if text := bytes.TrimLeft(frame, " \t\r\n"); len(text) == 0 || text[0] != '{' {
		return head, &FrameError{Detail: "not a JSON object"}
	}
	var raw struct {
		Type string          `json:"type"`
		ID   json.RawMessage `json:"id"`
	}
	if err := json.Unmarshal(frame, &raw); err != nil {
		return head, &FrameError{Detail: err.Error()}
	}
	head.Type = raw.Type
	if len(raw.ID) > 0 && head.ID.UnmarshalJSON(raw.ID) != nil {
		head.ID = ""
	}
	if head.Type == "" {
		return head, &FrameError{ID: head.ID, Detail: "member type is missing"}
	}
	return head, nil
}

func missingMember(m ClientMessage) string {
	switch m := m.(type) {
	case *Subscribe:
		switch {
		case m.ID == "":
			return "id"
		case m.URL == "":
			return "url"
		}
	case *Unsubscribe:
		if m.Observer == "" {
			return "observer"
		}
	case *Authenticate:
		if m.Token == "" {
			return "token"
		}
	}
	return ""
}

// EncodeClient writes the frame of a client's message.
func EncodeClient(m ClientMessage) ([]byte, error) {
	var name string
	switch m := m.(type) {
	case *Subscribe:
		name = "subscribe"
	case *Unsubscribe:
		name = "unsubscribe"
	case *Resume:
		name = "resume"
		if m.Observers == nil {
			m = &Resume{ID: m.ID, Observers: map[string]Resuming{}}
		}
		return encodeTyped(name, m)
	case *Authenticate:
		name = "authenticate"
	case *Ping:
		name = "ping"
	default:
		return nil, fmt.Errorf("wire: encode client message: no frame for %T", m)
	}
	return encodeTyped(name, m)
}

// encodeTyped puts the type in front of the members of m.
func encodeTyped(name string, m any) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("wire: encode %s: %w", name, err)
	}
	frame := append([]byte(`{"type":"`+name+`"`), ',')
	if len(body) == len("{}") {
		frame = frame[:len(frame)-1]
	}
	return append(frame, body[1:]...), nil
}
