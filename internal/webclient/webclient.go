// Package webclient has the TypeScript client as one script for browsers, so
// that pages which Go serves follow lists without npm at run time:
//
//	mux.Handle("GET /wakeful.js", webclient.Handler())
//
//	<script type="module">
//	  import { createClient } from '/wakeful.js';
//	</script>
//
// wakeful.js is built from client/core by scripts/client.sh, which also fails
// where it is not what the source gives.
//
// Pipeline: gateway → client [webclient].
package webclient

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"time"
)

//go:embed wakeful.js
var script []byte

// tag changes when the script does.
var tag = func() string {
	sum := sha256.Sum256(script)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}()

// Script returns the ES module. It must not be altered.
func Script() []byte { return script }

// Handler serves the ES module at whatever path it is put. Browsers ask each
// time whether theirs is still the one.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Type", "text/javascript; charset=utf-8")
		header.Set("Cache-Control", "no-cache")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("ETag", tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(script))
	})
}
