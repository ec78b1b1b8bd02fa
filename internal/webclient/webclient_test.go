package webclient

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestHandler(t *testing.T) {
	get := func(tag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/any/wakeful.js", nil)
		if tag != "" {
			r.Header.Set("If-None-Match", tag)
		}
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, r)
		return w
	}
	first := get("")
	if first.Code != http.StatusOK || !bytes.Equal(first.Body.Bytes(), Script()) {
		t.Fatalf("status %d, %d bytes", first.Code, first.Body.Len())
	}
	if got := first.Header().Get("Content-Type"); got != "text/javascript; charset=utf-8" {
		t.Errorf("browsers run no module of type %q", got)
	}
	if !bytes.Contains(first.Body.Bytes(), []byte("createClient")) {
		t.Error("the script exports no createClient")
	}
	if again := get(first.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("with its own tag: status %d, %d bytes", again.Code, again.Body.Len())
	}
	if other := get(`"other"`); other.Code != http.StatusOK {
		t.Errorf("with another's tag: status %d", other.Code)
	}
}
