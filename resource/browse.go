package resource

import (
	"net/http"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/accept"
	"github.com/wakeful-dev/wakeful/internal/browse"
	"github.com/wakeful-dev/wakeful/internal/mark"
	"github.com/wakeful-dev/wakeful/wire"
)

// Browse says what people see who open the URL of a list or of a row in a
// browser: a page that shows it, moving, with its filters, and with forms for
// what they may write. It asks for everything as JSON, so they see nothing else
// than with any client. Requests whose Accept header does not prefer text/html
// are answered as ever, those with ?format=json too.
type Browse struct {
	// Off: browsers are answered with JSON.
	Off bool
	// Socket and Prefix are wakeful.Config.SocketPrefix and Prefix, as clients see
	// them. Default "/ws/" and "/api/queryobserver".
	Socket, Prefix string
	// Home is the URL under which the resources of other tables are, each by
	// the name of its table, as "/api/": what a row refers to is a link then.
	Home string
}

// formatParameter asks for JSON where the header Accept prefers a page.
const formatParameter = "format"

// formats reports whether the parameter format is none of the resource's own.
func (l *layout) formats() bool { return !l.Browse.Off && l.filters[formatParameter] == nil }

// browse answers what only a page asks for. done: it was that.
func (e *endpoint) browse(w http.ResponseWriter, r *http.Request, key string, one bool) (done bool) {
	if e.Browse.Off || r.Method != http.MethodGet && r.Method != http.MethodHead || mark.From(r.Context()) != nil {
		return false
	}
	if one && browse.Asked(r) && browse.ServeFile(w, r, key) {
		return true
	}
	w.Header().Add("Vary", "Accept")
	if !accept.HTML(r.Header) || r.URL.Query().Has(formatParameter) && e.layout.Load().formats() {
		return false
	}
	page := browse.Page{Kind: browse.List, Title: e.Name, Socket: e.Browse.Socket, Prefix: e.Browse.Prefix, Home: e.Browse.Home}
	if one {
		page.Kind = browse.Row
	}
	sent := r.RequestURI
	if !strings.HasPrefix(sent, "/") {
		sent = r.URL.EscapedPath()
	}
	page.List, page.Files = browse.Beside(sent, one)
	page.Serve(w, r)
	return true
}

// format reads the parameter of that name, and reports whether it is this one.
func (c *call) format(name string, texts []string, wrong *complaints) bool {
	if name != formatParameter || !c.formats() {
		return false
	}
	if len(texts) != 1 || texts[0] != "json" {
		wrong.add(wire.CodeBadParameter, name, "want json")
	}
	return true
}
