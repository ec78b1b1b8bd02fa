package serve

import (
	"net/http"

	"github.com/wakeful-dev/wakeful/internal/accept"
	"github.com/wakeful-dev/wakeful/internal/browse"
)

// browse answers GET /api/ of a browser, and reports whether it is one's.
func (s *Server) browse(w http.ResponseWriter, r *http.Request) bool {
	if !s.settings.Browsable {
		return false
	}
	w.Header().Add("Vary", "Accept")
	if !accept.HTML(r.Header) || r.URL.Query().Has("format") {
		return false
	}
	base := s.settings.BasePath
	browse.Page{
		Kind: browse.Index, Title: s.settings.databaseName(),
		Files: base + "/api/queryobserver/", List: base + "/api/", Socket: base + "/ws/", Prefix: base + "/api/queryobserver", Home: base + "/api/",
	}.Serve(w, r)
	return true
}

// files answers with those of the page that browsers are shown of the index.
func (s *Server) files(t *site) http.Handler {
	elsewhere := s.elsewhere(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.settings.Browsable && r.Method == http.MethodGet && browse.Asked(r) && browse.ServeFile(w, r, r.PathValue("file")) {
			noteOf(r.Context()).route = routeIndex
			return
		}
		elsewhere.ServeHTTP(w, r)
	})
}
