package wire

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// Problem is an RFC 9457 problem document with a stable code.
type Problem struct {
	Status int    `json:"status"`
	Code   Code   `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
	// Errors says what is wrong with each field or parameter.
	Errors map[string][]string `json:"errors,omitempty"`
	// Known lists what could have been said in place of what was.
	Known []string `json:"known,omitempty"`
}

// NewProblem returns a problem whose title is the name of its status.
func NewProblem(status int, code Code, detail string) *Problem {
	return &Problem{Status: status, Code: code, Title: http.StatusText(status), Detail: detail}
}

func (p *Problem) Error() string {
	if p.Detail == "" {
		return string(p.Code)
	}
	return string(p.Code) + ": " + p.Detail
}

// AppendProblem appends the document as JSON.
func AppendProblem(dst []byte, p *Problem) []byte {
	dst = append(dst, `{"status":`...)
	dst = strconv.AppendInt(dst, int64(p.Status), 10)
	dst = appendMember(dst, "code", string(p.Code))
	dst = appendMember(dst, "title", p.Title)
	if p.Detail != "" {
		dst = appendMember(dst, "detail", p.Detail)
	}
	if len(p.Errors) > 0 {
		dst = appendErrors(dst, p.Errors)
	}
	if len(p.Known) > 0 {
		dst = appendStrings(append(dst, `,"known":`...), p.Known)
	}
	return append(dst, '}')
}

func appendErrors(dst []byte, errors map[string][]string) []byte {
	dst = append(dst, `,"errors":{`...)
	for i, name := range slices.Sorted(maps.Keys(errors)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendStrings(append(AppendString(dst, name), ':'), errors[name])
	}
	return append(dst, '}')
}

// Write answers a request with the problem, never to be cached. Nothing may
// have been written to w before.
func (p *Problem) Write(w http.ResponseWriter) {
	body := AppendProblem(nil, p)
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // a client that is gone is nobody to tell
}
