package floor

import (
	"net/http"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/bench/role"
)

// An idle socket that would notice its client: a connection of package net and
// a goroutine that waits for the first two bytes of a frame. Without an event
// loop in place of net/http there is nothing to leave out.
func idleVerbs() map[string]role.Verb {
	return map[string]role.Verb{
		"open":   role.Do(func(role.None) (any, error) { return serve(http.HandlerFunc(idle)) }),
		"memory": role.Do(role.Memory),
	}
}

func idle(w http.ResponseWriter, r *http.Request) {
	conn, _, _, err := ws.UpgradeHTTP(r, w)
	if err != nil {
		return
	}
	go func() {
		defer conn.Close()
		var head [2]byte
		for {
			if _, err := conn.Read(head[:]); err != nil {
				return
			}
		}
	}()
}
