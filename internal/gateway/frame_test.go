package gateway

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/diff"
	"github.com/wakeful-dev/wakeful/wire"
)

// masked is a client's frame.
func masked(op ws.OpCode, fin bool, payload string) []byte {
	frame := ws.MaskFrameWith(ws.NewFrame(op, fin, []byte(payload)), [4]byte{1, 2, 3, 4})
	return ws.MustCompileFrame(frame)
}

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

func header(b0, b1 byte, rest ...byte) []byte { return append([]byte{b0, b1}, rest...) }

// TestFrames holds RFC 6455 as far as a server must.
func TestFrames(t *testing.T) {
	long := strings.Repeat("x", 1000)
	tests := []struct {
		name string
		in   []byte
		want string // what is read, or the close code
	}{
		{"text", masked(ws.OpText, true, "hi"), "text hi"},
		{"empty text", masked(ws.OpText, true, ""), "text "},
		{"binary", masked(ws.OpBinary, true, "\xff"), "binary \xff"},
		{"16-bit length", masked(ws.OpText, true, long), "text " + long},
		{"fragments", join(masked(ws.OpText, false, "a"), masked(ws.OpContinuation, false, "b"), masked(ws.OpContinuation, true, "c")), "text abc"},
		{"UTF-8 cut by a fragment", join(masked(ws.OpText, false, "\xc3"), masked(ws.OpContinuation, true, "\xa4")), "text ä"},
		{"ping between fragments", join(masked(ws.OpText, false, "a"), masked(ws.OpPing, true, "p"), masked(ws.OpContinuation, true, "b")), "ping p, text ab"},
		{"ping of 125 bytes", masked(ws.OpPing, true, strings.Repeat("p", 125)), "ping " + strings.Repeat("p", 125)},
		{"close with code", masked(ws.OpClose, true, "\x03\xe8bye"), "close \x03\xe8bye"},
		{"not masked", header(0x81, 0x01, 'x'), "1002"},
		{"rsv1", header(0xc1, 0x80, 0, 0, 0, 0), "1002"},
		{"rsv2", header(0xa1, 0x80, 0, 0, 0, 0), "1002"},
		{"reserved opcode", header(0x83, 0x80, 0, 0, 0, 0), "1002"},
		{"reserved control opcode", header(0x8b, 0x80, 0, 0, 0, 0), "1002"},
		{"fragmented ping", header(0x09, 0x80, 0, 0, 0, 0), "1002"},
		{"ping of 126 bytes", header(0x89, 0xfe, 0, 126, 0, 0, 0, 0), "1002"},
		{"continuation of nothing", masked(ws.OpContinuation, true, "x"), "1002"},
		{"text inside text", join(masked(ws.OpText, false, "a"), masked(ws.OpText, true, "b")), "1002"},
		{"length with the top bit", append(header(0x81, 0xff), bytes.Repeat([]byte{0xff}, 12)...), "1002"},
		{"too long", header(0x81, 0xfe, 1001>>8, 1001&0xff, 0, 0, 0, 0), "1009"},
		{"much too long", append(header(0x81, 0xff), append(binary.BigEndian.AppendUint64(nil, 1<<40), 0, 0, 0, 0)...), "1009"},
		{"16-bit length of 125", append(header(0x81, 0xfe, 0, 125, 0, 0, 0, 0), long[:125]...), "1002"},
		{"64-bit length of 65,535", append(header(0x81, 0xff), append(binary.BigEndian.AppendUint64(nil, 0xffff), 0, 0, 0, 0)...), "1002"},
		{"too long together", join(masked(ws.OpText, false, long), masked(ws.OpContinuation, true, "x")), "1009"},
		{"not UTF-8", masked(ws.OpText, true, "\xc3\x28"), "1007"},
		{"surrogate", masked(ws.OpText, true, "\xed\xa0\x80"), "1007"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := readAll(tt.in, Limits{FrameBytes: 1000}.withDefaults()); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// readAll says what a reader makes of bytes.
func readAll(in []byte, limits Limits) string {
	names := map[ws.OpCode]string{ws.OpText: "text", ws.OpBinary: "binary", ws.OpPing: "ping", ws.OpPong: "pong", ws.OpClose: "close"}
	r := newFrameReader(bytes.NewReader(in), &limits)
	var got []string
	for {
		opcode, payload, err := r.next()
		var bad *frameError
		switch {
		case errors.As(err, &bad):
			return string(appendCode(nil, bad.code))
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return strings.Join(got, ", ")
		case err != nil:
			return err.Error()
		}
		got = append(got, names[opcode]+" "+string(payload))
	}
}

func appendCode(dst []byte, code int) []byte {
	for _, digit := range []int{1000, 100, 10, 1} {
		dst = append(dst, byte('0'+code/digit%10))
	}
	return dst
}

func TestFrameRate(t *testing.T) {
	many := bytes.Repeat(masked(ws.OpPing, true, ""), 21)
	if got := readAll(many, Limits{FrameBurst: 20, FramesPerSecond: 1}.withDefaults()); got != "4429" {
		t.Errorf("21 frames at once, 20 allowed: %q", got)
	}
	if got := readAll(many[:20*len(many)/21], Limits{FrameBurst: 20, FramesPerSecond: 1}.withDefaults()); strings.Count(got, "ping") != 20 {
		t.Errorf("20 frames at once, 20 allowed: %q", got)
	}
}

func TestCloseCodes(t *testing.T) {
	for code, ok := range map[int]bool{
		0: false, 999: false, 1000: true, 1001: true, 1003: true, 1004: false, 1005: false, 1006: false, 1011: true, 1014: true,
		1015: false, 1016: false, 2999: false, 3000: true, 4999: true, 5000: false,
	} {
		_, err := parseClose(binary.BigEndian.AppendUint16(nil, uint16(code)))
		if (err == nil) != ok {
			t.Errorf("code %d: %v, want allowed %v", code, err, ok)
		}
	}
	if _, err := parseClose([]byte{3}); err == nil {
		t.Error("half a code is taken")
	}
	if _, err := parseClose([]byte("\x03\xe8\xff")); err == nil {
		t.Error("a reason that is not UTF-8 is taken")
	}
	if code, err := parseClose(nil); code != 1000 || err != nil {
		t.Errorf("no code: %d %v", code, err)
	}
}

// TestBadFramesCloseTheSocket: what the reader finds arrives as a close code,
// and the session is none the worse for it.
func TestBadFramesCloseTheSocket(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	tests := []struct {
		name    string
		version version
		in      []byte
		code    int
	}{
		{"not masked", version1, header(0x81, 0x01, 'x'), 1002},
		{"not UTF-8", version1, masked(ws.OpText, true, "\xff"), 1007},
		{"too big", version2, append(header(0x81, 0xff), append(binary.BigEndian.AppendUint64(nil, 1<<40), 0, 0, 0, 0)...), 1009},
		{"not JSON", version2, masked(ws.OpText, true, "hello"), wire.CloseBadRequest},
		{"no object", version2, masked(ws.OpText, true, "[]"), wire.CloseBadRequest},
		{"binary", version2, masked(ws.OpBinary, true, "{}"), wire.CloseBadRequest},
		{"close", version1, masked(ws.OpClose, true, "\x0f\xa0"), 4000},
		{"close without a code", version1, masked(ws.OpClose, true, ""), 1000},
		{"bad close", version1, masked(ws.OpClose, true, "\x00"), 1002},
	}
	for _, tt := range tests {
		c := h.dial("s1", tt.version)
		if _, err := c.conn.Write(tt.in); err != nil {
			t.Fatal(err)
		}
		c.expectClose(tt.code)
	}
	c := h.dial("s1", version1)
	c.say("not JSON at all")
	c.say(`{"type":"resume"}`)
	c.write(ws.OpBinary, []byte{0xff})
	h.observe("/a", "s1")
	h.worker.set(map[string][]diff.Item{"/a": items("1:x")})
	c.expect("added")
}

func FuzzAppendFrame(f *testing.F) {
	f.Add([]byte("x"), 200)
	f.Fuzz(func(t *testing.T, payload []byte, times int) {
		payload = bytes.Repeat(payload, max(0, times)%1000)
		wire := bytes.NewReader(appendText(nil, payload))
		got, err := ws.ReadHeader(wire)
		if err != nil || !got.Fin || got.OpCode != ws.OpText || got.Length != int64(len(payload)) {
			t.Errorf("%d bytes: header %+v, %v", len(payload), got, err)
		}
		if rest, err := io.ReadAll(wire); err != nil || !bytes.Equal(rest, payload) {
			t.Errorf("%d bytes: read back %d, %v", len(payload), len(rest), err)
		}
	})
}
