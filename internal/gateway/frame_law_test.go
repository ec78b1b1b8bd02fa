package gateway

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// lawLimit is the longest message of these tests.
const lawLimit = 300

// FuzzFrames holds the reader's laws for any bytes: it says what a decoder
// written from RFC 6455 alone says, however the bytes are cut, and holds no more
// memory than a message may have.
func FuzzFrames(f *testing.F) {
	for _, c := range socketCases() {
		f.Add(c.in, uint16(len(c.in)/2))
	}
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		limits := Limits{FrameBytes: lawLimit, FramesPerSecond: -1, FrameBurst: -1}.withDefaults()
		want := reference(in, lawLimit)
		at := int(cut) % (len(in) + 1)
		ways := map[string]io.Reader{
			"at once":      bytes.NewReader(in),
			"by the byte":  iotest.OneByteReader(bytes.NewReader(in)),
			"by halves":    iotest.HalfReader(bytes.NewReader(in)),
			"in two parts": io.MultiReader(bytes.NewReader(in[:at]), bytes.NewReader(in[at:])),
			"end with it":  iotest.DataErrReader(bytes.NewReader(in)),
		}
		for name, way := range ways {
			r := newFrameReader(way, &limits)
			if got := transcript(r); got != want {
				t.Errorf("%s: read %q, want %q", name, got, want)
			}
			if cap(r.message) > 2*lawLimit+4096 {
				t.Errorf("%s: %d bytes held of a message of at most %d", name, cap(r.message), lawLimit)
			}
		}
	})
}

// transcript is all that a reader yields, and how it ends.
func transcript(r *frameReader) string {
	var b strings.Builder
	for {
		opcode, payload, err := r.next()
		var bad *frameError
		switch {
		case errors.As(err, &bad):
			b.WriteString(strconv.Itoa(bad.code))
			return b.String()
		case err != nil:
			b.WriteString("end")
			return b.String()
		}
		b.WriteString(strconv.Itoa(int(opcode)) + ":" + strconv.Quote(string(payload)) + " ")
	}
}

// reference decodes a client's whole stream. It knows of RFC 6455 only, and of
// none of the reader's ways: it looks at all bytes at once.
func reference(in []byte, limit int) string {
	var b strings.Builder
	var message []byte
	kind := byte(0) // of the message under way, 0 for none
	for {
		if len(in) < 2 {
			return b.String() + "end"
		}
		fin, rsv, op := in[0]>>7 == 1, in[0]>>4&7, in[0]&15
		control, short := op >= 8, uint64(in[1]&0x7f)
		if in[1] < 0x80 || rsv != 0 || op > 10 || op > 2 && op < 8 || control && (!fin || short > 125) ||
			!control && (op == 0) != (kind != 0) {
			return b.String() + "1002"
		}
		size, length := 2, short
		if short == 126 {
			size = 4
		} else if short == 127 {
			size = 10
		}
		if len(in) < size+4 {
			return b.String() + "end"
		}
		if short == 126 {
			length = uint64(in[2])<<8 | uint64(in[3])
		} else if short == 127 {
			length = binary.BigEndian.Uint64(in[2:])
		}
		switch {
		case length>>63 == 1, short == 126 && length < 126, short == 127 && length < 65536:
			return b.String() + "1002"
		case !control && length > uint64(limit-len(message)):
			return b.String() + "1009"
		case uint64(len(in)-size-4) < length:
			return b.String() + "end"
		}
		payload := make([]byte, length)
		for i := range payload {
			payload[i] = in[size+4+i] ^ in[size+i%4]
		}
		in = in[size+4+int(length):]
		if control {
			b.WriteString(strconv.Itoa(int(op)) + ":" + strconv.Quote(string(payload)) + " ")
			continue
		}
		if op != 0 {
			kind = op
		}
		message = append(message, payload...)
		if !fin {
			continue
		}
		if kind == 1 && !utf8.Valid(message) {
			return b.String() + "1007"
		}
		b.WriteString(strconv.Itoa(int(kind)) + ":" + strconv.Quote(string(message)) + " ")
		message, kind = nil, 0
	}
}

// FuzzValidFrames writes a stream as a client would, from what the input says,
// and has it read by another implementation too.
func FuzzValidFrames(f *testing.F) {
	f.Add([]byte("\x01hello\x02world"), uint32(1))
	f.Add([]byte("ä€😀 and a long tail of text that is cut"), uint32(0x9e3779b9))
	f.Add([]byte{}, uint32(7))
	f.Fuzz(func(t *testing.T, text []byte, dice uint32) {
		limits := Limits{FrameBytes: -1, FramesPerSecond: -1, FrameBurst: -1}.withDefaults()
		stream := validStream(text, dice)
		want := byGobwas(t, stream)
		if got := transcript(newFrameReader(bytes.NewReader(stream), &limits)); got != want {
			t.Errorf("read %q, gobwas/ws has %q", got, want)
		}
	})
}

// validStream cuts text into messages, fragments and control frames.
func validStream(text []byte, dice uint32) []byte {
	roll := func(n uint32) uint32 {
		dice = dice*1664525 + 1013904223
		return dice >> 8 % n
	}
	var stream []byte
	frame := func(op ws.OpCode, fin bool, payload []byte) {
		var mask [4]byte
		binary.BigEndian.PutUint32(mask[:], roll(1<<24)<<8|roll(256))
		stream = append(stream, ws.MustCompileFrame(ws.MaskFrameWith(ws.NewFrame(op, fin, payload), mask))...)
	}
	for more := true; more; more = len(text) > 0 {
		take := min(len(text), int(roll(64)))
		op, message := ws.OpText, bytes.Repeat(text[:take], int(roll(40)))
		text = text[max(take, min(1, len(text))):]
		if !utf8.Valid(message) {
			op = ws.OpBinary
		}
		for roll(2) == 0 {
			part := min(len(message), int(roll(40)))
			frame(op, false, message[:part])
			message, op = message[part:], ws.OpContinuation
			if roll(3) == 0 {
				frame([]ws.OpCode{ws.OpPing, ws.OpPong}[roll(2)], true, message[:min(len(message), int(roll(126)))])
			}
		}
		frame(op, true, message)
	}
	return stream
}

// byGobwas reads a stream with the reader of gobwas/ws.
func byGobwas(t *testing.T, stream []byte) string {
	var b strings.Builder
	note := func(op ws.OpCode, payload []byte) {
		b.WriteString(strconv.Itoa(int(op)) + ":" + strconv.Quote(string(payload)) + " ")
	}
	in := &wsutil.Reader{
		Source: bytes.NewReader(stream), State: ws.StateServerSide, CheckUTF8: true,
		OnIntermediate: func(h ws.Header, payload io.Reader) error {
			text, err := io.ReadAll(payload)
			note(h.OpCode, text)
			return err
		},
	}
	for {
		h, err := in.NextFrame()
		if errors.Is(err, io.EOF) {
			return b.String() + "end"
		}
		if err != nil {
			t.Fatalf("gobwas/ws: %v", err)
		}
		payload, err := io.ReadAll(in)
		if err != nil {
			t.Fatalf("gobwas/ws: %v", err)
		}
		note(h.OpCode, payload)
	}
}
