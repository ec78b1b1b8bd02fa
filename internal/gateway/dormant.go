package gateway

import (
	"strconv"
	"sync"
	"time"

	"github.com/wakeful-dev/wakeful/wire"
)

// dormant is what is remembered of a version 1 subscription that nobody keeps
// alive: what it takes to observe the URL again and to repair what the client
// holds. There are no credentials in it.
type dormant struct {
	Observer   string              `json:"observer"`
	Host       string              `json:"host"`
	URL        string              `json:"url"`
	Header     map[string][]string `json:"header,omitempty"`
	PrimaryKey string              `json:"primary_key"`
	KeyType    wire.KeyType        `json:"key_type"`
	Held       []string            `json:"held"` // every key that the client may hold
}

func (g *Gateway) hibernate(*session)                                                  {}
func (g *Gateway) revive(s *session, dormant map[string]*dormant, who *claim, p *peer) {}
func (g *Gateway) loadState(time.Time) error                                           { return nil }
func (g *Gateway) saveState(time.Time) error                                           { return nil }

// restartReason asks a client to come back after its share of the spread.
func restartReason(spread time.Duration, i, n int) string {
	wait := spread * time.Duration(i+1) / time.Duration(n)
	return "retry_after_ms=" + strconv.FormatInt(wait.Milliseconds(), 10)
}

// lostSessions remembers which version 1 sessions cannot be continued.
type lostSessions struct {
	mu sync.Mutex
	at map[string]time.Time
}

// maxLost bounds how many are remembered.
const maxLost = 100_000

func (l *lostSessions) add(id string) {
	if l.at == nil {
		l.at = map[string]time.Time{}
	}
	if len(l.at) < maxLost {
		l.at[id] = time.Now()
	}
}

func (l *lostSessions) remove(id string) { delete(l.at, id) }

func (l *lostSessions) expire(now time.Time, after time.Duration) {}

func (g *Gateway) knownLost(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, lost := g.lost.at[id]
	return lost
}
