package resource

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/wakeful-dev/wakeful/wire"
)

// tagOf is the entity tag of a row as answers have it. It is of another kind
// than that of a list that is followed: no request can take one for the other.
func tagOf(item []byte) string {
	sum := sha256.Sum256(item)
	return `"row-` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// matches reports whether a list of entity tags has the tag, by strong
// comparison. header are all values of If-Match or If-None-Match.
func matches(header []string, tag string) bool {
	for _, line := range header {
		for one := range strings.SplitSeq(line, ",") {
			if one = strings.TrimSpace(one); one == tag || one == "*" {
				return true
			}
		}
	}
	return false
}

// unchanged reports whether a GET need not be answered with the row: the
// client has it. Weak comparison, as RFC 9110 says.
func unchanged(r *http.Request, tag string) bool {
	for _, line := range r.Header.Values("If-None-Match") {
		if matches([]string{strings.ReplaceAll(line, "W/", "")}, tag) {
			return true
		}
	}
	return false
}

// checkMatch refuses to alter a row that is not the one that the client knows.
func (c *call) checkMatch(w http.ResponseWriter, tag string) *wire.Problem {
	if header := c.r.Header.Values("If-Match"); len(header) > 0 && !matches(header, tag) {
		w.Header().Set("ETag", tag)
		return wire.NewProblem(http.StatusPreconditionFailed, wire.CodePreconditionFailed,
			"the row is another one by now: read it again; its tag is in the header ETag")
	}
	if header := c.r.Header.Values("If-None-Match"); len(header) > 0 && matches(header, tag) {
		w.Header().Set("ETag", tag)
		return exists()
	}
	return nil
}

func exists() *wire.Problem {
	return wire.NewProblem(http.StatusPreconditionFailed, wire.CodePreconditionFailed, "there is such a row already")
}

// onlyNew reports whether the request is to make a row and not to alter one.
func (c *call) onlyNew() bool {
	for _, line := range c.r.Header.Values("If-None-Match") {
		if strings.TrimSpace(line) == "*" {
			return true
		}
	}
	return false
}
