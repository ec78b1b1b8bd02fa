package gateway

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/wire"
)

// socketCase is what a client sends, and all that the server must answer: its
// pongs and its close frame. Without a close the socket goes on.
type socketCase struct {
	name string
	in   []byte
	want string
}

// ignoredText is a message that neither version answers.
const ignoredText = `{"type":"of a later version"}`

func long(b0 byte, size int, length []byte, payload string) []byte {
	return join(header(b0, 0x80|byte(size)), length, []byte{0, 0, 0, 0}, []byte(payload))
}

func bits16(n int) []byte    { return binary.BigEndian.AppendUint16(nil, uint16(n)) }
func bits64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func closing(code int, reason string) []byte {
	return masked(ws.OpClose, true, string(bits16(code))+reason)
}

// socketCases are held by sockets of both versions, with messages of at most
// 1,000 bytes.
func socketCases() []socketCase {
	ping := masked(ws.OpPing, true, "p")
	begin := masked(ws.OpText, false, ignoredText[:7])
	end := masked(ws.OpContinuation, true, ignoredText[7:])
	kilo := strings.Repeat("x", 1000)
	cases := []socketCase{
		{"message", masked(ws.OpText, true, ignoredText), ""},
		{"fragments", join(begin, end), ""},
		{"empty fragments", join(masked(ws.OpText, false, ""), masked(ws.OpContinuation, false, ""), masked(ws.OpContinuation, true, ignoredText)), ""},
		{"pings between fragments", join(begin, ping, ping, end, ping), "pong p, pong p, pong p"},
		{"close between fragments", join(begin, closing(1000, ""), end), "close 1000"},
		{"continuation of nothing", end, "close 1002"},
		{"continuation of what has ended", join(begin, end, end), "close 1002"},
		{"message inside a fragmented one", join(begin, masked(ws.OpText, true, "{}")), "close 1002"},
		{"binary inside a fragmented text", join(begin, masked(ws.OpBinary, false, "")), "close 1002"},

		{"UTF-8 cut by fragments", join(masked(ws.OpText, false, `{"type":"`+"\xf0"), masked(ws.OpContinuation, false, "\x9f\x90"), ping,
			masked(ws.OpContinuation, true, "\x9b"+`"}`)), "pong p"},
		{"no UTF-8", masked(ws.OpText, true, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"), "close 1007"},
		{"too high a code point", masked(ws.OpText, true, "\xf4\x90\x80\x80"), "close 1007"},
		{"overlong", masked(ws.OpText, true, "\xc0\xaf"), "close 1007"},
		{"half a code point at the end", masked(ws.OpText, true, "\xf0\x9f\x90"), "close 1007"},
		{"no UTF-8 over fragments", join(masked(ws.OpText, false, "\xf0\x9f"), masked(ws.OpContinuation, true, "x")), "close 1007"},

		{"not masked", header(0x81, 0x02, '{', '}'), "close 1002"},
		{"empty and not masked", header(0x81, 0x00), "close 1002"},
		{"ping not masked", header(0x89, 0x00), "close 1002"},
		{"close not masked", header(0x88, 0x02, 0x03, 0xe8), "close 1002"},

		{"empty ping", masked(ws.OpPing, true, ""), "pong "},
		{"ping of 125 bytes", masked(ws.OpPing, true, kilo[:125]), "pong " + kilo[:125]},
		{"ping that is no text", masked(ws.OpPing, true, "\x00\xff"), "pong \x00\xff"},
		{"ping of 126 bytes", long(0x89, 126, bits16(126), kilo[:126]), "close 1002"},
		{"pong of 126 bytes", long(0x8a, 126, bits16(126), kilo[:126]), "close 1002"},
		{"close of 126 bytes", long(0x88, 126, bits16(126), "\x03\xe8"+kilo[:124]), "close 1002"},
		{"ping of 2^40 bytes", long(0x89, 127, bits64(1<<40), ""), "close 1002"},
		{"fragmented ping", join(masked(ws.OpPing, false, "p"), masked(ws.OpContinuation, true, "p")), "close 1002"},
		{"fragmented close", masked(ws.OpClose, false, "\x03\xe8"), "close 1002"},
		{"pongs nobody asked for", join(masked(ws.OpPong, true, ""), masked(ws.OpPong, true, "99"), masked(ws.OpPong, true, "-1"), masked(ws.OpPong, true, "x")), ""},

		{"1,000 bytes", masked(ws.OpText, true, padded(1000)), ""},
		{"1,001 bytes", masked(ws.OpText, true, padded(1001)), "close 1009"},
		{"1,001 bytes in fragments", join(masked(ws.OpText, false, kilo[:600]), ping, masked(ws.OpContinuation, true, kilo[:401])), "pong p, close 1009"},
		{"2^40 bytes", long(0x81, 127, bits64(1<<40), ""), "close 1009"},
		{"2^63 - 1 bytes", long(0x81, 127, bits64(1<<63-1), ""), "close 1009"},
		{"2^63 bytes", long(0x81, 127, bits64(1<<63), ""), "close 1002"},
		{"2^64 - 1 bytes", long(0x81, 127, bits64(1<<64-1), ""), "close 1002"},
		{"2^63 - 1 bytes more", join(begin, long(0x80, 127, bits64(1<<63-1), "")), "close 1009"},
		{"16-bit length for 125 bytes", long(0x82, 126, bits16(125), kilo[:125]), "close 1002"},
		{"64-bit length for 200 bytes", long(0x82, 127, bits64(200), kilo[:200]), "close 1002"},
		{"64-bit length for nothing", long(0x82, 127, bits64(0), ""), "close 1002"},

		{"close without a code", masked(ws.OpClose, true, ""), "close 1000"},
		{"close with half a code", masked(ws.OpClose, true, "\x03"), "close 1002"},
		{"close with a reason", closing(1001, "bye"), "close 1001"},
		{"close with a long reason", closing(3000, kilo[:123]), "close 3000"},
		{"close with a reason that is no UTF-8", closing(1000, "\xff"), "close 1007"},
		{"close with a reason cut in a code point", closing(1000, "\xf0\x9f\x90"), "close 1007"},
		{"data after close", join(closing(1000, ""), ping, masked(ws.OpText, true, "\xff")), "close 1000"},
		{"close after close", join(closing(1000, ""), closing(4000, "")), "close 1000"},
		{"data after what was wrong", join(end, ping, closing(4000, "")), "close 1002"},
		{"many frames at once", join(bytes.Repeat(join(begin, ping, end), 300), closing(1000, "")), strings.Repeat("pong p, ", 300) + "close 1000"},
	}
	for rsv := byte(0x10); rsv <= 0x70; rsv += 0x10 {
		for _, op := range []byte{0x00, 0x01, 0x02, 0x08, 0x09, 0x0a} {
			cases = append(cases, socketCase{fmt.Sprintf("reserved bits %x on %x", rsv>>4, op), header(0x80|rsv|op, 0x80, 0, 0, 0, 0), "close 1002"})
		}
	}
	for op := byte(0); op < 16; op++ {
		if op >= 0x3 && op <= 0x7 || op >= 0xb {
			cases = append(cases, socketCase{fmt.Sprintf("opcode %x", op), header(0x80|op, 0x80, 0, 0, 0, 0), "close 1002"})
		}
	}
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		cases = append(cases, socketCase{fmt.Sprintf("close with %d", code), closing(code, ""), "close 1002"})
	}
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		cases = append(cases, socketCase{fmt.Sprintf("close with %d", code), closing(code, ""), fmt.Sprintf("close %d", code)})
	}
	return cases
}

// padded is a message of n bytes that nobody answers.
func padded(n int) string { return ignoredText + strings.Repeat(" ", n-len(ignoredText)) }

// TestRFC6455 sends every case over TCP to a server, on sockets of both
// versions, at once and in pieces.
func TestRFC6455(t *testing.T) {
	h := newHouse(t, Config{Limits: Limits{FrameBytes: 1000}}, nil)
	other := h.begin("other")
	ways := []struct {
		name  string
		write func(c *client, in []byte)
	}{
		{"at once", func(c *client, in []byte) { _, _ = c.conn.Write(in) }},
		{"by the byte", func(c *client, in []byte) {
			for i := range in {
				_, _ = c.conn.Write(in[i : i+1]) // the server may have closed
			}
		}},
	}
	for _, tt := range socketCases() {
		for _, v := range []version{version1, version2} {
			for _, way := range ways {
				if way.name == "by the byte" && len(tt.in) > 300 {
					continue
				}
				c := h.open("s1", v)
				way.write(c, tt.in)
				if got := c.verdict(); got != tt.want {
					t.Errorf("%s, version %d, %s: got %q, want %q", tt.name, v, way.name, got, tt.want)
				}
				_ = c.conn.Close()
			}
		}
	}
	other.barrier()
	_ = other.conn.Close()
	h.awaitSockets(0)
}

// open dials and, in version 2, has the stream started: everything that comes
// before is read.
func (h *house) open(session string, v version) *client {
	h.t.Helper()
	if v == version2 {
		return h.begin(session)
	}
	return h.dial(session, v)
}

// verdict reads what the server answers up to its close frame, or up to the
// answer to a last ping.
func (c *client) verdict() string {
	c.t.Helper()
	const last = "still there?"
	_, _ = c.conn.Write(masked(ws.OpPing, true, last)) // fails where the server has closed
	var got []string
	timer := time.After(waitMost)
	for {
		select {
		case <-timer:
			return strings.Join(append(got, "silence"), ", ")
		case f, ok := <-c.frames:
			switch {
			case !ok:
				return strings.Join(append(got, "end"), ", ")
			case f.Header.Masked || f.Header.Rsv != 0 || !f.Header.Fin:
				c.t.Errorf("a server may not send %+v", f.Header)
			case f.Header.OpCode == ws.OpPong && string(f.Payload) == last:
				return strings.Join(got, ", ")
			case f.Header.OpCode == ws.OpPong:
				got = append(got, "pong "+string(f.Payload))
			case f.Header.OpCode == ws.OpClose:
				code, _ := ws.ParseCloseFrameData(f.Payload)
				return strings.Join(append(got, fmt.Sprintf("close %d", code)), ", ")
			}
		}
	}
}

// TestNothingAfterTheClose: what a client sends after the server's close frame
// is not listened to, but for its answer.
func TestNothingAfterTheClose(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	first := h.begin("s1")
	second := h.begin("s1")
	first.expectClose(wire.CloseReplaced)
	for _, in := range [][]byte{
		masked(ws.OpPing, true, "p"), masked(ws.OpText, true, `{"type":"subscribe","id":1,"url":"/a"}`),
		masked(ws.OpBinary, true, "x"), masked(ws.OpText, true, "no JSON"), closing(wire.CloseReplaced, ""),
	} {
		if _, err := first.conn.Write(in); err != nil {
			t.Fatal(err)
		}
	}
	for f := range first.frames {
		t.Errorf("after the close frame: %+v %s", f.Header, f.Payload)
	}
	h.awaitSockets(1)
	if frames := second.barrier(); slices.ContainsFunc(frames, func(f frame) bool { return f.Type == "subscribed" }) || h.worker.asks() != 0 {
		t.Errorf("a replaced socket has subscribed: %v", frames)
	}
}
