package follow_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/internal/follow"
)

// TestClientComesBack: whatever answers its resume that may be otherwise when it
// asks again, the client asks again; and stays away where it may not come.
func TestClientComesBack(t *testing.T) {
	for code, back := range map[string]bool{
		"scope_changed": true, "unknown_observer": true, "unavailable": true,
		"permission_revoked": false, "view_error": false, "cleared": false,
	} {
		t.Run(code, func(t *testing.T) {
			s := newServer(t)
			s.answer("/items", answer(5))
			client := follow.NewClient(follow.Config{Server: s.URL, Session: "s"})
			l, err := client.Get(within(t), "/items")
			if err != nil {
				t.Fatal(err)
			}
			connected := make(chan error, 1)
			go func() { connected <- client.Connect(within(t)) }()
			p := peer{t, <-s.sockets}
			if err := p.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			p.say(hello)
			p.hear()
			p.say(fmt.Sprintf(`{"type":"closed","observer":"o","code":%q,"detail":"for a test"}`, code))
			if err := <-connected; err != nil {
				t.Fatal(err)
			}
			if !back {
				if err := client.Wait(within(t), func(v follow.View) bool { return l.Ended && v.Waiting() == 0 }); err != nil {
					t.Fatal(err)
				}
				return
			}
			asked := p.hear()
			p.say(fmt.Sprintf(`{"type":"error","id":%q,"code":%q,"detail":"and once more"}`, asked["id"], code))
			if asked = p.hear(); asked["type"] != "subscribe" || asked["url"] != "/items" {
				t.Fatalf("the client said %v", asked)
			}
			p.say(fmt.Sprintf(`{"type":"subscribed","id":%q,"observer":"n","epoch":"f","seq":0,"primary_key":"id"}`, asked["id"]),
				`{"type":"snapshot","observer":"n","epoch":"f","seq":0,"position":"history00000000000000006","primary_key":"id","items":[{"id":3,"v":"c"}],"reason":"subscribe"}`)
			if err := client.Wait(within(t), func(v follow.View) bool { return list(l) == "3=c" && !l.Ended && v.Waiting() == 0 }); err != nil {
				t.Fatalf("%v: holds %s", err, list(l))
			}
			if faults := client.Faults(); faults != nil {
				t.Error(faults)
			}
		})
	}
}

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
