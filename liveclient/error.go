package liveclient

import (
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful/wire"
)

// The client's own codes; all others are the server's (docs/protocol.md).
const (
	// CodeNetwork: no connection, or it ended without a word.
	CodeNetwork wire.Code = "network"
	// CodeNotWakeful: what answers is something else.
	CodeNotWakeful wire.Code = "not_wakeful"
	// CodeVersion: the server does not speak this protocol's version.
	CodeVersion wire.Code = "version"
	// CodeProtocol: a message of the server cannot be.
	CodeProtocol wire.Code = "protocol"
	// CodeBadURL: the address of a list is none on this server.
	CodeBadURL wire.Code = "bad_url"
	// CodeDecode: an item does not fit the type that it is decoded into.
	CodeDecode wire.Code = "decode"
	// CodeToken: Config.Token failed.
	CodeToken wire.Code = "token"
	// CodeClosed: the client has ended.
	CodeClosed wire.Code = "closed"
)

// Error is what went wrong, as a program can tell it.
type Error struct {
	Code   wire.Code
	Detail string
	// Status is the HTTP status or WebSocket close code, 0 where there was none.
	Status int
	// Retry says that the client tries again by itself.
	Retry bool
	// URL is the list's, "" where it is about the connection.
	URL string
	// Err is what lies beneath, if anything.
	Err error

	wait time.Duration // that the server asks for
}

func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString("liveclient: ")
	if e.URL != "" {
		text.WriteString(e.URL + ": ")
	}
	text.WriteString(string(e.Code))
	if e.Detail != "" {
		text.WriteString(": " + e.Detail)
	}
	return text.String()
}

func (e *Error) Unwrap() error { return e.Err }

// of returns the error as it is told of a list.
func (e *Error) of(url string) *Error {
	mine := *e
	mine.URL = url
	return &mine
}

// closedError says what the end of an observer means: whether to observe
// again, and at once.
func closedError(code wire.Code, detail, url string) (err *Error, atOnce bool) {
	err = &Error{Code: code, Detail: detail, URL: url, Retry: true}
	switch code {
	case wire.CodeScopeChanged, wire.CodeUnknownObserver:
		return err, true
	case wire.CodePermissionRevoked:
		err.Retry = false
	}
	return err, false
}

// refusedError says what a refused question means. What will be answered
// otherwise only when somebody changes something is not asked again.
func refusedError(code wire.Code, detail, url string, status int) *Error {
	err := &Error{Code: code, Detail: detail, URL: url, Status: status}
	switch code {
	case wire.CodeUnavailable, wire.CodePositionTimeout, wire.CodeViewError, wire.CodeTooSlow, wire.CodeLimit,
		wire.CodeTooManySubscriptions, wire.CodeTooManySessions, wire.CodeShutdown, wire.CodeCleared,
		wire.CodeScopeChanged, wire.CodeUnknownObserver, wire.CodeSchemaChanged:
		err.Retry = true
	}
	return err
}
