// Package accept reads which media types a request asks for.
//
// Promise: what cannot be read is not asked for.
//
// Pipeline: request → [accept] → who answers it: a view, a stream, a page.
package accept

import (
	"iter"
	"net/http"
	"strconv"
	"strings"
)

// Ranges yields the media ranges of an Accept header with their qualities, in
// lower case.
func Ranges(header http.Header) iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		for _, value := range header["Accept"] {
			for part := range strings.SplitSeq(value, ",") {
				if name, q := Range(part); name != "" && !yield(name, q) {
					return
				}
			}
		}
	}
}

// Range reads one part of an Accept header. A quality that cannot be read
// is none.
func Range(part string) (name string, q float64) {
	name, parameters, _ := strings.Cut(part, ";")
	q = 1
	for parameter := range strings.SplitSeq(parameters, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if !strings.EqualFold(strings.TrimSpace(key), "q") {
			continue
		}
		var err error
		if q, err = strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil || !(q >= 0 && q <= 1) {
			q = 0
		}
	}
	return strings.ToLower(strings.TrimSpace(name)), q
}

// HTML reports whether a request asks for a page: its Accept names text/html,
// and wants neither JSON nor anything else by its name more. Equally much is
// not more: what was there before pages were is what it gets. A bare * is no
// media range; programs in Java send it unasked, with text/html before it.
func HTML(header http.Header) bool {
	html, json, any := 0.0, 0.0, 0.0
	for name, q := range Ranges(header) {
		switch name {
		case "text/html":
			html = max(html, q)
		case "application/json", "application/problem+json", "application/*":
			json = max(json, q)
		case "*/*":
			any = max(any, q)
		case "*":
			return false
		}
	}
	return html > json && html >= any
}
