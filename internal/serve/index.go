package serve

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"github.com/wakeful-dev/wakeful/wire"
)

// listed is a table in the answer of GET /api/.
type listed struct {
	Name    string   `json:"name"`
	URL     string   `json:"url"`
	Methods []string `json:"methods"` // that this request's identity may use
	Key     []string `json:"key"`
	View    bool     `json:"view"`
	// Observable, and why not.
	Observable bool   `json:"observable"`
	Why        string `json:"why,omitempty"`
}

// index answers GET /api/ with the tables that the request may do something with.
func (s *Server) index(t *site) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noteOf(r.Context()).route = routeIndex
		if !readOnly(w, r) || s.browse(w, r) {
			return
		}
		tables, ok := s.visible(t, w, r)
		if !ok {
			return
		}
		list := []listed{}
		for _, m := range tables {
			one := listed{Name: m.Name, URL: origin(r) + m.path, Methods: m.methods, Key: m.keys(), View: m.View, Why: m.unobserved()}
			one.Observable = one.Why == ""
			list = append(list, one)
		}
		answerJSON(w, r, http.StatusOK, map[string]any{"resources": list, "openapi": origin(r) + s.settings.BasePath + "/api/openapi.json"})
	})
}

// keys are the columns that tell rows apart.
func (m *mounted) keys() []string {
	switch {
	case len(m.Table.Key) > 0:
		return m.Table.Key
	case len(m.Table.Table.Key) > 0:
		return m.Table.Table.Key
	}
	return []string{}
}

// unobserved is why a table cannot be followed, "" where it can.
func (m *mounted) unobserved() string {
	switch {
	case len(m.keys()) == 0 && m.View:
		return "nothing tells the rows of a view apart unless the rules name its key"
	case len(m.keys()) == 0:
		return "nothing tells its rows apart: it has no primary key"
	case len(m.keys()) > 1 && m.Column(wire.CompositeKey) != nil && !slices.Contains(m.Hidden, wire.CompositeKey):
		return "it has a column " + wire.CompositeKey + ", which is what lists that are followed call a key of several columns"
	case m.Unobserved != "" && !m.View:
		return m.Unobserved
	}
	return ""
}

// origin is how the client names this server.
func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// readOnly answers for methods that only read, and reports whether it is one.
func readOnly(w http.ResponseWriter, r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return true
	}
	w.Header().Set("Allow", "GET, HEAD, OPTIONS")
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return false
	}
	wire.NewProblem(http.StatusMethodNotAllowed, wire.CodeMethodNotAllowed, r.Method+" is not for this; there are GET, HEAD, OPTIONS").Write(w)
	return false
}

func answerJSON(w http.ResponseWriter, r *http.Request, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		wire.NewProblem(http.StatusInternalServerError, wire.CodeUnavailable, "").Write(w)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that is gone is nobody to tell
	}
}
