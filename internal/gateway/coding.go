package gateway

// coding is how a version 2 message is written to a connection.
type coding uint8

const (
	textFrame coding = iota // of a WebSocket
	codings                 // how many there are
)

// append appends a message as it is written.
func (k coding) append(dst, text []byte) []byte { return appendText(dst, text) }
