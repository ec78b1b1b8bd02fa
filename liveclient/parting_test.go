package liveclient_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/liveclient"
)

// TestUnsubscribeIsNotOvertaken: over events what is asked for and what is left
// are requests, and a network may turn their order. A list that is asked for
// again while it is being left is followed.
func TestUnsubscribeIsNotOvertaken(t *testing.T) {
	leaving, overtaken := make(chan struct{}), make(chan struct{})
	var left, asked sync.Once
	w := newWorld(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && strings.Contains(r.URL.Path, "unsubscribe") {
				left.Do(func() { close(leaving) })
				select {
				case <-overtaken:
				case <-time.After(100 * time.Millisecond): // a slow network: long enough for a request that is not held back
				}
			}
			next.ServeHTTP(rw, r)
			if r.URL.Query().Has("observe") {
				select {
				case <-leaving:
					asked.Do(func() { close(overtaken) })
				default:
				}
			}
		})
	})
	client := w.client(liveclient.Config{Transport: liveclient.Events})
	first := liveclient.Live[post](client, "/posts?author=7")
	until(t, first, "its beginning", live)
	first.Close()
	<-leaving
	again := liveclient.Live[post](client, "/posts?author=7")
	until(t, again, "its second beginning", live)
	w.exec(`INSERT INTO post VALUES (1, 7, 'a')`)
	until(t, again, "the insert", func(s liveclient.State[post]) bool { return titles(s.Items) == "a" })
}

// TestUnsubscribeWithoutAnswer: one that nobody answers may be carried out at any
// time, here after the list was asked for again. The session is not gone on with.
func TestUnsubscribeWithoutAnswer(t *testing.T) {
	for _, failing := range []string{"the connection breaks", "a proxy gives up", "everything is cut"} {
		t.Run(failing, func(t *testing.T) {
			var mu sync.Mutex
			var late *http.Request
			leaving := make(chan struct{})
			var handler http.Handler
			w := newWorld(t, func(next http.Handler) http.Handler {
				handler = next
				return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					mu.Lock()
					stopped := late == nil && r.Method == http.MethodPost && strings.Contains(r.URL.Path, "unsubscribe")
					if stopped {
						late = r.Clone(t.Context())
					}
					mu.Unlock()
					switch {
					case !stopped:
						next.ServeHTTP(rw, r)
						return
					case failing == "a proxy gives up":
						rw.WriteHeader(http.StatusGatewayTimeout)
					case failing == "everything is cut":
						close(leaving)
						<-r.Context().Done()
					}
					if failing != "a proxy gives up" {
						panic(http.ErrAbortHandler)
					}
				})
			})
			client := w.client(liveclient.Config{Transport: liveclient.Events})
			other := liveclient.Live[post](client, "/posts?author=8")
			first := liveclient.Live[post](client, "/posts?author=7")
			until(t, other, "its beginning", live)
			until(t, first, "its beginning", live)
			first.Close()
			if failing == "everything is cut" {
				<-leaving
				w.wires.cut()
			}
			again := liveclient.Live[post](client, "/posts?author=7")
			until(t, again, "its second beginning", live)
			mu.Lock()
			handler.ServeHTTP(discard{}, late)
			mu.Unlock()
			w.exec(`INSERT INTO post VALUES (1, 7, 'a'), (2, 8, 'b')`)
			until(t, again, "the insert", func(s liveclient.State[post]) bool { return titles(s.Items) == "a" })
			until(t, other, "the insert", func(s liveclient.State[post]) bool { return titles(s.Items) == "b" })
		})
	}
}

// discard is an answer that nobody hears.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
