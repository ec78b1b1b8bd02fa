package follow_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/wakeful-dev/wakeful/internal/follow"
)

// TestClientForgetsWhatItHeld: what a client held for a list is older than the
// answer to a subscribe for it.
func TestClientForgetsWhatItHeld(t *testing.T) {
	s := newServer(t)
	s.answer("/items", answer(5))
	s.answer("/other", `{"observer":"x","items":[],"primary_key":"id","epoch":"x","seq":0,"position":"history00000000000000007"}`)
	release := make(chan struct{})
	client := follow.NewClient(follow.Config{Server: s.URL, Session: "s", Transport: transport(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/other" {
			<-release
		}
		return http.DefaultTransport.RoundTrip(r)
	})})
	l, err := client.Get(within(t), "/items")
	if err != nil {
		t.Fatal(err)
	}
	p := s.connect(client, "o")
	other := make(chan error)
	go func() {
		_, err := client.Get(within(t), "/other")
		other <- err
	}()
	if err := client.Wait(within(t), func(v follow.View) bool { return v.Waiting() == 1 }); err != nil {
		t.Fatal(err)
	}
	p.say(changes(6, `{"op":"removed","key":"1"}`), `{"type":"closed","observer":"o","code":"scope_changed","detail":"observe again"}`)
	p.say(changes(7, `{"op":"removed","key":"2"}`), // of another subscription, which the answer follows
		fmt.Sprintf(`{"type":"subscribed","id":%q,"observer":"o","epoch":"e","seq":7,"primary_key":"id"}`, p.hear()["id"]),
		`{"type":"snapshot","observer":"o","epoch":"e","seq":8,"position":"history00000000000000008","primary_key":"id","items":[{"id":3,"v":"c"}],"reason":"subscribe"}`)
	if err := client.Wait(within(t), func(follow.View) bool { return l.Seq == 8 }); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := <-other; err != nil {
		t.Fatal(err)
	}
	p.say(changes(9, `{"op":"removed","key":"3"}`))
	if err := client.Wait(within(t), func(follow.View) bool { return l.Seq == 9 && !l.Ended }); err != nil {
		t.Fatalf("%v: it holds %q, ended: %t", err, list(l), l.Ended)
	}
	if faults := client.Faults(); faults != nil {
		t.Error(faults)
	}
}
