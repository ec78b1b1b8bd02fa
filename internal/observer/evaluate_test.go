package observer

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/internal/mark"
)

// TestEvaluationAsksForThePlainWholeResult: headers that would make the app
// answer with anything else are taken off, all others are sent, and the request
// is marked as an evaluation.
func TestEvaluationAsksForThePlainWholeResult(t *testing.T) {
	header := map[string][]string{"Accept": {"application/json"}, "Accept-Language": {"sl", "en"}, "Authorization": {"Bearer x"}, "Cookie": {"a=b"}, "X-Tenant": {"7"}}
	off := []string{"Accept-Encoding", "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
		"Connection", "Upgrade", "Prefer", "Expect", "Te", "Wakeful-Position"}
	sent := map[string][]string{}
	for name, values := range header {
		sent[name] = values
	}
	for _, name := range off {
		sent[name] = []string{"x"}
	}
	var got *http.Request
	outcome := Run(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("Set-Cookie", "session=new")
		_, _ = w.Write([]byte(`[]`))
	}), &bus.Request{URL: "/posts?author=7", Host: "h", RemoteAddr: "192.0.2.1:5", TLS: true, Header: sent}, nil, time.Minute)
	if outcome.Status != 200 || got == nil {
		t.Fatalf("outcome %+v", outcome)
	}
	if want := http.Header(header); fmt.Sprint(got.Header) != fmt.Sprint(want) {
		t.Errorf("the app is sent %v, want %v", got.Header, want)
	}
	if got.Method != "GET" || got.Host != "h" || got.RequestURI != "/posts?author=7" || got.RemoteAddr != "192.0.2.1:5" || got.TLS == nil {
		t.Errorf("the app is sent %+v", got)
	}
	if m := mark.From(got.Context()); m == nil || !m.Evaluating {
		t.Error("the request is not marked as an evaluation")
	}
	if len(sent) != len(header)+len(off) {
		t.Error("the observer's own request was altered")
	}
}
