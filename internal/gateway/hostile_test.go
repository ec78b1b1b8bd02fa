package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/wire"
)

// hostileFrame is a message of a version 2 client, and what it is answered:
// "error <code>", "closed <code>", "close <code>", or nothing.
type hostileFrame struct{ name, text, want string }

func hostileFrames() []hostileFrame {
	deep := func(open, end string, n int) string { return strings.Repeat(open, n) + strings.Repeat(end, n) }
	return []hostileFrame{
		{"nothing", "", "close 4400"},
		{"spaces", "   ", "close 4400"},
		{"half an object", `{"type":"ping"`, "close 4400"},
		{"two objects", `{"type":"ping"} {"type":"ping"}`, "close 4400"},
		{"NUL", "\x00", "close 4400"},
		{"byte order mark", "\ufeff" + `{"type":"ping"}`, "close 4400"},
		{"no type", `{}`, "close 4400"},
		{"null type", `{"type":null}`, "close 4400"},
		{"type that is no string", `{"type":{"a":1}}`, "close 4400"},
		{"unknown type", `{"type":"` + strings.Repeat("x", 10_000) + `","id":1}`, ""},
		{"nested lists", deep("[", "]", 30_000), "close 4400"},
		{"nested objects", `{"type":"ping","x":` + deep(`{"a":`, "", 10_000) + "1" + strings.Repeat("}", 10_000) + "}", "close 4400"},
		{"nested url", `{"type":"subscribe","id":1,"url":` + deep("[", "]", 9_000) + `}`, "error bad_request"},

		{"id that is a list", `{"type":"subscribe","id":[1],"url":"/a"}`, "close 4400"},
		{"id that is long", `{"type":"subscribe","id":"` + strings.Repeat("x", 200) + `","url":"/a"}`, "close 4400"},
		{"huge id", `{"type":"ping","id":1e999999999}`, "pong"},
		{"lone surrogate in an id", `{"type":"ping","id":"\ud800"}`, "pong"},
		{"doubled members", `{"type":"subscribe","type":"ping","id":7,"id":8}`, "pong"},

		{"huge sequence number", `{"type":"subscribe","id":1,"url":"/a","since":{"epoch":"e","seq":1e400}}`, "error bad_request"},
		{"negative sequence number", `{"type":"subscribe","id":1,"url":"/a","since":{"epoch":"e","seq":-1}}`, "error bad_request"},
		{"fraction", `{"type":"subscribe","id":1,"url":"/a","since":{"epoch":"e","seq":0.5}}`, "error bad_request"},
		{"largest sequence number", `{"type":"subscribe","id":1,"url":"/a","since":{"epoch":"e","seq":18446744073709551615}}`, "subscribed"},
		{"larger", `{"type":"subscribe","id":1,"url":"/a","since":{"epoch":"e","seq":18446744073709551616}}`, "error bad_request"},
		{"resume that is huge", `{"type":"resume","id":1,"observers":{"x":{"epoch":"e","seq":18446744073709551615,"url":"/a"}}}`, "subscribed"},
		{"resume of a list", `{"type":"resume","id":1,"observers":[]}`, "error bad_request"},
		{"resume without an address", `{"type":"resume","id":1,"observers":{"x":{}}}`, "closed unknown_observer"},
		{"resume of another host", `{"type":"resume","id":1,"observers":{"x":{"url":"http://evil/a"}}}`, "closed unknown_observer"},

		{"no url", `{"type":"subscribe","id":1}`, "error bad_request"},
		{"no path", `{"type":"subscribe","id":1,"url":"a"}`, "error bad_request"},
		{"absolute url", `{"type":"subscribe","id":1,"url":"http://h/a"}`, "error bad_request"},
		{"another host", `{"type":"subscribe","id":1,"url":"//evil/a"}`, "error bad_request"},
		{"script", `{"type":"subscribe","id":1,"url":"javascript:alert(1)"}`, "error bad_request"},
		{"NUL in the url", `{"type":"subscribe","id":1,"url":"/a\u0000"}`, "error bad_request"},
		{"newline in the url", `{"type":"subscribe","id":1,"url":"/a HTTP/1.1\r\nX: y"}`, "error bad_request"},
		{"newline in the query", `{"type":"subscribe","id":1,"url":"/a?x=\n"}`, "error bad_request"},
		{"fragment", `{"type":"subscribe","id":1,"url":"/a#b"}`, "error bad_request"},
		{"half a percent", `{"type":"subscribe","id":1,"url":"/a%"}`, "error bad_request"},
		{"path of dots", `{"type":"subscribe","id":1,"url":"/../a"}`, "error not_observable"},
		{"no such route", `{"type":"subscribe","id":1,"url":"/` + strings.Repeat("x", 60_000) + `"}`, "error not_observable"},
		{"the socket itself", `{"type":"subscribe","id":1,"url":"/ws/s1"}`, "error not_observable"},
		{"lone surrogate in the url", `{"type":"subscribe","id":1,"url":"/a?x=\udfff"}`, "subscribed"},

		{"header with a newline", `{"type":"subscribe","id":1,"url":"/a","headers":{"Accept":"x\r\nAuthorization: Bearer root"}}`, "error bad_request"},
		{"header with NUL", `{"type":"subscribe","id":1,"url":"/a","headers":{"Accept":"\u0000"}}`, "error bad_request"},
		{"header name with a newline", `{"type":"subscribe","id":1,"url":"/a","headers":{"Accept\r\nCookie":"x"}}`, "error bad_request"},
		{"header twice", `{"type":"subscribe","id":1,"url":"/a","headers":{"accept":"x","ACCEPT":"y"}}`, "error bad_request"},
		{"credentials", `{"type":"subscribe","id":1,"url":"/a","headers":{"Authorization":"Bearer root"}}`, "error bad_request"},
		{"cookie", `{"type":"subscribe","id":1,"url":"/a","headers":{"cookie":"a=b"}}`, "error bad_request"},
		{"host", `{"type":"subscribe","id":1,"url":"/a","headers":{"Host":"evil"}}`, "error bad_request"},
		{"header that is a list", `{"type":"subscribe","id":1,"url":"/a","headers":{"Accept":["x"]}}`, "error bad_request"},

		{"unsubscribe of nothing", `{"type":"unsubscribe","observer":""}`, "close 4400"},
		{"unsubscribe of what is not followed", `{"type":"unsubscribe","observer":"` + strings.Repeat("x", 60_000) + `"}`, ""},
		{"empty token", `{"type":"authenticate","token":""}`, "close 4400"},
		{"token with a newline", `{"type":"authenticate","token":"x\r\nCookie: a=b"}`, "close 4400"},
	}
}

// TestHostileMessages: each has its answer, and a client that follows beside it
// goes on.
func TestHostileMessages(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	other := h.begin("other")
	for _, tt := range hostileFrames() {
		t.Run(tt.name, func(t *testing.T) {
			c := h.begin("s1")
			c.say("%s", tt.text)
			c.say(`{"type":"ping","id":"last"}`)
			if got := c.answer(tt.want == ""); got != tt.want {
				t.Errorf("answered %q, want %q", got, tt.want)
			}
			_ = c.conn.Close()
		})
	}
	other.barrier()
	_ = other.conn.Close()
	h.awaitSockets(0)
}

// answer is the first answer to a message; silent says that the one to the
// ping behind it ends the wait.
func (c *client) answer(silent bool) string {
	c.t.Helper()
	for {
		raw, err := c.readFrame(waitMost)
		if closed, ok := err.(*closedError); ok {
			return "close " + string(appendCode(nil, closed.code))
		}
		if err != nil {
			return err.Error()
		}
		text := string(raw)
		switch {
		case strings.Contains(text, `"type":"pong"`):
			switch last := strings.Contains(text, `"last"`); {
			case !last:
				return "pong"
			case silent:
				return ""
			}
		case strings.Contains(text, `"type":"subscribed"`):
			return "subscribed"
		case strings.Contains(text, `"type":"error"`):
			return "error " + member(text, "code")
		case strings.Contains(text, `"type":"closed"`):
			return "closed " + member(text, "code")
		}
	}
}

// member is the value of a member that is a string.
func member(text, name string) string {
	_, rest, _ := strings.Cut(text, `"`+name+`":"`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// TestHostileQueries: what HTTP lets through to observe is a session id or is
// refused, and a view sees what a plain GET would have given to it.
func TestHostileQueries(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	tests := map[string]int{
		"observe=%00":                           400,
		"observe=s1%0d%0aX:%20y":                400,
		"observe=%zz":                           400,
		"observe=s1%":                           400,
		"observe=../s1":                         400,
		"observe=%ff":                           400,
		"observe=s+1":                           400,
		"observe=" + strings.Repeat("%41", 101): 400,
		"observe=" + strings.Repeat("%41", 100): 200,
		"observe=%73%31":                        200,
		"%6fbserve=s1":                          200,
		"observe=s1&observe=%00":                200, // the first counts
		"observe=%00&observe=s1":                400,
		"x=%zz&observe=s1":                      200,
		"&&&observe=s1&&&":                      200,
	}
	for query, want := range tests {
		c := h.rawDial()
		resp := c.send([]string{"GET /a?" + query + " HTTP/1.1", "Host: h"})
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", query, resp.StatusCode, want)
		}
		_ = resp.Body.Close()
	}
	for _, asked := range h.worker.asked {
		if strings.Contains(asked.Request.URL, "observe") {
			t.Errorf("the view is asked for %s", asked.Request.URL)
		}
	}
}

// TestHostileUnsubscribe answers what names nothing.
func TestHostileUnsubscribe(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	e := h.observe("/a", "s1")
	for query, want := range map[string]int{
		"observer=%00&subscriber=%00":                                         http.StatusOK,
		"observer=" + e.Observer + "&subscriber=" + strings.Repeat("x", 5000): http.StatusOK,
		"observer=" + strings.Repeat("x", 5000) + "&subscriber=s1":            http.StatusOK,
		"observer=%zz&subscriber=s1":                                          http.StatusBadRequest,
		"observer=&subscriber=s1":                                             http.StatusBadRequest,
	} {
		if resp, body := h.do("POST", "/api/queryobserver/unsubscribe?"+query); resp.StatusCode != want {
			t.Errorf("%.80s: %d %s, want %d", query, resp.StatusCode, body, want)
		}
	}
	if n := h.gw.Status().Subscriptions; n != 1 {
		t.Errorf("%d subscriptions, want the one that was not named", n)
	}
}

// TestHostileBinary: version 2 has no binary messages; version 1 clients say
// nothing, and whatever they say is nothing.
func TestHostileBinary(t *testing.T) {
	h := newHouse(t, Config{}, nil)
	c := h.begin("s1")
	c.write(ws.OpBinary, []byte(`{"type":"ping"}`))
	c.expectClose(wire.CloseBadRequest)
	one := h.dial("s2", version1)
	for _, tt := range hostileFrames() {
		one.say("%s", tt.text)
		one.write(ws.OpBinary, []byte(tt.text+"\xff"))
	}
	if got := one.verdict(); got != "" {
		t.Errorf("version 1 answered %q", got)
	}
}
