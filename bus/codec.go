package bus

import (
	"encoding/json"
	"fmt"
)

// envelope is a Message as JSON. Bytes that are not text for sure (items,
// bodies, header values, URLs) go as base64: they arrive as they were.
type envelope struct {
	From   string          `json:"from"`
	Life   string          `json:"life,omitempty"`
	To     string          `json:"to,omitempty"`
	Number uint64          `json:"number,omitempty"`
	Ack    uint64          `json:"ack,omitempty"`
	Type   string          `json:"type,omitempty"`
	Body   json.RawMessage `json:"body,omitempty"`
	Link   *LinkState      `json:"link,omitempty"`
}

// The types of an envelope. A name is never used again for something else.
const (
	typeObserve  = "observe"
	typeObserved = "observed"
	typeLeave    = "leave"
	typeRound    = "round"
)

// Encode writes a message as bytes for a Bus between processes. What other
// processes can know from the list that they hold does not cross: the List of
// wire.Changes, and the Old of each diff.Op, which diff.List.Apply puts back.
//
// The bytes of an Observe hold credentials.
func Encode(m Message) ([]byte, error) {
	e := envelope{From: m.From, Life: m.Life, To: m.To, Number: m.Number, Ack: m.Ack, Link: m.Link}
	var body any = m.Body
	switch b := m.Body.(type) {
	case nil:
	case *Observe:
		e.Type, body = typeObserve, encodeObserve(b)
	case *Observed:
		e.Type, body = typeObserved, encodeObserved(b)
	case *Leave:
		e.Type = typeLeave
	case *Round:
		e.Type = typeRound
	default:
		return nil, fmt.Errorf("bus: encode: no type for %T", m.Body)
	}
	if e.Type != "" {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("bus: encode %s: %w", e.Type, err)
		}
		e.Body = text
	}
	text, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("bus: encode: %w", err)
	}
	return text, nil
}

// Decode reads what Encode wrote. Members that it does not know are ignored;
// a type that it does not know is an error.
func Decode(text []byte) (Message, error) {
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil {
		return Message{}, fmt.Errorf("bus: decode: %w", err)
	}
	m := Message{From: e.From, Life: e.Life, To: e.To, Number: e.Number, Ack: e.Ack, Link: e.Link}
	if e.Type == "" {
		return m, nil
	}
	body, err := decodeBody(e.Type, e.Body)
	if err != nil {
		return Message{}, fmt.Errorf("bus: decode %.20s: %w", e.Type, err)
	}
	m.Body = body
	return m, nil
}

func decodeBody(name string, text []byte) (Body, error) {
	switch name {
	case typeObserve:
		var o observeJSON
		err := json.Unmarshal(text, &o)
		return o.decode(), err
	case typeObserved:
		var o observedJSON
		err := json.Unmarshal(text, &o)
		return o.decode(), err
	case typeLeave:
		l := &Leave{}
		return l, json.Unmarshal(text, l)
	case typeRound:
		r := &Round{}
		return r, json.Unmarshal(text, r)
	}
	return nil, fmt.Errorf("unknown type")
}

// headerJSON carries header values that need not be UTF-8.
type headerJSON map[string][][]byte

type observeJSON struct {
	Observe
	Request struct {
		Request
		URL    []byte     `json:"url"`
		Header headerJSON `json:"header"`
	} `json:"request"`
}

func encodeObserve(o *Observe) *observeJSON {
	e := &observeJSON{Observe: *o}
	e.Request.Request = o.Request
	e.Request.URL = []byte(o.Request.URL)
	e.Request.Header = encodeHeader(o.Request.Header)
	return e
}

func (e *observeJSON) decode() *Observe {
	o := e.Observe
	o.Request = e.Request.Request
	o.Request.URL = string(e.Request.URL)
	o.Request.Header = e.Request.Header.decode()
	return &o
}

type observedJSON struct {
	Observed
	Response *responseJSON `json:"response,omitempty"`
}

type responseJSON struct {
	Response
	Header headerJSON `json:"header"`
}

func encodeObserved(o *Observed) *observedJSON {
	e := &observedJSON{Observed: *o}
	if o.Response != nil {
		e.Response = &responseJSON{Response: *o.Response, Header: encodeHeader(o.Response.Header)}
	}
	return e
}

func (e *observedJSON) decode() *Observed {
	o := e.Observed
	if e.Response != nil {
		o.Response = &e.Response.Response
		o.Response.Header = e.Response.Header.decode()
	}
	return &o
}

func encodeHeader(header map[string][]string) headerJSON {
	if header == nil {
		return nil
	}
	e := make(headerJSON, len(header))
	for name, values := range header {
		list := make([][]byte, len(values))
		for i, value := range values {
			list[i] = []byte(value)
		}
		e[name] = list
	}
	return e
}

func (e headerJSON) decode() map[string][]string {
	if e == nil {
		return nil
	}
	header := make(map[string][]string, len(e))
	for name, values := range e {
		list := make([]string, len(values))
		for i, value := range values {
			list[i] = string(value)
		}
		header[name] = list
	}
	return header
}

// Encoded returns a Bus that sends each message over b as if it went to another
// process: to bytes and back. It proves that nothing else is relied on.
func Encoded(b Bus) Bus { return encoded{b} }

type encoded struct{ Bus }

func (e encoded) Send(to string, m Message) error {
	text, err := Encode(m)
	if err != nil {
		return err
	}
	if m, err = Decode(text); err != nil {
		return err
	}
	return e.Bus.Send(to, m)
}
