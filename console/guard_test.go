package console_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/console"
	"github.com/wakeful-dev/wakeful/internal/follow"
)

// routes are all that the console has beside its login page.
var routes = []string{
	"GET /", "GET /index.html", "GET /console.js", "GET /wakeful.js", "GET /api/me", "GET /api/server", "GET /api/seconds", "GET /api/views",
	"GET /api/observers", "GET /api/connections", "GET /api/changes", "GET /api/observers/0123456789", "GET /api/observers/0123456789/why?position=x",
	"POST /api/observers/0123456789/end", "POST /api/connections/0123456789/end", "POST /logout", "GET /api/nothing", "GET /ws/session",
	"POST /api/queryobserver/unsubscribe", "POST /api/queryobserver/ticket", "GET /api/observers?observe=s",
}

// TestNobodyIsLetIn: without the token each route gives nothing, and every
// answer has the headers that keep it where it is.
func TestNobodyIsLetIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, header := range []http.Header{
		{}, {"Authorization": {"Bearer wrong"}}, {"Authorization": {"Basic " + token}}, {"Cookie": {"wakeful_console=" + token}}, {"Authorization": {"Bearer"}},
	} {
		for _, route := range routes {
			method, path, _ := strings.Cut(route, " ")
			status, got, text := w.send(method, "/console"+path, "", header)
			if status != 401 && !(status == 303 && got.Get("Location") == "/console/login") {
				t.Errorf("%s with %v: %d %s", route, header, status, text)
			}
			if got.Get("Cache-Control") != "no-store" || got.Get("X-Frame-Options") != "DENY" || !strings.HasPrefix(got.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'") {
				t.Errorf("%s: headers %v", route, got)
			}
		}
	}
	if status, _, text := w.send("GET", "/console/login", "", nil); status != 200 || !strings.Contains(text, "<form") {
		t.Errorf("the login page: %d %s", status, text)
	}
	if status, _, _ := w.send("GET", "/console/login/../api/server", "", nil); status == 200 {
		t.Error("a path that begins as the login page's leads in")
	}
	for _, path := range []string{"/", "/wakeful.js", "/console.js", "/api/me", "/api/server"} {
		if got := w.ask("GET", "/console"+path, "", nil); got != 200 {
			t.Errorf("%s with the token: %d", path, got)
		}
	}
	for _, path := range []string{"/page/index.html", "/page", "/nothing.js"} {
		if got := w.ask("GET", "/console"+path, "", nil); got != 404 {
			t.Errorf("%s: %d", path, got)
		}
	}
}

// TestPagesOfOthers: what a browser sends for a page of another site is refused,
// whatever it carries.
func TestPagesOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	host := strings.TrimPrefix(w.url, "http://")
	for _, tt := range []struct {
		header map[string]string
		path   string
		want   int
	}{
		{map[string]string{"Origin": "https://evil.example"}, "/api/server", 403},
		{map[string]string{"Origin": "null"}, "/api/server", 403},
		{map[string]string{"Sec-Fetch-Site": "cross-site"}, "/api/server", 403},
		{map[string]string{"Sec-Fetch-Site": "same-site"}, "/console.js", 403},
		{map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, "/api/server", 403},
		{map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, "/", 403},
		{map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, "/", 200},
		{map[string]string{"Origin": "http://" + host, "Sec-Fetch-Site": "same-origin"}, "/api/server", 200},
	} {
		header := http.Header{"Authorization": {"Bearer " + token}}
		for name, value := range tt.header {
			header.Set(name, value)
		}
		if got, _, _ := w.send("GET", "/console"+tt.path, "", header); got != tt.want {
			t.Errorf("%s with %v: %d, want %d", tt.path, tt.header, got, tt.want)
		}
	}
}

// TestLoggingIn: the token gives a cookie that scripts do not see; its writes
// show that the page sent them; logging out ends it, and the lists it followed.
func TestLoggingIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	status, got, _ := w.send("POST", "/console/login", `{"token":"`+token+`"}`, nil)
	cookie := got.Get("Set-Cookie")
	if status != 204 || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Strict") || !strings.Contains(cookie, "Path=/console") {
		t.Fatalf("%d %s", status, cookie)
	}
	value, _, _ := strings.Cut(cookie, ";")
	header := http.Header{"Cookie": {value}}
	var me struct{ Auth, CSRF, Name string }
	_, _, text := w.send("GET", "/console/api/me", "", header)
	if err := json.Unmarshal([]byte(text), &me); err != nil || me.Auth != "token" || me.Name != "app" {
		t.Fatalf("%s: %v", text, err)
	}
	_, items := w.observe("/items", nil)
	for _, csrf := range []string{"", "wrong", value} {
		with := header.Clone()
		with.Set("Wakeful-Console", csrf)
		if status, _, _ := w.send("POST", "/console/api/observers/"+items.Observer+"/end", "{}", with); status != 403 {
			t.Errorf("csrf %q: %d", csrf, status)
		}
	}
	c, list := w.follows(follow.Config{
		Server: w.url, Session: "page", Prefix: "/console/api/queryobserver", SocketPrefix: "/console/ws/", Header: header,
	}, "/console/api/observers")
	header.Set("Wakeful-Console", me.CSRF)
	if status, _, text := w.send("POST", "/console/api/observers/"+items.Observer+"/end", "{}", header); status != 200 || !strings.Contains(text, "confirm") {
		t.Errorf("with it: %d %s", status, text)
	}
	if status, _, _ := w.send("POST", "/console/logout", "{}", header); status != 204 {
		t.Errorf("logging out: %d", status)
	}
	if status, _, _ := w.send("GET", "/console/api/server", "", header); status != 401 {
		t.Errorf("after it: %d", status)
	}
	if err := c.Wait(deadline(t), func(follow.View) bool { return list.Ended }); err != nil || !strings.Contains(list.Why, "permission_revoked") {
		t.Errorf("the list that it followed: %v, %q", err, list.Why)
	}
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	if status, got, _ := w.send("POST", "/console/login", "token="+token, form); status != 303 || got.Get("Location") != "/console/" {
		t.Errorf("a form: %d %v", status, got)
	}
	for i := range 12 {
		want := 401
		if i >= 10 {
			want = 429
		}
		if status, _, _ := w.send("POST", "/console/login", `{"token":"wrong"}`, nil); status != want {
			t.Errorf("wrong token %d: %d, want %d", i, status, want)
		}
	}
	if status, _, _ := w.send("POST", "/console/login", `{"token":"`+token+`"}`, nil); status != 429 {
		t.Errorf("the right token after too many wrong ones: %d", status)
	}
}

// TestThisMachineOnly: where nothing lets people in, who sits here is.
func TestThisMachineOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *console.Config) { c.Token = "" })
	status, got, text := w.send("GET", "/console/api/me", "", nil)
	if status != 200 || !strings.Contains(text, `"auth":"loopback"`) || got.Get("Set-Cookie") == "" {
		t.Errorf("%d %s %v", status, text, got)
	}
	for _, header := range []http.Header{
		{"Host": {"evil.example"}}, {"X-Forwarded-For": {"127.0.0.1"}}, {"Forwarded": {"for=127.0.0.1"}}, {"Sec-Fetch-Site": {"cross-site"}},
	} {
		if status, _, _ := w.send("GET", "/console/api/server", "", header); status != 403 {
			t.Errorf("%v: %d", header, status)
		}
	}
	if status, _, _ := w.send("POST", "/console/login", `{"token":""}`, nil); status != 404 {
		t.Errorf("there is nothing to log in to: %d", status)
	}
	shown, err := console.New(console.Config{Server: w.live})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "http://localhost/console/api/me", nil)
	r.RemoteAddr = "192.0.2.1:1"
	answer := httptest.NewRecorder()
	if shown.ServeHTTP(answer, r); answer.Code != 403 {
		t.Errorf("another machine: %d", answer.Code)
	}
}

// TestAuthorize: an app lets in its own operators.
func TestAuthorize(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *console.Config) {
		c.Token = ""
		c.Authorize = func(r *http.Request) error {
			if r.Header.Get("X-Operator") != "yes" {
				return errors.New("canary-reason")
			}
			return nil
		}
	})
	if status, _, text := w.send("GET", "/console/api/server", "", nil); status != 401 || strings.Contains(text, "canary") {
		t.Errorf("%d %s", status, text)
	}
	operator := http.Header{"X-Operator": {"yes"}}
	status, got, text := w.send("GET", "/console/api/me", "", operator)
	if status != 200 || !strings.Contains(text, `"auth":"app"`) {
		t.Errorf("%d %s", status, text)
	}
	var me struct{ CSRF string }
	if err := json.Unmarshal([]byte(text), &me); err != nil {
		t.Fatal(err)
	}
	value, _, _ := strings.Cut(got.Get("Set-Cookie"), ";")
	for i, csrf := range []string{"", me.CSRF} {
		operator.Set("Cookie", value)
		operator.Set("Wakeful-Console", csrf)
		if status, _, _ := w.send("POST", "/console/api/connections/none/end", "{}", operator); status != [2]int{403, 200}[i] {
			t.Errorf("csrf %q: %d", csrf, status)
		}
	}
}

// TestNoValueIsShown sends values of every kind through all that can be shown,
// and looks for them in each answer.
func TestNoValueIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	header := http.Header{"Cookie": {"session=canary-cookie; other=canary-other"}, "Authorization": {"Bearer canary-token"}}
	w.observe("/items?name=canary-argument&id__gt=0", header)
	w.observe("/plain?from=canary-argument&canary%20parameter=1", header)
	w.observe("/plain?fail=canary-argument", header)
	_, list := w.observe("/items", nil)
	c, observers := w.watch("canary-session-operator", "observers")
	w.exec(`INSERT INTO item VALUES (3, 7, 'canary-row-3')`)
	w.exec(`UPDATE item SET name = 'canary-row-4' WHERE name = ?`, "canary-row-1")
	w.exec(`INSERT INTO other VALUES (1)`)
	waitFor(t, c, observers, "the steps", func(o *observerItem) bool { return o.ID == list.Observer && o.Steps == 2 })
	waitFor(t, c, observers, "the failure", func(o *observerItem) bool { return o.Failures > 0 })
	var shown strings.Builder
	see := func(path string) {
		status, got, text := w.send("GET", "/console/api/"+path, "", http.Header{"Authorization": {"Bearer " + token}})
		fmt.Fprintln(&shown, path, status, got, text)
	}
	for _, path := range []string{"me", "server", "seconds", "views", "observers", "connections", "changes", "observers/canary", "nothing"} {
		see(path)
	}
	var all []observerItem
	var changes []struct{ ID string }
	w.ask("GET", "/console/api/observers", "", &all)
	w.ask("GET", "/console/api/changes", "", &changes)
	for _, o := range all {
		see("observers/" + o.ID)
		for _, c := range changes {
			see("observers/" + o.ID + "/why?position=" + c.ID)
		}
	}
	for _, item := range observers.Items {
		shown.Write(item.Data)
	}
	if len(all) != 4 || len(changes) != 3 {
		t.Errorf("%d observers, %d changes", len(all), len(changes))
	}
	for name, text := range map[string]string{"the console": shown.String(), "the log": w.said.String()} {
		if i := strings.Index(strings.ReplaceAll(text, "observers/canary", ""), "canary"); i >= 0 {
			t.Errorf("%s shows a value: …%s…", name, text[max(0, i-300):min(len(text), i+200)])
		}
	}
}
