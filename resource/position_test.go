package resource_test

import (
	"net/http"
	"testing"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/wakefultest"
)

// TestWritesAreSeen: a list that is followed shows what was written, and the
// answer of a write says from which position on.
func TestWritesAreSeen(t *testing.T) {
	db, source := ruled(t)
	seats := make1(t, whole(db, source, "seats"))
	mux := http.NewServeMux()
	seats.Mount(mux, "/seats")
	live, err := wakeful.New(wakeful.Config{Source: source})
	if err != nil {
		t.Fatal(err)
	}
	list := wakefultest.Observe(t, live, mux, "/seats?hall=x")
	h := live.Wrap(mux)
	var last string
	for _, c := range []struct{ method, target, body, want string }{
		{"POST", "/seats", `{"hall": "x", "seat": 1}`, `[{"hall":"x","seat":1,"taken":false,"_key":"x,1"}]`},
		{"PATCH", "/seats/x,1", `{"taken": true}`, `[{"hall":"x","seat":1,"taken":true,"_key":"x,1"}]`},
		{"DELETE", "/seats/x,1", ``, `[]`},
	} {
		a := send(t, h, c.method, c.target, c.body)
		position := a.header.Get(wakeful.PositionHeader)
		if a.status >= 300 || position <= last {
			t.Errorf("%s: %d %s, position %q after %q", c.method, a.status, a.body, position, last)
		}
		last = position
		list.WaitEqual(t, c.want)
	}
	if a := send(t, h, "PATCH", "/seats/a%2Cb,1", `{}`); a.header.Get(wakeful.PositionHeader) != "" {
		t.Error("what wrote nothing has a position")
	}
}
