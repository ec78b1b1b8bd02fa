package wire

// Code is a stable word that a program can branch on. Text beside it is for
// people and may change.
type Code string

// Why an observer ended (closed), or a subscription failed.
const (
	CodePermissionRevoked Code = "permission_revoked"
	CodeScopeChanged      Code = "scope_changed" // other rows are to be seen now: observe again
	CodeViewError         Code = "view_error"
	CodeTooSlow           Code = "too_slow"
	CodeLimit             Code = "limit"
	CodeUnknownObserver   Code = "unknown_observer"
	CodeShutdown          Code = "shutdown"
	CodeCleared           Code = "cleared"
)

// What was wrong with a request (problem details, error frames).
const (
	CodeBadSession           Code = "bad_session"
	CodeForeignSession       Code = "foreign_session"
	CodeUnauthenticated      Code = "unauthenticated"
	CodeCrossSite            Code = "cross_site"
	CodeMissingParameter     Code = "missing_parameter"
	CodeBadRequest           Code = "bad_request"
	CodeNotObservable        Code = "not_observable"
	CodeUnobservableResult   Code = "unobservable_result"
	CodeUncoveredTable       Code = "uncovered_table"
	CodeNothingRead          Code = "nothing_read"
	CodeVolatileView         Code = "volatile_view"
	CodeResultTooLarge       Code = "result_too_large"
	CodeTooManySubscriptions Code = "too_many_subscriptions"
	CodeTooManySessions      Code = "too_many_sessions"
	CodeTooManyPolls         Code = "too_many_polls"
	CodePositionTimeout      Code = "position_timeout"
	CodeSessionLost          Code = "session_lost"
	CodeUnavailable          Code = "unavailable"
	CodeBadTicket            Code = "bad_ticket"
	CodeTooManyTickets       Code = "too_many_tickets"
	CodeReplaced             Code = "replaced"
	CodeNoStreaming          Code = "no_streaming"
)

// What was wrong with a request to a resource.
const (
	CodeForbidden        Code = "forbidden"
	CodeNotFound         Code = "not_found"
	CodeMethodNotAllowed Code = "method_not_allowed"
	CodeUnknownParameter Code = "unknown_parameter"
	CodeBadParameter     Code = "bad_parameter"
	CodeBadCursor        Code = "bad_cursor"
	CodeSchemaChanged    Code = "schema_changed"

	CodeUnsupportedMedia   Code = "unsupported_media_type"
	CodeBodyTooLarge       Code = "body_too_large"
	CodeBadBody            Code = "bad_body"
	CodeInvalidFields      Code = "invalid_fields"
	CodePreconditionFailed Code = "precondition_failed"
	CodeOutOfScope         Code = "out_of_scope" // the row would not be the writer's
	CodeDuplicate          Code = "duplicate"    // another row has the same unique values
	CodeConstraint         Code = "constraint"   // the database's rules do not allow it
	CodeReferenced         Code = "referenced"   // other rows refer to it
)

// WebSocket close codes of version 2. 4400 and above are ours.
const (
	CloseGoingAway   = 1001
	CloseTooBig      = 1009
	CloseRestart     = 1012
	CloseBadRequest  = 4400
	CloseUnauthentic = 4401
	CloseForbidden   = 4403
	CloseTooSlow     = 4408
	CloseReplaced    = 4409
	CloseLost        = 4410
	CloseTooMany     = 4429
)

// Reasons of a snapshot frame.
const (
	ReasonSubscribe    = "subscribe"
	ReasonResumeGap    = "resume_gap"
	ReasonSlowConsumer = "slow_consumer"
	ReasonEpoch        = "epoch"
)

// Subprotocol is what a version 2 client asks for.
const Subprotocol = "wakeful.v2+json"
