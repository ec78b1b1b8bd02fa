// Package follow has the model clients of the wire protocol: what a client
// must do, written down as code and not a step more.
//
// A Client speaks version 2: it holds changes back until the GET or subscribe
// that they belong to is answered, follows epochs and sequence numbers, and
// resumes from where it was; told that a list ended with scope_changed,
// unknown_observer or unavailable, it observes it again. NewEvents and NewView
// make one that is told by server-sent events, of a session or of one view. A ClientV1 speaks version 1 exactly as the
// published clients do, with their weaknesses: it inserts what is added without
// looking for its key. A Poller polls, with the tag of what it holds. All are
// strict: whatever the server sends against the protocol is given to
// Watch.Fault, also where a lenient client would not notice.
//
// They decode frames with encoding/json and not with package wire, so a
// mistake in an encoder cannot hide behind the same mistake in its decoder.
// None reconnects by itself: tests decide when a connection breaks.
//
// Pipeline: gateway → [follow].
package follow
