package gateway

import (
	"net/http"
	"strconv"
	"strings"
)

// tag is the entity tag of a list: its epoch is no other observer's, so neither
// is its tag.
func (st *state) tag() string { return `"w-` + st.Epoch + "-" + strconv.FormatUint(st.Seq, 10) + `"` }

// holds reports whether the client of a request says that it holds what has
// the tag: If-None-Match lists it, weak or not, or is *. What cannot be read
// is no tag of ours, nor is what stands behind it.
func holds(header http.Header, tag string) bool {
	list := strings.Join(header["If-None-Match"], ",")
	for {
		list = strings.TrimLeft(list, " \t,")
		if list == "*" {
			return true
		}
		list = strings.TrimPrefix(list, "W/")
		if !strings.HasPrefix(list, `"`) {
			return false
		}
		end := strings.IndexByte(list[1:], '"')
		if end < 0 {
			return false
		}
		if list[:end+2] == tag {
			return true
		}
		list = list[end+2:]
	}
}
