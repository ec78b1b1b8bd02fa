package gateway

import (
	"strconv"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful/wire"
)

// drainPause is the longest time between two sockets that a shutdown closes: a
// few are not kept waiting for the whole of Config.Drain.
const drainPause = 10 * time.Millisecond

// drain closes every socket, one after the other over Config.Drain, and asks
// each client to come back when the drain is over, each after its share of as
// much time again. Whoever is not closed yet is served on; new sockets,
// sessions and lists are refused. It waits for what it ends, but not for
// handlers of the app that heed no context.
func (g *Gateway) drain(tick <-chan time.Time) {
	g.mu.Lock()
	if !g.closing {
		g.closing = true
		close(g.leaving)
	}
	sockets := make([]*socket, 0, len(g.sockets))
	for c := range g.sockets {
		sockets = append(sockets, c)
	}
	g.mu.Unlock()
	began := time.Now()
	pause := min(g.Drain/time.Duration(max(len(sockets), 1)), drainPause)
	whole := pause * time.Duration(len(sockets))
	for i, c := range sockets {
		g.idle(began.Add(pause*time.Duration(i)), tick)
		share := g.Drain * time.Duration(i+1) / time.Duration(len(sockets))
		c.close(wire.CloseRestart, restartReason(whole-pause*time.Duration(i)+share))
		c.abort()
	}
	g.awaitReaders()
}

// idle looks after the sessions until a time has come.
func (g *Gateway) idle(until time.Time, tick <-chan time.Time) {
	wait := time.Until(until)
	if wait < time.Millisecond {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case now := <-tick:
			g.tick(now)
		}
	}
}

// awaitReaders waits for the goroutines of sockets.
func (g *Gateway) awaitReaders() {
	ended := make(chan struct{})
	go func() {
		g.readers.Wait()
		close(ended)
	}()
	patience := time.NewTimer(closeWait + g.StartWait)
	defer patience.Stop()
	select {
	case <-ended:
	case <-patience.C:
		g.Logger.Warn("requests of sockets have not ended: a handler of the app does not heed its context", "after", closeWait+g.StartWait)
	}
}

// restartReason asks a client to come back after a while.
func restartReason(wait time.Duration) string {
	return "reconnect after " + strconv.FormatInt(wait.Milliseconds(), 10) + " ms"
}

// waitOf is the wait in a reason of restartReason, "" in any other.
func waitOf(reason string) string {
	wait, ok := strings.CutPrefix(reason, "reconnect after ")
	if !ok {
		return ""
	}
	return strings.TrimSuffix(wait, " ms")
}
