package serve

import (
	"net/http"

	"github.com/wakeful-dev/wakeful/resource"
)

// spec answers with the OpenAPI document of the tables that the request may do
// something with.
func (s *Server) spec(t *site) http.Handler {
	info := resource.Info{
		Title:       s.settings.databaseName(),
		Description: "Every table and view that may be seen. Lists and rows can be observed.",
		Bearer:      s.settings.JWTSecret != "" || s.settings.JWTSecretFile != "" || s.settings.JWKS != "",
		Headers:     s.auth.Headers(),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noteOf(r.Context()).route = routeSpec
		if !readOnly(w, r) {
			return
		}
		tables, ok := s.visible(t, w, r)
		if !ok {
			return
		}
		var list []resource.Described
		for _, m := range tables {
			list = append(list, m.resource)
		}
		resource.OpenAPI(info, list...).ServeHTTP(w, r)
	})
}
