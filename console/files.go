package console

import (
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	page "github.com/wakeful-dev/wakeful/internal/console"
	"github.com/wakeful-dev/wakeful/internal/webclient"
)

// serveFile answers with a file of the page.
func (c *Console) serveFile(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, c.cfg.Prefix+"/")
	switch name {
	case "":
		name = "index.html"
	case "login":
		name = "login.html"
	case "wakeful.js":
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(webclient.Script()) // the client may be gone
		return
	}
	text, err := fs.ReadFile(page.Files, path.Join("page", path.Clean("/"+name)))
	kind := mime.TypeByExtension(path.Ext(name))
	if err != nil || kind == "" {
		serveNothing(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(text) // the client may be gone
}
