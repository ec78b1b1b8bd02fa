package gateway

import (
	"fmt"
	"net/http"

	"github.com/wakeful-dev/wakeful/wire"
)

// The answers that more than one way to ask gives. refusalOf makes the refusal
// of a handshake of them.

// badSession names what carried the id.
func badSession(where string) *wire.Problem {
	return wire.NewProblem(http.StatusBadRequest, wire.CodeBadSession, where+": want 1 to 100 characters of A-Z a-z 0-9 _ -")
}

// crossSite names what was tried.
func crossSite(what string) *wire.Problem {
	return wire.NewProblem(http.StatusForbidden, wire.CodeCrossSite, fmt.Sprintf("a page of another site may not %s", what))
}

func unauthenticated() *wire.Problem {
	return wire.NewProblem(http.StatusUnauthorized, wire.CodeUnauthenticated, "the identity of the request is refused")
}

func noAnswer() *wire.Problem {
	return wire.NewProblem(http.StatusServiceUnavailable, wire.CodeUnavailable, "no answer in time")
}

func observerEnded() *wire.Problem {
	return wire.NewProblem(http.StatusServiceUnavailable, wire.CodeUnavailable, "the observer has ended")
}

// replaced is told to nobody: the socket that asked has gone, or another has taken over.
func replaced() *wire.Problem {
	return wire.NewProblem(http.StatusConflict, wire.CodeReplaced, "another socket took over")
}

func goingAway() *wire.Problem {
	return wire.NewProblem(http.StatusServiceUnavailable, wire.CodeShutdown, "the server is going away")
}

func tooManySubscriptions() *wire.Problem {
	return wire.NewProblem(http.StatusTooManyRequests, wire.CodeTooManySubscriptions, "this session follows as many lists as it may")
}

func tooManySessions() *wire.Problem {
	return wire.NewProblem(http.StatusTooManyRequests, wire.CodeTooManySessions, "there are as many sessions of this client as there may be")
}

func foreignSession() *wire.Problem {
	return wire.NewProblem(http.StatusForbidden, wire.CodeForeignSession, "the session is somebody else's")
}
