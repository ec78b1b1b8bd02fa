package worker

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/wire"
)

// as asks with somebody's credentials.
func as(token string) func(*bus.Observe) {
	return func(m *bus.Observe) {
		m.Request.Header = map[string][]string{"Authorization": {token}}
		m.Request.Credentials = "hash of " + token
	}
}

func vouched(m *bus.Observe) { m.Vouched = true }

// tokens adds a view that dead tokens may not see, and notes who saw it last.
func (r *rig) tokens(path string, dead map[string]bool) (last *string) {
	last = new(string)
	r.handle(path, mark.View{Name: path, Key: []string{"id"}}, func(w http.ResponseWriter, q *http.Request) {
		*last = q.Header.Get("Authorization")
		if dead[*last] {
			<-time.After(time.Second) // others ask meanwhile
			http.Error(w, "expired", http.StatusUnauthorized)
			return
		}
		if _, err := r.db.Read(q.Context(), "item"); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte("[]"))
	})
	return last
}

// TestOnesBadCredentialsRefuseNobodyElse: two ask at once, and the first has a
// dead token; later a list is carried by a token that has died.
func TestOnesBadCredentialsRefuseNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		dead := map[string]bool{"bad": true}
		r.tokens("/t", dead)
		bad, good := r.ask("/t", as("bad")), r.ask("/t", as("good"))
		pass(2 * time.Second)
		if a := r.answer(bad); a == nil || a.Response == nil || a.Response.Status != 401 {
			t.Errorf("the bad token got %+v", a)
		}
		if a := r.answer(good); a == nil || a.Snapshot == nil {
			t.Fatalf("the good token got %+v", a)
		}
		dead["good"], dead["bad"] = true, false
		r.put(1)
		again, other := r.ask("/t", as("good")), r.ask("/t", as("bad"))
		pass(3 * time.Second)
		if a := r.answer(other); a == nil || a.Snapshot == nil {
			t.Errorf("the token that is good now got %+v", a)
		}
		if a := r.answer(again); a == nil || a.Response == nil || a.Response.Status != 401 {
			t.Errorf("the dead token got %+v", a)
		}
		if code := r.closed("/t"); code != "" {
			t.Errorf("closed with %s although somebody's credentials are good", code)
		}
	})
}

// TestWhoseCredentialsCarryOn: the newest that are vouched for.
func TestWhoseCredentialsCarryOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		last := r.tokens("/t", nil)
		r.ask("/t", as("one"))
		synctest.Wait()
		pass(2 * provenFor)
		unproven := r.ask("/t", as("two"))
		synctest.Wait()
		if a := r.answer(unproven); a.Snapshot == nil || a.Proven {
			t.Errorf("nobody showed the list to two, but %+v", a)
		}
		r.put(1)
		synctest.Wait()
		if *last != "one" {
			t.Errorf("evaluated as %s, want one: nobody vouched for two", *last)
		}
		r.ask("/t", as("two"), vouched)
		synctest.Wait()
		r.put(2)
		synctest.Wait()
		if *last != "two" {
			t.Errorf("evaluated as %s, want two", *last)
		}
		own := r.ask("/t", as("two"))
		synctest.Wait()
		if a := r.answer(own); !a.Proven {
			t.Errorf("the view has just answered two, but %+v", a)
		}
		pass(2 * provenFor)
		late := r.ask("/t", as("two"))
		synctest.Wait()
		if a := r.answer(late); a.Proven {
			t.Errorf("what the view answered %v ago proves nothing", 2*provenFor)
		}
	})
}

func TestAllCredentialsBad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		dead := map[string]bool{}
		r.tokens("/t", dead)
		r.ask("/t", as("one"))
		synctest.Wait()
		dead["one"], dead["two"] = true, true
		r.put(1)
		one, two := r.ask("/t", as("one")), r.ask("/t", as("two"))
		pass(5 * time.Second)
		for _, id := range []uint64{one, two} {
			if a := r.answer(id); a == nil || a.Response == nil {
				t.Errorf("got %+v, want 401", a)
			}
		}
		if code := r.closed("/t"); code != wire.CodePermissionRevoked {
			t.Errorf("closed %q, want %s", code, wire.CodePermissionRevoked)
		}
	})
}
