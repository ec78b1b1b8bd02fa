package resource

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/wakeful-dev/wakeful/resource/value"
	"github.com/wakeful-dev/wakeful/where"
	"github.com/wakeful-dev/wakeful/wire"
)

// take reads the key from a segment of the path, as it was sent.
func (c *call) take(segment string) *wire.Problem {
	if len(c.key) == 0 {
		return wire.NewProblem(http.StatusNotFound, wire.CodeNotFound, c.unobserved)
	}
	parts, err := wire.SplitKey(segment, len(c.key))
	if err != nil {
		return wire.NewProblem(http.StatusNotFound, wire.CodeNotFound, err.Error())
	}
	each := make([]where.Expr, len(parts))
	for i, at := range c.key {
		f := &c.fields[at]
		v, err := value.FromText(&f.column, parts[i])
		if err != nil {
			return wire.NewProblem(http.StatusNotFound, wire.CodeNotFound, "there is no such row in "+c.Name+": "+f.name+": "+err.Error())
		}
		each[i] = where.Eq(f.column.Name, v)
		c.values = append(c.values, v)
	}
	c.at = where.And(each...)
	return nil
}

// segmentOf returns the segment of the path that a router gave as the key, as
// it was sent.
func segmentOf(r *http.Request) string {
	routed := r.PathValue("key")
	segments := strings.Split(r.URL.EscapedPath(), "/")
	for i := len(segments) - 1; i >= 0; i-- {
		if plain, err := url.PathUnescape(segments[i]); err == nil && (plain == routed || segments[i] == routed) {
			return segments[i]
		}
	}
	return url.PathEscape(routed)
}
