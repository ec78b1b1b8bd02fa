package gateway

import "github.com/wakeful-dev/wakeful/wire"

// coding is how a version 2 message is written to a connection.
type coding uint8

const (
	textFrame coding = iota // of a WebSocket
	sentEvent               // a server-sent event
	codings                 // how many there are
)

// append appends a message as it is written.
func (k coding) append(dst, text []byte) []byte {
	if k == sentEvent {
		return wire.AppendEvent(dst, text)
	}
	return appendText(dst, text)
}
