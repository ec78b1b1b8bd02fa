package load

import "github.com/wakeful-dev/wakeful/bench/role"

// Needle names a score that a crowd waits for.
type Needle struct {
	Crowd string `json:"crowd"`
	Score int64  `json:"score"`
}

// Found answers with when the first client had it.
type Found struct {
	At     int64 `json:"at"`
	Frames int   `json:"frames"` // of the first client, since the waiting began
}

// await begins to wait for the frame with a score, at one client.
func (l *Loader) await(n Needle) (any, error) {
	c, err := l.crowd(n.Crowd)
	if err != nil {
		return nil, err
	}
	c.expect(needleOf(n.Score), 1)
	return role.None{}, nil
}

// found waits until it has come.
func (l *Loader) found(which Crowd) (any, error) {
	c, err := l.crowd(which.Crowd)
	if err != nil {
		return nil, err
	}
	at, err := c.arrived()
	if err != nil {
		return nil, err
	}
	return Found{At: at, Frames: len(c.taken())}, c.onceEach()
}
