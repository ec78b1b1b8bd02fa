package wakeful

import (
	"context"
	"fmt"

	"github.com/wakeful-dev/wakeful/internal/explain"
)

// Question says which observer is to be explained: by its id, or by the
// session that follows it and the URL under which it does. Without Values the
// explanation has no argument, no value of a row and no URL: it may be logged.
type Question = explain.Question

// Explanation says of one observer what it reads, how each statement of its
// view was understood, how its list is kept, why it ran, and what the newest
// changes of the database were to it. It is data; String is the same for people.
type Explanation = explain.Explanation

// Explain answers "why did this list move?" and "why did it not?". It is right
// about the moment in which it is asked, and costs the server next to nothing.
// Server.Status lists the observers.
func (s *Server) Explain(ctx context.Context, q Question) (*Explanation, error) {
	if q.Observer == "" && q.Session != "" {
		if q.Observer = s.gateway.Followed(q.Session, q.URL); q.Observer == "" {
			return nil, fmt.Errorf("wakeful: session %.12q follows no list under this URL: "+
				"it never observed it, has unsubscribed, or was closed", q.Session)
		}
	}
	e, err := s.worker.Explain(ctx, q)
	if err != nil {
		return nil, err
	}
	e.Kept.Subscribers = s.gateway.Subscribers(e.Observer)
	return e, nil
}
