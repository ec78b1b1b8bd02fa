package resource

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/wakeful-dev/wakeful/internal/ivm"
	"github.com/wakeful-dev/wakeful/wire"
)

// window is the part of a list that a request asks for.
type window struct {
	style         Style
	offset, limit int
	page          int     // of ByNumber
	cursor        *cursor // of ByCursor; nil: from the beginning
}

// styleParameters are those that ask for a page in a style.
var styleParameters = map[Style][]string{
	ByOffset: {"offset", "limit"},
	ByNumber: {"page", "page_size"},
	ByCursor: {"cursor", "limit"},
}

// maxOffset bounds where a window may begin.
const maxOffset = 1 << 53

// windowOf reads which part of the list is asked for.
func (l *layout) windowOf(values url.Values, order []term, wrong *complaints) window {
	w := window{style: l.styleOf(values, wrong), page: 1}
	size := "limit"
	if w.style == ByNumber {
		size = "page_size"
	}
	w.limit = number(values, size, l.Page.Size, 1, l.Page.Max, wrong)
	switch w.style {
	case ByOffset:
		w.offset = number(values, "offset", 0, 0, maxOffset, wrong)
	case ByNumber:
		w.page = number(values, "page", 1, 1, maxOffset/w.limit, wrong)
		w.offset = (w.page - 1) * w.limit
	case ByCursor:
		if text := values.Get("cursor"); text != "" {
			var err error
			if w.cursor, err = l.readCursor(text, order); err != nil {
				wrong.add(wire.CodeBadCursor, "cursor", "%v", err)
			}
		}
	}
	return w
}

// decisive are the parameters that only one style has.
var decisive = []struct {
	name  string
	style Style
}{{"offset", ByOffset}, {"page", ByNumber}, {"page_size", ByNumber}, {"cursor", ByCursor}}

// styleOf says in which style the parameters ask.
func (l *layout) styleOf(values url.Values, wrong *complaints) Style {
	style, by := l.Page.Styles[0], ""
	for _, d := range decisive {
		if !values.Has(d.name) {
			continue
		}
		if by != "" && d.style != style {
			wrong.add(wire.CodeBadParameter, d.name, "%s asks for a page in another way; use one of the two", by)
			return style
		}
		style, by = d.style, d.name
	}
	if style != ByNumber || !values.Has("limit") {
		return style
	}
	if by != "" {
		wrong.add(wire.CodeBadParameter, "limit", "with %s, use page_size", by)
		return style
	}
	return l.Page.Styles[slices.IndexFunc(l.Page.Styles, func(s Style) bool { return s != ByNumber })]
}

// number reads a whole number within bounds.
func number(values url.Values, name string, otherwise, low, high int, wrong *complaints) int {
	if !values.Has(name) {
		return otherwise
	}
	n, err := strconv.Atoi(values.Get(name))
	if err != nil || n < low || n > high {
		wrong.add(wire.CodeBadParameter, name, "want a whole number from %d to %d", low, high)
		return max(otherwise, 1)
	}
	return n
}

// links makes the URLs of the pages before and after one.
type links struct {
	base   string // up to the question mark
	values url.Values
}

// linksOf are those of a request, as its client sees the address.
func linksOf(r *http.Request, values url.Values) links {
	path := r.RequestURI
	if !strings.HasPrefix(path, "/") {
		path = r.URL.EscapedPath()
	}
	path, _, _ = strings.Cut(path, "?")
	return links{scheme(r) + "://" + r.Host + path, values}
}

// scheme is that of the address a client has used: a middleware that knows it
// better, behind a proxy, sets it in r.URL.
func scheme(r *http.Request) string {
	switch {
	case r.URL.Scheme != "":
		return r.URL.Scheme
	case r.TLS != nil:
		return "https"
	}
	return "http"
}

// with is the URL that has other parameters; an empty one is left out.
func (k links) with(pairs ...string) string {
	values := make(url.Values, len(k.values)+2)
	for name, texts := range k.values {
		values[name] = texts
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			delete(values, pairs[i])
		} else {
			values[pairs[i]] = []string{pairs[i+1]}
		}
	}
	if len(values) == 0 {
		return k.base
	}
	return k.base + "?" + values.Encode()
}

// meta returns what a page has beside its results.
func (w window) meta(l *layout, order []term, places []int, k links) func(ivm.State) []byte {
	switch w.style {
	case ByNumber:
		after := sync.OnceValue(func() string { return k.with("page", strconv.Itoa(w.page+1)) })
		return func(s ivm.State) []byte {
			var next, previous string
			if w.offset+w.limit < s.Total {
				next = after()
			}
			if w.page > 1 {
				last := min(w.page-1, max(1, (s.Total+w.limit-1)/w.limit))
				previous = k.with("page", numbered(last, 1))
			}
			return appendMeta(nil, s.Total, next, previous)
		}
	case ByCursor:
		return func(s ivm.State) []byte { return w.cursorMeta(l, order, places, k, s) }
	}
	// Made once: a list that is kept asks for them with each change.
	after := sync.OnceValue(func() string {
		return k.with("limit", strconv.Itoa(w.limit), "offset", strconv.Itoa(w.offset+w.limit))
	})
	before := sync.OnceValue(func() string {
		return k.with("limit", strconv.Itoa(w.limit), "offset", numbered(max(0, w.offset-w.limit), 0))
	})
	return func(s ivm.State) []byte {
		var next, previous string
		if w.offset+w.limit < s.Total {
			next = after()
		}
		if w.offset > 0 {
			previous = before()
		}
		return appendMeta(nil, s.Total, next, previous)
	}
}

// numbered writes a number, nothing where it is what holds anyway.
func numbered(n, otherwise int) string {
	if n == otherwise {
		return ""
	}
	return strconv.Itoa(n)
}

// appendMeta writes the members of a page beside its results; total < 0: it has
// none.
func appendMeta(to []byte, total int, next, previous string) []byte {
	to = append(to, '{')
	if total >= 0 {
		to = fmt.Appendf(to, `"count":%d,`, total)
	}
	to = appendLink(append(to, `"next":`...), next)
	to = appendLink(append(to, `,"previous":`...), previous)
	return append(to, '}')
}

func appendLink(to []byte, link string) []byte {
	if link == "" {
		return append(to, "null"...)
	}
	return wire.AppendString(to, link)
}

func (w window) counted() bool { return w.style != ByCursor }

// places returns where the columns of an order stand among columns.
func places(columns []string, order []term) []int {
	at := make([]int, len(order))
	for i, t := range order {
		at[i] = slices.Index(columns, t.column.Name)
	}
	return at
}
