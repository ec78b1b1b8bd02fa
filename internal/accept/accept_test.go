package accept

import (
	"net/http"
	"testing"
)

func TestHTML(t *testing.T) {
	for _, tt := range []struct {
		accept []string
		want   bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"*/*"}, false},
		{[]string{"text/*"}, false},
		{[]string{"text/html"}, true},
		{[]string{"TEXT/HTML ; charset=utf-8"}, true},
		{[]string{"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"}, true},                             // Firefox
		{[]string{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, true},                                                   // Safari
		{[]string{"text/html,application/xhtml+xml,application/xml;q=0.9,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"}, true}, // Chrome
		{[]string{"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}, false},                                                             // Java's HttpURLConnection
		{[]string{"application/json, text/plain, */*"}, false},                                                                                // axios
		{[]string{"application/json, text/html"}, false},
		{[]string{"application/json;q=0.9, text/html"}, true},
		{[]string{"application/json, text/html;q=0.9"}, false},
		{[]string{"application/*, text/html"}, false},
		{[]string{"text/html;q=0.5, */*"}, false},
		{[]string{"text/html, */*"}, true},
		{[]string{"text/html;q=0"}, false},
		{[]string{"text/html;q=x"}, false},
		{[]string{"text/html;q=2"}, false},
		{[]string{"application/json;q=0.5", "text/html"}, true},
		{[]string{"text/event-stream"}, false},
	} {
		if got := HTML(http.Header{"Accept": tt.accept}); got != tt.want {
			t.Errorf("%q: %v, want %v", tt.accept, got, tt.want)
		}
	}
}
