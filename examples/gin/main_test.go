package main

import (
	"net/http"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/wakeful-dev/wakeful/wakefultest"
)

func TestItemsOfAShop(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	app, live, err := open(filepath.Join(t.TempDir(), "shops.db"))
	if err != nil {
		t.Fatal(err)
	}
	server := wakefultest.Start(t, live, app)
	first, second := server.Observe("/shops/1/items"), server.Observe("/shops/2/items")
	for _, item := range []struct{ shop, name string }{{"1", "tea"}, {"1", "milk"}, {"2", "nails"}} {
		answer, err := http.PostForm(server.URL+"/shops/"+item.shop+"/items", url.Values{"name": {item.name}})
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusCreated {
			t.Fatalf("POST: %s", answer.Status)
		}
	}
	first.WaitEqual(t, `[{"id": 2, "name": "milk"}, {"id": 1, "name": "tea"}]`)
	second.WaitEqual(t, `[{"id": 3, "name": "nails"}]`)
}
