package load

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/wakeful-dev/wakeful/bench/app"
	"github.com/wakeful-dev/wakeful/bench/role"
)

// missed is how many changes a crowd has to catch up with.
const missed = 3

// away takes the crowd off the network, and makes the changes that it misses.
// It answers when a client that stayed has them.
func (l *Loader) away(which Crowd) (any, error) {
	c, err := l.crowd(which.Crowd)
	if err != nil {
		return nil, err
	}
	if c.witness == nil {
		t := c.target
		t.Clients = 1
		if c.witness, err = l.open(t); err != nil {
			return nil, err
		}
	}
	// All have the same list, and are known to have it.
	if _, err := c.change(1, l.nextScore()); err != nil {
		return nil, err
	}
	c.pause()
	c.note()
	c.close()
	c.pause()
	for row := 1; row <= missed; row++ {
		if _, err := c.witness.change(row, l.nextScore()); err != nil {
			return nil, err
		}
		c.pause()
	}
	c.score = l.score
	return role.None{}, nil
}

// note remembers how far the crowd has followed.
func (c *crowd) note() {
	for _, text := range c.taken() {
		var changes struct {
			Type string
			Seq  uint64
		}
		if json.Unmarshal([]byte(text), &changes) == nil && changes.Type == "changes" {
			c.seq = changes.Seq
		}
	}
}

// back brings the crowd back at once and answers with the time until each of
// them has the last change that it missed; bare ones, until each is connected.
func (l *Loader) back(which Crowd) (any, error) {
	c, err := l.crowd(which.Crowd)
	if err != nil {
		return nil, err
	}
	network := l.nextNetwork()
	c.expect(needleOf(c.score), len(c.sockets))
	start := role.Now()
	if err := c.connect(network, c.resume()); err != nil {
		return nil, err
	}
	if c.target.Version == Bare {
		return app.Took{Nanoseconds: role.Now() - start}, nil
	}
	at, err := c.arrived()
	if err != nil {
		return nil, err
	}
	for _, text := range c.taken() {
		if strings.HasPrefix(text, `{"type":"snapshot"`) {
			return nil, fmt.Errorf("load: resumed with a snapshot, not with what was missed: %.300s", text)
		}
	}
	return app.Took{Nanoseconds: at - start}, nil
}

// resume is the first frame of a client that comes back.
func (c *crowd) resume() string {
	if c.target.Version != V2 {
		return ""
	}
	return fmt.Sprintf(`{"type":"resume","id":1,"observers":{"%s":{"epoch":"%s","seq":%d,"url":"%s"}}}`,
		c.observer, c.epoch, c.seq, c.target.View)
}
