// Package event names what happens inside Wakeful, once for all who look: the
// log, the counts, the metrics and the console read the same events.
//
// An event carries no row, no argument, no credential and no URL: it may be
// shown to anybody who runs the server.
package event

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
)

// Kind says what happened.
type Kind uint8

const (
	ObserverOpened   Kind = iota // an observer began
	ObserverEnded                // an observer was let go, or closed with Code
	Evaluated                    // a view ran for an observer
	EvaluationFailed             // a view failed; Code and Detail say how
	EvaluationSlow               // a view took longer than the warning allows
	ResultLarge                  // a result has more items than is wise
	ViewMisread                  // a view reads what Wakeful cannot follow
	SourceLost                   // the source's stream ended; everything is evaluated again
	SourceBack                   // the stream runs again
	SessionOpened                // a session began
	SessionEnded                 // a session ended
	SocketOpened                 // a client connected
	SocketClosed                 // a client's socket closed with Code
	Refused                      // a request was refused with Code
	SnapshotSent                 // a client could not be continued and got the whole list
	Stepped                      // a list took in a transaction without running its view
	Read                         // the rows of a list were read, without running its view
	BatchRead                    // lists of one shape were read by one statement; Items of them
	ReadFailed                   // a step or a read failed: the view runs
	PlanDropped                  // the plan of a view does not give its answer: its lists are evaluated
	Audited                      // a list that was kept by steps was read again and compared
	AuditDiffered                // … and was not what the database gives

	// Of these only the counts are known: they happen too often to be told of.

	Committed // a transaction was taken in
	Touched   // an observer reads something that one changed
	DiffMade  // a list has changed
	DiffSent  // a diff was handed to a client's connection
	kinds
)

var names = [kinds]string{
	"observer opened", "observer ended", "evaluated", "evaluation failed", "evaluation slow",
	"result large", "view misread", "source lost", "source back", "session opened", "session ended",
	"socket opened", "socket closed", "refused", "snapshot sent",
	"stepped", "read", "batch read", "read failed", "plan dropped", "audited", "audit differed",
	"committed", "touched", "diff made", "diff sent",
}

func (k Kind) String() string { return names[k] }

// level is how loud the log is about an event.
func (k Kind) level() slog.Level {
	switch k {
	case EvaluationFailed, EvaluationSlow, ResultLarge, ViewMisread, SourceLost, ReadFailed, PlanDropped, AuditDiffered:
		return slog.LevelWarn
	case SourceBack:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// Event is one thing that happened. Fields that do not apply are zero.
type Event struct {
	Kind     Kind
	View     string        // name of the view
	Observer string        // first characters of an observer's id
	Session  string        // first characters of a session's id, hashed
	Code     string        // stable word, or a close code
	Detail   string        // for people
	Items    int           // length of the list
	Took     time.Duration // time that it took
}

// String is one line for people.
func (e Event) String() string {
	var b strings.Builder
	b.WriteString(e.Kind.String())
	for _, a := range e.attrs() {
		fmt.Fprintf(&b, " %s=%s", a.Key, a.Value)
	}
	return b.String()
}

func (e Event) attrs() []slog.Attr {
	var attrs []slog.Attr
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	add("view", e.View)
	add("observer", e.Observer)
	add("session", e.Session)
	add("code", e.Code)
	add("detail", e.Detail)
	if e.Items > 0 {
		attrs = append(attrs, slog.Int("items", e.Items))
	}
	if e.Took > 0 {
		attrs = append(attrs, slog.Duration("took", e.Took))
	}
	return attrs
}

// Recorder counts events, logs them and hands them to whoever listens.
type Recorder struct {
	logger *slog.Logger
	listen func(Event)
	counts [kinds]atomic.Uint64
}

// NewRecorder makes a recorder. logger and listen may be nil. listen is called
// where the event happens: it must be quick and take concurrent calls.
func NewRecorder(logger *slog.Logger, listen func(Event)) *Recorder {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Recorder{logger: logger, listen: listen}
}

// Heard reports whether anybody sees more of an event of that kind than that
// it happened. If not, what it says need not be found out.
func (r *Recorder) Heard(kind Kind) bool {
	return r.listen != nil || r.logger.Enabled(context.Background(), kind.level())
}

// Record takes one event.
func (r *Recorder) Record(e Event) {
	r.counts[e.Kind].Add(1)
	if level := e.Kind.level(); r.logger.Enabled(context.Background(), level) {
		r.logger.LogAttrs(context.Background(), level, e.Kind.String(), e.attrs()...)
	}
	if r.listen != nil {
		r.listen(e)
	}
}

// Add counts what is only counted.
func (r *Recorder) Add(k Kind, n int) { r.counts[k].Add(uint64(n)) }

// Counts returns how often each kind of event has happened, by its name.
func (r *Recorder) Counts() map[string]uint64 {
	counts := make(map[string]uint64, kinds)
	for k := range kinds {
		counts[k.String()] = r.counts[k].Load()
	}
	return counts
}

// Count returns how often one kind has happened.
func (r *Recorder) Count(k Kind) uint64 { return r.counts[k].Load() }
