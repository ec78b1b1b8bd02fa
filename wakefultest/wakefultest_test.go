package wakefultest_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/wakeful-dev/wakeful/wakefultest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestObserve(t *testing.T) {
	app, live, db := newApp(t)
	posts := wakefultest.Observe(t, live, app, "/posts?author=7")
	if got := posts.JSON(); got != "[]" {
		t.Errorf("at first the list is %s, want none", got)
	}
	exec := func(text string) {
		t.Helper()
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	exec("INSERT INTO post (author, title) VALUES (7, 'Hello'), (8, 'Not this one')")
	posts.WaitEqual(t, `[{"title": "Hello", "id": 1}]`)
	exec("INSERT INTO post (author, title) VALUES (7, 'World')")
	posts.Wait(t, func(items []wakefultest.Item) bool {
		return len(items) == 2 && items[1]["title"] == "World"
	})
	exec("DELETE FROM post WHERE id = 1")
	posts.WaitEqual(t, `[{"id": 3, "title": "World"}]`)
	if items := posts.Items(); len(items) != 1 || items[0]["id"] != 3.0 {
		t.Errorf("items are %v", items)
	}
}

func TestSeveralListsOfOneApp(t *testing.T) {
	app, live, db := newApp(t)
	server := wakefultest.Start(t, live, app)
	seven, eight := server.Observe("/posts?author=7"), server.Observe("/posts?author=8", http.Header{"Authorization": {"Ada"}})
	if _, err := db.Exec("INSERT INTO post (author, title) VALUES (7, 'a'), (8, 'b')"); err != nil {
		t.Fatal(err)
	}
	seven.WaitEqual(t, `[{"id": 1, "title": "a"}]`)
	eight.WaitEqual(t, `[{"id": 2, "title": "b"}]`)
}

// failing notes how a test would fail.
type failing struct {
	testing.TB
	text string
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.text = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// fails runs what must fail the test and returns what it says.
func fails(t *testing.T, run func(testing.TB)) string {
	f := &failing{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(f)
	}()
	<-done
	return f.text
}

func TestFailuresSayWhatIsWrong(t *testing.T) {
	app, live, db := newApp(t)
	server := wakefultest.Start(t, live, app)
	posts := server.Observe("/posts?author=7")
	if _, err := db.Exec("INSERT INTO post (author, title) VALUES (7, 'a'), (7, 'b')"); err != nil {
		t.Fatal(err)
	}
	posts.Wait(t, func(items []wakefultest.Item) bool { return len(items) == 2 })
	live.Clear()
	text := fails(t, func(t testing.TB) { posts.WaitEqual(t, `[{"id": 2, "title": "b"}, {"id": 3, "title": "c"}]`) })
	for _, want := range []string{
		"/posts?author=7", "the server has closed the list: cleared", "got 2 items", `{"id":1,"title":"a"}`,
		"want 2 items", `{"id":2,"title":"b"}` + "\t← is at 1", `{"id":3,"title":"c"}` + "\t← missing",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the failure does not say %q:\n%s", want, text)
		}
	}
	text = fails(t, func(t testing.TB) { posts.WaitEqual(t, `{`) })
	if !strings.Contains(text, "no JSON") {
		t.Errorf("the failure does not say that want is no JSON: %s", text)
	}
}

// TestFailureExplains: a list that did not move tells what it reads and why the
// newest change was nothing to it.
func TestFailureExplains(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits until Patience is over")
	}
	app, live, db := newApp(t)
	posts := wakefultest.Observe(t, live, app, "/posts?author=7")
	if _, err := db.Exec("INSERT INTO post (author, title) VALUES (8, 'a')"); err != nil {
		t.Fatal(err)
	}
	text := fails(t, func(t testing.TB) { posts.WaitEqual(t, `[{"id": 1, "title": "a"}]`) })
	for _, want := range []string{
		"not within", "SELECT id, title FROM post WHERE author = ?", "post (author, id, title): author = 7",
		"post: insert does not touch: author = 7 is not met by the new row (author 8)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the failure does not say %q:\n%s", want, text)
		}
	}
}
