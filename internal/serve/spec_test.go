package serve

import (
	"encoding/json"
	"testing"
)

// TestSpec: the document that the index names tells of the tables and of what
// can be done with them.
func TestSpec(t *testing.T) {
	s := open(t, world, "--base-path", "/shop")
	w := get(s, "GET", "/shop/api/openapi.json")
	var document struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil || w.Code != 200 || document.OpenAPI != "3.1.0" {
		t.Fatalf("%d %s (%v)", w.Code, w.Body, err)
	}
	if document.Paths["/shop/api/posts"]["post"] == nil || document.Paths["/shop/api/posts/{key}"]["delete"] == nil {
		t.Errorf("posts cannot be written: %v", document.Paths)
	}
	if w := get(s, "POST", "/shop/api/openapi.json"); w.Code != 405 {
		t.Errorf("POST: %d %s", w.Code, w.Body)
	}
}
