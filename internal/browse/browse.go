// Package browse is what people see who open the URL of a resource in a
// browser: one page that shows the list, moving, with its filters, its
// orderings and forms for writes, as DRF's browsable API does.
//
// Promises: the page knows nothing of its own. It is the same for everybody,
// and all that it shows it asks for as any client does, with the rights of who
// looks: it reveals nothing that JSON does not. It loads nothing but its own
// files, runs no script that is written into a page, is shown in no frame, and
// makes no HTML of any text.
//
// Pipeline: request with Accept: text/html → resource → [browse] → page →
// requests for JSON, and the client of internal/webclient.
package browse

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/webclient"
)

//go:embed page
var files embed.FS

// Query is what stands behind the question mark where a file of the page is
// asked for: no row can have such an address, for rows take no parameters.
const Query = "browse"

// Kind is what a page is about.
type Kind string

const (
	Index Kind = "index" // of all resources
	List  Kind = "list"
	Row   Kind = "row"
)

// Page is one of them. Addresses are relative to the one that was asked for,
// which proxies may have made another than clients see; only Socket,
// Prefix and Home begin at the root.
type Page struct {
	Kind  Kind
	Title string
	// Files is the folder of the page's files, List the address of the list.
	Files, List string
	// Socket is the route of sockets, Prefix that of the server's own requests.
	// Home is where all resources are listed,
	// each by the name of its table; "": nowhere.
	Socket, Prefix, Home string
}

var shell = template.Must(template.New("shell").Parse(`<!doctype html>
<html lang="en" data-kind="{{.Kind}}" data-title="{{.Title}}" data-list="{{.List}}" data-socket="{{.Socket}}" data-prefix="{{.Prefix}}" data-home="{{.Home}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{.Title}}</title>
<link rel="icon" href="{{.Files}}icon.svg?` + Query + `">
<link rel="stylesheet" href="{{.Files}}style.css?` + Query + `">
<script type="module" src="{{.Files}}page.js?` + Query + `"></script>
</head>
<body>
<noscript>This page is made by a script. The same as JSON: <code>curl -H 'Accept: application/json'</code></noscript>
</body>
</html>
`))

// policy forbids the page everything that it does not need.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// Serve answers with the page.
func (p Page) Serve(w http.ResponseWriter, r *http.Request) {
	var body bytes.Buffer
	if err := shell.Execute(&body, p); err != nil {
		http.Error(w, "the page cannot be made", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", policy)
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "same-origin")
	answer(w, r, body.Bytes())
}

// file is one that the page loads.
type file struct {
	media, tag string
	body       []byte
}

var media = map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}

// all are the files of the page, by name.
var all = func() map[string]file {
	found := map[string]file{"wakeful.js": newFile("wakeful.js", webclient.Script())}
	names, err := fs.Glob(files, "page/*")
	if err != nil {
		panic(err) // the pattern is the one above
	}
	for _, name := range names {
		body, err := files.ReadFile(name)
		if err != nil {
			panic(err) // it is embedded
		}
		found[path.Base(name)] = newFile(name, body)
	}
	return found
}()

func newFile(name string, body []byte) file {
	sum := sha256.Sum256(body)
	return file{media: media[path.Ext(name)], tag: `"` + hex.EncodeToString(sum[:12]) + `"`, body: body}
}

// Asked reports whether a request is for a file of the page.
func Asked(r *http.Request) bool { return r.URL.RawQuery == Query }

// ServeFile answers with a file of the page, and reports whether there is one
// of that name.
func ServeFile(w http.ResponseWriter, r *http.Request, name string) bool {
	f, ok := all[name]
	if !ok {
		return false
	}
	header := w.Header()
	header.Set("Content-Type", f.media)
	header.Set("ETag", f.tag)
	if f.media == media[".svg"] {
		header.Set("Content-Security-Policy", "default-src 'none'")
	}
	if strings.TrimPrefix(r.Header.Get("If-None-Match"), "W/") == f.tag {
		harden(header)
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	answer(w, r, f.body)
	return true
}

func harden(header http.Header) {
	header.Set("Cache-Control", "no-cache")
	header.Set("X-Content-Type-Options", "nosniff")
}

func answer(w http.ResponseWriter, r *http.Request, body []byte) {
	harden(w.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that is gone is nobody to tell
	}
}

// Beside returns how the address that a request was sent to names the list and
// the folder of the files, by the path as its client sees it: that of the list,
// or of a row.
func Beside(sent string, row bool) (list, folder string) {
	sent, _, _ = strings.Cut(sent, "?")
	slash := strings.HasSuffix(sent, "/")
	segments := strings.Split(strings.Trim(sent, "/"), "/")
	last := segments[len(segments)-1]
	switch {
	case !row && slash:
		return "./", "./"
	case !row:
		return "./" + last, "./" + last + "/"
	case slash:
		return "../", "../"
	}
	return "./", "./"
}
