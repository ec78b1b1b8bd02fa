package console

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/source/memsource"
)

// TestNothingIsGatheredUnwatched: while nobody looks the tables stay as they are,
// and the past is remembered all the same, a bounded part of it.
func TestNothingIsGatheredUnwatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := memsource.New(memsource.Config{Tables: []memsource.Table{{Name: "item", Columns: []string{"id"}}}})
		live, err := wakeful.New(wakeful.Config{Source: db})
		if err != nil {
			t.Fatal(err)
		}
		c, err := New(Config{Server: live})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		go func() { ended <- live.Run(ctx) }()
		go func() { ended <- c.Run(ctx) }()
		wait := func(d time.Duration) {
			timer := time.NewTimer(d)
			<-timer.C
			synctest.Wait()
		}
		wait(10 * time.Minute)
		at := c.db.Position()
		if n := len(c.past.seconds); n != maxSeconds {
			t.Errorf("%d seconds are remembered", n)
		}
		if rows, err := c.db.Read(ctx, "server"); err != nil || len(rows) != 0 {
			t.Errorf("somebody has looked: %v %v", rows, err)
		}
		r := httptest.NewRequest(http.MethodGet, "http://localhost/console/api/server", nil)
		r.RemoteAddr = "127.0.0.1:1"
		w := httptest.NewRecorder()
		if c.ServeHTTP(w, r); w.Code != http.StatusOK || c.db.Position() == at {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		at = c.db.Position()
		wait(time.Minute)
		if c.db.Position() != at {
			t.Error("it is looked on and on, after one request")
		}
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
}

// TestPast: seconds are added up, and a clock that stands still makes none.
func TestPast(t *testing.T) {
	var p past
	for i := range 1000 {
		p.add(second{ID: int64(i), Changes: 1})
	}
	p.add(second{ID: 999, Changes: 2})
	p.add(second{ID: 5, Changes: 4})
	if n := len(p.seconds); n != maxSeconds || p.seconds[n-1].ID != 999 || p.seconds[n-1].Changes != 7 || p.seconds[0].ID != 700 {
		t.Errorf("%d seconds, %+v … %+v", n, p.seconds[0], p.seconds[n-1])
	}
	if got := p.rates().Changes; got != 1.6 {
		t.Errorf("%v changes a second", got)
	}
	if l := p.latencies(); l.Count != 0 || l.P50 != nil {
		t.Errorf("%+v", l)
	}
}

// TestEndings: they are bounded, and each is good once, for who began it.
func TestEndings(t *testing.T) {
	var e endings
	of := ending{"who", "observer", "1", time.Now().Add(time.Minute)}
	for range 10 * maxEndings {
		e.begin(of)
	}
	if len(e.by) > maxEndings {
		t.Errorf("%d wait", len(e.by))
	}
	other := of
	other.who = "somebody else"
	if e.confirm(e.begin(of), other) {
		t.Error("another has confirmed it")
	}
	token := e.begin(of)
	if !e.confirm(token, of) || e.confirm(token, of) {
		t.Error("it is not good just once")
	}
	late := of
	late.until = time.Now().Add(-time.Second)
	if e.confirm(e.begin(late), of) {
		t.Error("one that is over is good")
	}
}

// TestLoginsAreBounded, and so are those who guess.
func TestLoginsAreBounded(t *testing.T) {
	g := newGuard(&Config{Token: "0123456789abcdef"})
	now := time.Now()
	for i := range 2 * maxLogins {
		g.logIn(now.Add(time.Duration(i) * time.Second))
	}
	if len(g.logins) != maxLogins {
		t.Errorf("%d logins", len(g.logins))
	}
	for i := range 2 * maxGuessers {
		g.failed.add(string(rune('a'+i%26))+time.Duration(i).String(), now)
	}
	if len(g.failed.by) > maxGuessers+1 {
		t.Errorf("%d guessers", len(g.failed.by))
	}
}
