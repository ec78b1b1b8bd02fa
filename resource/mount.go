package resource

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Mux is a router: that of net/http, that of chi, or another one that takes
// such patterns.
type Mux interface {
	Handle(pattern string, handler http.Handler)
}

// Mount puts the resource under a prefix: the list at it, each row at
// prefix/{key}, both with or without a slash at the end. Handlers of one's own
// go beside it:
//
//	posts.Mount(mux, "/posts")
//	mux.HandleFunc("POST /posts/{key}/publish", publish)
func (e *endpoint) Mount(mux Mux, prefix string) {
	prefix = strings.TrimSuffix(prefix, "/")
	e.mounts.add(prefix)
	list := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := strings.TrimSuffix(r.URL.EscapedPath(), "/"); !under(path, prefix) {
			http.NotFound(w, r)
			return
		}
		e.serve(w, r, "", false)
	})
	one := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, ok := lastSegment(r, prefix)
		if !ok {
			http.NotFound(w, r)
			return
		}
		e.serve(w, r, key, true)
	})
	if prefix != "" {
		mux.Handle(prefix, list)
	}
	mux.Handle(prefix+"/", list)
	mux.Handle(prefix+"/{key}", one)
	mux.Handle(prefix+"/{key}/", one)
}

// lastSegment returns the segment of the path that is the row's key, as it was
// sent: routers differ in whether they unescape it. The pattern may take more
// than that one segment.
func lastSegment(r *http.Request, prefix string) (key string, ok bool) {
	path := strings.TrimSuffix(r.URL.EscapedPath(), "/")
	at := strings.LastIndexByte(path, '/')
	if at < 0 || !under(path[:at], prefix) {
		return "", false
	}
	key = path[at+1:]
	plain, err := url.PathUnescape(key)
	routed := r.PathValue("key")
	return key, err == nil && (routed == plain || routed == key)
}

// under reports whether a path ends with the prefix of a mount. What stands
// before it belongs to routers that it is nested in.
func under(path, prefix string) bool {
	want, have := strings.Split(prefix, "/"), strings.Split(path, "/")
	if len(have) < len(want) {
		return false
	}
	have = have[len(have)-len(want):]
	for i := 1; i < len(want); i++ {
		if strings.HasPrefix(want[i], "{") {
			continue
		}
		if have[i] == want[i] {
			continue
		}
		// As routers have it, the prefix may be escaped, and clients escape more
		// or less than it does.
		plain, err := url.PathUnescape(have[i])
		meant, bad := url.PathUnescape(want[i])
		if err != nil || plain != want[i] && (bad != nil || plain != meant) {
			return false
		}
	}
	return true
}

// mounts notes where a resource is.
type mounts struct {
	mu       sync.Mutex
	prefixes []string
}

func (m *mounts) add(prefix string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.prefixes = append(m.prefixes, prefix)
}

// list returns the prefixes, in the order in which they were mounted.
func (m *mounts) list() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.prefixes)
}
