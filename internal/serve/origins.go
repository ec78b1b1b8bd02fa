package serve

import (
	"net/http"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/wire"
)

// origins is what pages of other sites may do: those that are listed may use
// the API with credentials, others may change nothing and read nothing.
type origins struct {
	listed  []string
	protect *http.CrossOriginProtection
}

func newOrigins(listed []string) (*origins, error) {
	o := &origins{listed: listed, protect: http.NewCrossOriginProtection()}
	for _, origin := range listed {
		if err := o.protect.AddTrustedOrigin(origin); err != nil {
			return nil, err
		}
	}
	return o, nil
}

const (
	corsMethods = "GET, HEAD, POST, PUT, PATCH, DELETE"
	corsHeaders = "Accept, Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID, Prefer, Wakeful-Position, X-CSRFToken, X-Requested-With"
	corsExposed = "Allow, ETag, Location, Preference-Applied, Retry-After, Wakeful-Position, WWW-Authenticate, X-Request-Id"
)

// Wrap answers preflights, and refuses writes of foreign pages.
func (o *origins) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		if len(o.listed) > 0 {
			header.Add("Vary", "Origin")
		}
		origin := strings.ToLower(r.Header.Get("Origin"))
		if slices.Contains(o.listed, origin) {
			header.Set("Access-Control-Allow-Origin", origin)
			header.Set("Access-Control-Allow-Credentials", "true")
			if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
				header.Set("Access-Control-Allow-Methods", corsMethods)
				header.Set("Access-Control-Allow-Headers", corsHeaders)
				header.Set("Access-Control-Max-Age", "600")
				w.WriteHeader(http.StatusNoContent)
				return
			}
			header.Set("Access-Control-Expose-Headers", corsExposed)
		}
		if o.protect.Check(r) != nil {
			wire.NewProblem(http.StatusForbidden, wire.CodeCrossSite,
				"a page of another site may not do this; --origin lists those that may").Write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}
