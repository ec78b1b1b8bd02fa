package wakeful

import (
	"context"

	"github.com/wakeful-dev/wakeful/internal/inspect"
	"github.com/wakeful-dev/wakeful/internal/memory"
)

// Inspection is the account of a whole server: its observers, views,
// connections and newest changes. It has no value of a row, no argument, no URL
// and no credential; identities, sessions and keys of rows are hashes, other ones
// after each start.
type Inspection = inspect.Report

// Latencies count diffs by how long they took, from when the server saw their
// change until they were handed to a client's connection.
type Latencies = inspect.Buckets

// Inspect returns what the server does, in more detail than Status: of at most
// 500 observers and as many connections, those that want attention most. For half
// a minute from then on steps are measured too. It costs a look at everything
// that the server holds.
func (s *Server) Inspect(ctx context.Context) (*Inspection, error) {
	got, err := s.worker.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	s.gateway.Inspect(&got.Report)
	for i := range got.Connections {
		got.Connections[i].Identity = s.worker.IdentityMark(got.Connections[i].Identity)
	}
	followed := s.gateway.Audiences(func(ask func(string)) {
		for _, m := range got.Members {
			ask(m.Observer)
		}
	})
	by := make(map[string]int, len(got.Members))
	for i, m := range got.Members {
		got.Views[m.View].Subscribers += followed[i]
		by[m.Observer] = followed[i]
	}
	for i := range got.Observers {
		got.Observers[i].Subscribers = by[got.Observers[i].ID]
	}
	got.DearestViews()
	return &got.Report, nil
}

// Latencies returns how long diffs took so far. It costs the same however much
// the server holds.
func (s *Server) Latencies() Latencies { return s.gateway.Latency() }

// EndObserver ends one observer, by the whole id that Inspect or Status gives.
// Those who follow it are told (closed "cleared"), and may observe again. It is
// false where there is none.
func (s *Server) EndObserver(ctx context.Context, id string) bool { return s.worker.End(ctx, id) }

// EndSession ends the session of a connection, by the ID that Inspect gives. Its
// client is told that the session is lost, and may begin anew. It is false where
// there is none.
func (s *Server) EndSession(id string) bool { return s.gateway.EndSession(id) }

// Memory says what is held, as Config.Memory bounds it.
func (s *Server) Memory() memory.Status { return s.memory.Status() }
