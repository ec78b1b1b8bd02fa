package gateway

import (
	"bufio"
	"encoding/binary"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/wire"
)

// Close codes of RFC 6455 that only the framing needs.
const (
	closeNormal      = 1000
	closeProtocol    = 1002
	closeNoStatus    = 1005
	closeInvalidText = 1007
)

// readerSize is the buffer of an idle socket: a client's frames are small.
const readerSize = 512

// frameError is why a socket is closed because of what its client sent.
type frameError struct {
	code   int
	reason string
}

func (e *frameError) Error() string { return "gateway: frame: " + e.reason }

// frameReader reads what a client sends, as RFC 6455 has it.
type frameReader struct {
	in    *bufio.Reader
	limit int // bytes of one message

	message []byte // fragments so far
	opcode  ws.OpCode
	inside  bool // a fragmented message is under way

	// frames may come at rate a second, and burst at once.
	rate, burst float64
	room        float64
	at          time.Time
}

func newFrameReader(in io.Reader, limits *Limits) *frameReader {
	return &frameReader{
		in: bufio.NewReaderSize(in, readerSize), limit: limits.FrameBytes,
		rate: float64(limits.FramesPerSecond), burst: float64(limits.FrameBurst),
		room: float64(limits.FrameBurst),
	}
}

// spend takes one frame off what the client may send.
func (r *frameReader) spend(now time.Time) bool {
	if !r.at.IsZero() {
		r.room = min(r.burst, r.room+now.Sub(r.at).Seconds()*r.rate)
	}
	r.at = now
	r.room--
	return r.room >= 0
}

// refund gives a frame back: the answer to our own ping costs nothing.
func (r *frameReader) refund() { r.room = min(r.burst, r.room+1) }

// next returns the next control frame or whole message. The payload is valid
// until the next call. Errors are *frameError, or the connection's.
func (r *frameReader) next() (ws.OpCode, []byte, error) {
	if !r.inside {
		r.message = nil // an idle socket keeps no buffer
	}
	for {
		header, err := r.header()
		if err != nil {
			return 0, nil, err
		}
		if header.OpCode.IsControl() {
			payload, err := r.read(nil, &header)
			return header.OpCode, payload, err
		}
		if !r.inside {
			r.opcode, r.inside = header.OpCode, true
		}
		if r.message, err = r.read(r.message, &header); err != nil {
			return 0, nil, err
		}
		if !header.Fin {
			continue
		}
		r.inside = false
		if r.opcode == ws.OpText && !utf8.Valid(r.message) {
			return 0, nil, &frameError{closeInvalidText, "text is not UTF-8"}
		}
		return r.opcode, r.message, nil
	}
}

// header reads the header of a frame. A frame that is wrong is refused as soon
// as what has come of it says so.
func (r *frameReader) header() (h ws.Header, err error) {
	b, err := r.in.Peek(2)
	if err != nil {
		return h, err
	}
	if !r.spend(time.Now()) {
		return h, &frameError{wire.CloseTooMany, "too many frames"}
	}
	h = ws.Header{
		Fin: b[0]&0x80 != 0, Rsv: b[0] >> 4 & 7, OpCode: ws.OpCode(b[0] & 0x0f),
		Masked: b[1]&0x80 != 0, Length: int64(b[1] & 0x7f),
	}
	if err := r.check(&h); err != nil {
		return h, err
	}
	size := 2 + len(h.Mask)
	switch h.Length {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if b, err = r.in.Peek(size); err != nil {
		return h, err
	}
	copy(h.Mask[:], b[size-len(h.Mask):])
	least := int64(0)
	switch h.Length {
	case 126:
		h.Length, least = int64(binary.BigEndian.Uint16(b[2:])), 126
	case 127:
		h.Length, least = int64(binary.BigEndian.Uint64(b[2:])), 1<<16
	}
	switch {
	case h.Length < 0:
		return h, protocolError("length has its top bit set")
	case h.Length < least:
		return h, protocolError("length is not written in the fewest bytes")
	case h.OpCode.IsData() && h.Length > int64(r.limit-len(r.message)):
		return h, &frameError{wire.CloseTooBig, "message is longer than " + strconv.Itoa(r.limit) + " bytes"}
	}
	_, err = r.in.Discard(size)
	return h, err
}

func protocolError(reason string) error { return &frameError{closeProtocol, reason} }

// check judges a frame by its first two bytes.
func (r *frameReader) check(h *ws.Header) error {
	switch {
	case !h.Masked:
		return protocolError("frame is not masked")
	case h.Rsv != 0:
		return protocolError("reserved bit is set")
	case h.OpCode.IsReserved():
		return protocolError("opcode is reserved")
	case h.OpCode.IsControl() && !h.Fin:
		return protocolError("control frame is fragmented")
	case h.OpCode.IsControl() && h.Length > ws.MaxControlFramePayloadSize:
		return protocolError("control frame is too long")
	case h.OpCode == ws.OpContinuation && !r.inside:
		return protocolError("continuation of nothing")
	case h.OpCode.IsData() && h.OpCode != ws.OpContinuation && r.inside:
		return protocolError("new message inside a fragmented one")
	}
	return nil
}

// read appends a frame's payload to dst. Room is made as bytes arrive, not as
// the client says how many will.
func (r *frameReader) read(dst []byte, h *ws.Header) ([]byte, error) {
	start := len(dst)
	for left := int(h.Length); left > 0; {
		n := min(left, 4096)
		at := len(dst)
		dst = append(dst, make([]byte, n)...)
		if _, err := io.ReadFull(r.in, dst[at:]); err != nil {
			return nil, err
		}
		left -= n
	}
	ws.Cipher(dst[start:], h.Mask, 0)
	return dst, nil
}

// parseClose reads the payload of a close frame and says which code to answer
// with.
func parseClose(payload []byte) (code int, err error) {
	switch {
	case len(payload) == 0:
		return closeNormal, nil
	case len(payload) == 1:
		return 0, &frameError{closeProtocol, "close frame with half a code"}
	}
	code = int(binary.BigEndian.Uint16(payload))
	switch {
	case code < 1000, code >= 5000, code >= 1016 && code < 3000, code == 1004, code == closeNoStatus, code == 1006, code == 1015:
		return 0, &frameError{closeProtocol, "close code may not be sent"}
	case !utf8.Valid(payload[2:]):
		return 0, &frameError{closeInvalidText, "close reason is not UTF-8"}
	}
	return code, nil
}

// appendFrame appends a whole frame of the server.
func appendFrame(dst []byte, opcode ws.OpCode, payload []byte) []byte {
	dst = append(dst, 0x80|byte(opcode))
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, byte(n))
	case n <= 0xffff:
		dst = append(dst, 126, byte(n>>8), byte(n))
	default:
		dst = append(dst, 127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	return append(dst, payload...)
}

func appendText(dst, text []byte) []byte { return appendFrame(dst, ws.OpText, text) }

// appendClose appends a close frame; the reason is cut to what one may hold.
func appendClose(dst []byte, code int, reason string) []byte {
	payload := binary.BigEndian.AppendUint16(nil, uint16(code))
	for len(reason) > ws.MaxControlFramePayloadSize-2 {
		_, size := utf8.DecodeLastRuneInString(reason)
		reason = reason[:len(reason)-size]
	}
	return appendFrame(dst, ws.OpClose, append(payload, reason...))
}
