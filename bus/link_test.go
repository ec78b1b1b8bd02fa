package bus_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/bus/bustest"
)

// TestLinkLaw: whatever the bus does, everything sent is handed on exactly
// once and in order, both ways, the last one too.
func TestLinkLaw(t *testing.T) {
	const count = 1500
	for _, rate := range []float64{0, 0.01, 0.1, 0.3} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("rate %v seed %d", rate, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := bustest.Faulty(bus.New(), seed, rate)
					a, z := open(t, b, "a", nil), open(t, b, "z", nil)
					for n := 1; n <= count; n++ {
						a.send(t, "z", strconv.Itoa(n))
						if n%3 == 0 {
							z.send(t, "a", strconv.Itoa(n/3))
						}
						if n%100 == 0 {
							pass(time.Duration(n%7) * time.Millisecond)
						}
					}
					pass(30 * time.Second)
					wants(t, "a", a.heard(), lines("z", 1, count/3)...)
					wants(t, "z", z.heard(), lines("a", 1, count)...)
				})
			})
		}
	}
}

// TestLinkTail: one lost message is found though nothing follows it.
func TestLinkTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &cut{Bus: bus.New()}
		a, z := open(t, b, "a", nil), open(t, b, "z", nil)
		synctest.Wait() // both have joined
		a.send(t, "z", "1")
		synctest.Wait()
		b.lose("z", true)
		a.send(t, "z", "2")
		synctest.Wait()
		b.lose("z", false)
		pass(21 * time.Millisecond)
		synctest.Wait()
		wants(t, "z", z.heard(), "a: 1", "a: 2")
	})
}

// TestLinkFirstContact: the first messages wait for no clock.
func TestLinkFirstContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bus.New()
		a, z := open(t, b, "a", nil), open(t, b, "z", nil)
		synctest.Wait()
		for n := 1; n <= 100; n++ {
			a.send(t, "z", strconv.Itoa(n))
		}
		z.send(t, "a", "1")
		synctest.Wait()
		wants(t, "z", z.heard(), lines("a", 1, 100)...)
		wants(t, "a", a.heard(), "z: 1")
	})
}

// TestLinkFormerLife: what a run of a peer sent is ignored once the next one
// is known.
func TestLinkFormerLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &replay{Bus: bus.New(), to: "a"}
		a, z := open(t, b, "a", nil), open(t, b, "z", nil)
		synctest.Wait() // both have joined
		a.send(t, "z", "1")
		z.send(t, "a", "1")
		synctest.Wait()
		z.stop()
		z = open(t, b, "z", nil)
		z.send(t, "a", "2")
		pass(time.Second)
		b.again(t)
		pass(time.Second)
		z.send(t, "a", "3")
		pass(time.Second)
		wants(t, "a", a.heard(), "z: 1", "lost z", "z: 2", "z: 3")
	})
}

// TestLinkIdle: two members with nothing to say send a heartbeat each second.
func TestLinkIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &cut{Bus: bus.New()}
		a, _ := open(t, b, "a", nil), open(t, b, "z", nil)
		a.send(t, "z", "1")
		pass(5500 * time.Millisecond)
		b.sent()
		pass(100 * time.Second)
		if n := b.sent(); n < 198 || n > 204 {
			t.Errorf("%d messages in 100 s, want one a second from each side", n)
		}
		wants(t, "a", a.heard())
	})
}

// TestLinkCost: without loss there is little more than the messages themselves.
func TestLinkCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &cut{Bus: bus.New()}
		a, z := open(t, b, "a", nil), open(t, b, "z", nil)
		a.send(t, "z", "0")
		pass(time.Second)
		b.sent()
		const count = 6400
		for n := 1; n <= count; n++ {
			a.send(t, "z", strconv.Itoa(n))
		}
		synctest.Wait()
		if n := b.sent() - count; n < count/64-1 || n > count/64+1 {
			t.Errorf("%d messages beside the %d sent, want one for each 64", n, count)
		}
		wants(t, "z", z.heard(), lines("a", 0, count)...)
	})
}

// TestLinkRestart: a peer's next life is a loss, and then a clean stream.
func TestLinkRestart(t *testing.T) {
	for _, rate := range []float64{0, 0.1, 0.3} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := bustest.Faulty(bus.New(), 7, rate)
				a, z := open(t, b, "a", nil), open(t, b, "z", nil)
				for n := 1; n <= 50; n++ {
					a.send(t, "z", strconv.Itoa(n))
					z.send(t, "a", strconv.Itoa(n))
				}
				pass(10 * time.Second)
				wants(t, "a", a.heard(), lines("z", 1, 50)...)
				z.stop()
				a.send(t, "z", "to nobody")

				z = open(t, b, "z", nil)
				a.onEvent(func(event string) {
					if event == "lost z" {
						a.send(t, "z", "anew")
					}
				})
				pass(10 * time.Second)
				wants(t, "a", a.heard(), "lost z")
				wants(t, "z", z.heard(), "a: anew")
				for n := 1; n <= 50; n++ {
					a.send(t, "z", strconv.Itoa(n))
					z.send(t, "a", strconv.Itoa(n))
				}
				pass(10 * time.Second)
				wants(t, "a", a.heard(), lines("z", 1, 50)...)
				wants(t, "z", z.heard(), lines("a", 1, 50)...)
			})
		})
	}
}

// TestLinkOverflow: what a peer did not take in time is lost on both sides, in
// order with what follows.
func TestLinkOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &cut{Bus: bus.New()}
		small := func(cfg *bus.LinkConfig) { cfg.Log = 10 }
		a, z := open(t, b, "a", small), open(t, b, "z", small)
		a.send(t, "z", "1")
		z.send(t, "a", "1")
		pass(time.Second)
		b.lose("z", true)
		for n := 2; n <= 13; n++ {
			a.send(t, "z", strconv.Itoa(n))
		}
		pass(time.Second)
		b.lose("z", false)
		pass(2 * time.Second)
		a.send(t, "z", "14")
		z.send(t, "a", "2")
		pass(time.Second)
		wants(t, "a", a.heard(), "z: 1", "lost z", "z: 2")
		wants(t, "z", z.heard(), "a: 1", "lost a", "a: 12", "a: 13", "a: 14")
	})
}

// TestLinkGone: a peer that is silent is forgotten; when it is heard again both
// sides begin anew.
func TestLinkGone(t *testing.T) {
	for _, both := range []bool{true, false} {
		t.Run(fmt.Sprintf("both ways cut %v", both), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &cut{Bus: bus.New()}
				a, z := open(t, b, "a", nil), open(t, b, "z", nil)
				a.send(t, "z", "1")
				z.send(t, "a", "1")
				pass(time.Minute)
				wants(t, "a", a.heard(), "z: 1")
				wants(t, "z", z.heard(), "a: 1")

				b.lose("z", true)
				b.lose("a", both)
				pass(17 * time.Second)
				wants(t, "z", z.heard(), "gone a")
				if both {
					wants(t, "a", a.heard(), "gone z")
				} else {
					wants(t, "a", a.heard())
				}

				b.lose("z", false)
				b.lose("a", false)
				pass(5 * time.Second)
				a.send(t, "z", "2")
				pass(time.Second)
				z.send(t, "a", "2")
				pass(time.Second)
				wants(t, "z", z.heard(), "a: 2")
				if both {
					wants(t, "a", a.heard(), "z: 2")
				} else {
					wants(t, "a", a.heard(), "lost z", "z: 2")
				}
			})
		})
	}
}

// TestLinkNobody: what is sent to nobody ends in Gone, and costs little.
func TestLinkNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &cut{Bus: bus.New()}
		a := open(t, b, "a", nil)
		for n := range 1000 {
			a.send(t, "nobody", strconv.Itoa(n))
		}
		pass(20 * time.Second)
		wants(t, "a", a.heard(), "gone nobody")
		if n := b.sent(); n > 40 {
			t.Errorf("%d messages to nobody", n)
		}
	})
}

// TestLinkLateStart: what is sent before the receiver runs arrives.
func TestLinkLateStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bus.New()
		a := open(t, b, "a", nil)
		for n := 1; n <= 100; n++ {
			a.send(t, "z", strconv.Itoa(n))
		}
		pass(3 * time.Second)
		z := open(t, b, "z", nil)
		pass(time.Second)
		wants(t, "z", z.heard(), lines("a", 1, 100)...)
		wants(t, "a", a.heard())
	})
}

// TestLinkReply: a callback may send.
func TestLinkReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bustest.Faulty(bus.New(), 3, 0.05)
		var a, z *station
		z = open(t, b, "z", nil)
		a = open(t, b, "a", nil)
		z.onEvent(func(string) { z.send(t, "a", "pong") })
		left := 200
		a.onEvent(func(string) {
			if left--; left > 0 {
				a.send(t, "z", "ping")
			}
		})
		a.send(t, "z", "ping")
		pass(time.Minute)
		if n := len(a.heard()); n != 200 {
			t.Errorf("%d replies, want 200", n)
		}
	})
}

// TestLinkSenders: many goroutines may send; what each sends stays in order.
func TestLinkSenders(t *testing.T) {
	const senders, each = 8, 500
	synctest.Test(t, func(t *testing.T) {
		b := bustest.Faulty(bus.New(), 5, 0.02)
		a, z := open(t, b, "a", nil), open(t, b, "z", nil)
		var all sync.WaitGroup
		for s := range senders {
			all.Go(func() {
				for n := range each {
					a.send(t, "z", fmt.Sprintf("%d/%d", s, n))
				}
			})
		}
		all.Wait()
		pass(20 * time.Second)
		var next [senders]int
		for _, event := range z.heard() {
			var s, n int
			if _, err := fmt.Sscanf(event, "a: %d/%d", &s, &n); err != nil || next[s] != n {
				t.Fatalf("%s came where number %d was due: %v", event, next[s], err)
			}
			next[s]++
		}
		for s, n := range next {
			if n != each {
				t.Errorf("%d of sender %d came, want %d", n, s, each)
			}
		}
	})
}

func TestLinkRefuses(t *testing.T) {
	if _, err := bus.NewLink(bus.LinkConfig{}); err == nil {
		t.Error("a link without a bus was made")
	}
	b := bus.New()
	a := open(t, b, "a", nil)
	if err := a.link.Send("a", &bus.Leave{}); err == nil {
		t.Error("Send to itself was taken")
	}
	if err := a.link.Send("b", nil); err == nil {
		t.Error("Send of nothing was taken")
	}
	a.stop()
	if err := a.link.Send("b", &bus.Leave{}); !errors.Is(err, bus.ErrStopped) {
		t.Errorf("Send after Run: %v, want ErrStopped", err)
	}
	if err := a.link.Run(context.Background()); err == nil {
		t.Error("Run ran twice")
	}
}
