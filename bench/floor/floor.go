// Package floor holds, for each bar, the least program that does the same work
// with the same library and the same bytes: what cannot be had for less. Each
// says why nothing faster is possible. None of them sleeps, logs or checks.
//
// Pipeline: bench → [floor].
package floor

import (
	"net"
	"net/http"

	"github.com/wakeful-dev/wakeful/bench/role"
)

// Opened answers "open" with where the program listens.
type Opened struct {
	Addr string `json:"addr"`
}

// Verbs returns what the floor of that name can do, nil for an unknown name.
func Verbs(name string) map[string]role.Verb {
	switch name {
	case "echo":
		return echoVerbs()
	case "fanout":
		return fanoutVerbs()
	case "handshake":
		return handshakeVerbs()
	case "idle":
		return idleVerbs()
	case "lookup":
		return lookupVerbs()
	case "push":
		return pushVerbs()
	case "shout":
		return shoutVerbs()
	case "plain":
		return plainVerbs()
	case "replica":
		return replicaVerbs()
	}
	return nil
}

// listen opens a port of this machine.
func listen() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

// serve answers HTTP for as long as the process lives.
func serve(handler http.Handler) (Opened, error) {
	l, err := listen()
	if err != nil {
		return Opened{}, err
	}
	go func() { _ = http.Serve(l, handler) }() // ends with the process
	return Opened{Addr: l.Addr().String()}, nil
}
