// Package bus carries messages between gateways, which hold sessions, and
// workers, which hold observers. The two talk through it only, so they can
// live in one process or in many.
//
// A Bus may lose, double and reorder messages: that is what networks do. A
// Link on top of it numbers what it sends and gives its receiver each message
// once and in order, asking again for what is missing, or says that something
// was lost for good, which makes the receiver take its state anew.
//
// The promises of a Bus are the tests of package bustest.
//
// Pipeline: diff → [bus] → gateway.
package bus

import (
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/wire"
)

// Bus sends messages between named members. Methods may be called from several
// goroutines.
type Bus interface {
	// Join makes the caller a member. Messages sent to the name are given to
	// handle one at a time until leave is called; after leave has returned
	// handle is not called again. handle must not call leave. A second member of the
	// same name is refused.
	Join(name string, handle func(Message)) (leave func(), err error)

	// Send hands a message on and does not wait for it to be handled. An
	// error says that it was surely not sent; nil does not say that it
	// arrives. A message to nobody is lost in silence.
	Send(to string, m Message) error
}

// Message is one Body on its way. It is shared and never altered once sent.
type Message struct {
	// From names the member that sent it.
	From string
	// Life tells one run of a member from the next of the same name.
	Life string
	// To is the life of the receiver that Number and Ack count for; "" while
	// From does not know it. A receiver of another life ignores the two.
	To string
	// Number counts what Life sent to To, from 1 on. 0: not counted.
	Number uint64
	// Ack: every Number up to it has come to From.
	Ack uint64
	// Body is one of the types below; nil in a message that only serves the
	// link.
	Body Body
	// Link is what the link itself has to say, nil for nothing.
	Link *LinkState
}

// LinkState keeps two members in step.
type LinkState struct {
	Sent    uint64  `json:"sent"`              // highest Number sent to the receiver
	Oldest  uint64  `json:"oldest"`            // lowest Number that can be sent again; Sent+1 for none
	Missing []Range `json:"missing,omitempty"` // to be sent again
	Ask     bool    `json:"ask,omitempty"`     // the receiver is to answer with its own state
}

// Range is the Numbers from First to Last, both included.
type Range struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

// Body is what a message says.
type Body interface{ body() }

// Request is an HTTP GET to be evaluated: what the app needs to answer it
// again. It holds credentials: it is never written to a disk or a log.
type Request struct {
	URL        string              `json:"url"` // path and query, without observe
	Host       string              `json:"host"`
	Header     map[string][]string `json:"header"`
	RemoteAddr string              `json:"remote_addr,omitempty"`
	TLS        bool                `json:"tls,omitempty"`
	// Credentials is equal for requests with equal credentials, "" without any.
	// It is a keyed hash: it proves nothing.
	Credentials string `json:"credentials,omitempty"`
}

// Observe asks the owner to observe a request, and to send its diffs to the
// sender from then on.
type Observe struct {
	ID       uint64  `json:"id"` // echoed in Observed
	Observer string  `json:"observer"`
	Identity string  `json:"identity"`
	Request  Request `json:"request"`
	// After: the answer must not be older than this; "" for newest there is.
	After change.Position `json:"after,omitempty"`
	// Epoch and Seq: what the asker holds. Where the log reaches back that
	// far the answer is Changes in place of a Snapshot.
	Epoch string `json:"epoch,omitempty"`
	Seq   uint64 `json:"seq,omitempty"`
	// Vouched: the app said just now that the request's credentials are good.
	Vouched bool `json:"vouched,omitempty"`
	// Scope is what the route said of the rows that the request may see, ""
	// for nothing. Requests of several identities share the observer where it
	// is not: an evaluation whose route says another scope is not the
	// observer's, and is answered as one that was refused, with
	// wire.CodeScopeChanged.
	Scope string `json:"scope,omitempty"`
}

// Observed answers Observe: one of Snapshot, Resumed, Response, or Problem.
type Observed struct {
	ID       uint64         `json:"id"`
	Snapshot *wire.Snapshot `json:"snapshot,omitempty"`
	// Resumed lists the diffs after the Epoch and Seq asked with.
	Resumed *Resumed `json:"resumed,omitempty"`
	// Response is the view's own answer where nothing can be observed.
	Response *Response     `json:"response,omitempty"`
	Problem  *wire.Problem `json:"problem,omitempty"`
	// Proven: the view answered just now with this list to the credentials of
	// the request. It proves nothing where rights were doubted (Round.Doubted),
	// or the observer has a scope.
	Proven bool `json:"proven,omitempty"`
}

// Resumed is what happened to an observer since the asker looked last.
type Resumed struct {
	Observer   string          `json:"observer"`
	PrimaryKey string          `json:"primary_key"`
	Changes    []*wire.Changes `json:"changes"`
}

// Response is a view's answer to pass through.
type Response struct {
	Status int                 `json:"status"`
	Header map[string][]string `json:"header"`
	Body   []byte              `json:"body"`
}

// Leave says that the sender no longer follows an observer.
type Leave struct {
	Observer string `json:"observer"`
}

// Round is what one step of a worker did to the observers that the receiver
// follows. All diffs of one round show one committed state where Progress says
// whole.
type Round struct {
	// Doubted names observers of which something has changed that rights rest
	// on. It comes before, or with, the first diff of what that commit changed
	// and before any later one: from here on nothing is shown to a subscriber
	// whose credentials were not tried since. Rights of others than those whose
	// credentials the observer was evaluated with may rest on other rows of the
	// same tables: which rows it were does not matter.
	Doubted  []*Doubt        `json:"doubted,omitempty"`
	Changes  []*wire.Changes `json:"changes,omitempty"`
	Closed   []wire.Closed   `json:"closed,omitempty"`
	Progress *wire.Progress  `json:"progress,omitempty"`
	// Soon names those of Progress.Behind that will be where it is in a moment:
	// who follows one of them and is not told yet sees all change together.
	Soon []string `json:"soon,omitempty"`
}

// Doubt is one observer of whose rights something has changed.
type Doubt struct {
	Observer string `json:"observer"`
	// By is the commit that changed it, zero where it was several or is not known.
	By change.Commit `json:"by,omitzero"`
}

func (*Observe) body()  {}
func (*Observed) body() {}
func (*Leave) body()    {}
func (*Round) body()    {}
