package console_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/console"
	"github.com/wakeful-dev/wakeful/internal/follow"
)

// observerItem is what the tests look at of an item of api/observers.
type observerItem struct {
	ID          string
	View        string
	Parameters  []string
	Identity    string
	Subscribers int
	Items       int
	ListBytes   int `json:"list_bytes"`
	Tables      []string
	How         string
	Steps       int
	Failures    int
	Last        *struct {
		Did, Cause, Table, Code string
		Ops, Bytes              int
	}
}

type timelineEntry struct {
	Did, Cause, Position, Table, Why, Code string
	Rows                                   []string
	Touches                                bool
	Took                                   *float64 `json:"took_ms"`
	Latency                                *float64 `json:"latency_ms"`
	Ops, Bytes                             int
}

type observerDetail struct {
	ID, View, Text string
	Parameters     []string
	Explanation    struct {
		Reads []struct{ Table, Rows string }
		Kept  struct{ How string }
	}
	Timeline []timelineEntry
}

// TestShowsWhatIsKept: a list that is followed appears, with what it reads, how
// it is kept, and each change with its cause, cost and size.
func TestShowsWhatIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.observe("/items?owner=7", nil)
	w.observe("/plain?from=canary", http.Header{"Cookie": {"session=canary-cookie"}})
	c, observers := w.watch("operator", "observers")
	stepped := waitFor(t, c, observers, "the stepped list", func(o *observerItem) bool { return o.How == "step" && o.Subscribers == 1 })
	if !slices.Equal(stepped.Parameters, []string{"owner"}) || stepped.Items != 1 || stepped.ListBytes == 0 || !slices.Equal(stepped.Tables, []string{"item"}) || stepped.Identity != "" {
		t.Errorf("%+v", stepped)
	}
	plain := waitFor(t, c, observers, "the evaluated list", func(o *observerItem) bool { return o.How == "evaluate" && o.Subscribers == 1 })
	if plain.View != "GET /plain" || len(plain.Identity) != 8 || plain.Last == nil || plain.Last.Cause != "first" {
		t.Errorf("%+v", plain)
	}
	_, connections := w.watch("operator2", "connections")
	if len(connections.Items) != 2 || !slices.ContainsFunc(connections.Items, func(i follow.Item) bool { return strings.Contains(string(i.Data), plain.Identity) }) {
		t.Errorf("no connection has the identity of the list: %+v", connections.Items)
	}

	w.exec(`INSERT INTO item VALUES (3, 7, 'canary-row-3')`)
	waitFor(t, c, observers, "the step", func(o *observerItem) bool {
		return o.ID == stepped.ID && o.Steps == 1 && o.Last.Did == "step" && o.Last.Cause == "change" && o.Last.Table == "item" && o.Last.Ops == 1 && o.Last.Bytes > 0
	})
	waitFor(t, c, observers, "the evaluation", func(o *observerItem) bool {
		return o.ID == plain.ID && o.Last.Did == "evaluate" && o.Last.Cause == "change" && o.Last.Ops == 1
	})
	w.exec(`UPDATE item SET owner = 9 WHERE id = 2`)

	var detail observerDetail
	eventually(t, "the change of another owner is in the timeline", func() bool {
		detail = observerDetail{}
		return w.ask("GET", "/console/api/observers/"+stepped.ID, "", &detail) == 200 && detail.Timeline[0].Did == "nothing"
	})
	if detail.Timeline[0].Touches || !strings.Contains(detail.Timeline[0].Why, "does not touch") {
		t.Errorf("%+v", detail.Timeline[0])
	}
	did := detail.Timeline[1]
	if did.Did != "step" || did.Took == nil || did.Latency == nil || len(did.Rows) != 1 || len(did.Rows[0]) != 8 || did.Table != "item" || did.Bytes == 0 {
		t.Errorf("%+v", did)
	}
	if e := detail.Explanation; e.Kept.How != "step" || len(e.Reads) == 0 || e.Reads[0].Rows != "owner = ?" || !strings.Contains(detail.Text, "kept") {
		t.Errorf("%+v", e)
	}
	if w.ask("GET", "/console/api/observers/0123456789", "", nil) != 404 {
		t.Error("there is an observer that there is not")
	}
}

// TestWhy: for each transaction it is told whether the list ran for it.
func TestWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c1, items := w.observe("/items?owner=7", nil)
	_, plain := w.observe("/plain?from=canary", nil)
	c, changes := w.watch("operator", "changes")
	type changeItem struct {
		ID      string
		Tables  []struct{ Table string }
		Touched int
	}
	w.exec(`INSERT INTO other VALUES (1)`)
	nobody := waitFor(t, c, changes, "the first change", func(i *changeItem) bool { return i.Tables[0].Table == "other" })
	w.exec(`INSERT INTO item VALUES (3, 7, 'canary-row-3')`)
	both := waitFor(t, c, changes, "the second change", func(i *changeItem) bool { return i.Tables[0].Table == "item" })
	if nobody.Touched != 0 || both.Touched != 2 {
		t.Errorf("touched %d and %d", nobody.Touched, both.Touched)
	}
	waitFor(t, c1, items, "the new item", func(i *struct{ ID int }) bool { return i.ID == 3 })
	type why struct {
		Verdict, Text string
		Touches       bool
		Reasons       []struct{ Cause, Text string }
		Runs          []timelineEntry
	}
	ask := func(observer, position string) (got why) {
		t.Helper()
		if status := w.ask("GET", "/console/api/observers/"+observer+"/why?position="+position, "", &got); status != 200 {
			t.Errorf("status %d", status)
		}
		return got
	}
	if got := ask(items.Observer, nobody.ID); got.Verdict != "untouched" || got.Touches || got.Reasons[0].Cause != "not_read" || !strings.HasPrefix(got.Text, "It did not run: other: ") {
		t.Errorf("%+v", got)
	}
	if got := ask(items.Observer, both.ID); got.Verdict != "stepped" || !got.Touches || len(got.Runs) != 1 || got.Runs[0].Did != "step" {
		t.Errorf("%+v", got)
	}
	eventually(t, "the view ran", func() bool {
		got := ask(plain.Observer, both.ID)
		return got.Verdict == "ran" && len(got.Runs) == 1 && got.Runs[0].Did == "evaluate"
	})
	if w.ask("GET", "/console/api/observers/"+plain.Observer+"/why", "", nil) != 400 ||
		w.ask("GET", "/console/api/observers/"+plain.Observer+"/why?position=nonsense", "", nil) != 404 {
		t.Error("no position, or none that there is, is answered")
	}
	_, late := w.observe("/plain?from=b", nil)
	if got := ask(late.Observer, both.ID); got.Verdict != "contained" {
		t.Errorf("a list that is younger than the change: %+v", got)
	}
}

// TestServerAndConnections: counts, rates, latency, and who is connected.
func TestServerAndConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	header := http.Header{"Cookie": {"session=canary-cookie"}}
	c1, items := w.observe("/items", header)
	c, server := w.watch("operator", "server")
	w.exec(`INSERT INTO item VALUES (3, 7, 'canary-row-3')`)
	waitFor(t, c1, items, "the new item", func(i *struct{ ID int }) bool { return i.ID == 3 })
	type serverItem struct {
		Source  struct{ Streaming bool }
		Totals  struct{ Observers, Sessions, Sockets, Subscriptions, Items, Views int }
		Rates   struct{ Changes, Diffs, Sent float64 }
		Latency struct {
			Count int
			P50   *float64 `json:"p50_ms"`
		}
		Memory struct{ Bytes map[string]int }
	}
	waitFor(t, c, server, "what the server did", func(s *serverItem) bool {
		return s.Source.Streaming && s.Totals.Observers == 1 && s.Totals.Sessions == 1 && s.Totals.Sockets == 1 && s.Totals.Subscriptions == 1 &&
			s.Totals.Items == 3 && s.Totals.Views == 1 && s.Rates.Changes > 0 && s.Rates.Diffs > 0 && s.Rates.Sent > 0 &&
			s.Latency.Count == 1 && s.Latency.P50 != nil && s.Memory.Bytes["lists"] > 0
	})
	type connection struct {
		ID, Identity, Transport, Address string
		Protocol, Subscriptions          int
		AbsentSince                      *string `json:"absent_since"`
	}
	var connections []connection
	w.ask("GET", "/console/api/connections", "", &connections)
	if len(connections) != 1 || connections[0].Transport != "websocket" || connections[0].Protocol != 2 || connections[0].Address != "loopback" ||
		connections[0].Subscriptions != 1 || len(connections[0].Identity) != 8 {
		t.Errorf("%+v", connections)
	}
	var seconds []struct {
		Changes int
		Latency []int
	}
	eventually(t, "the seconds have the change", func() bool {
		w.ask("GET", "/console/api/seconds", "", &seconds)
		return slices.ContainsFunc(seconds, func(s struct {
			Changes int
			Latency []int
		}) bool {
			return s.Changes > 0 && len(s.Latency) == 16
		})
	})
	var views []struct {
		ID                     string
		Observers, Step, Items int
		Subscribers            int
	}
	if w.ask("GET", "/console/api/views", "", &views); len(views) != 1 || views[0].Observers != 1 || views[0].Step != 1 || views[0].Subscribers != 1 {
		t.Errorf("%+v", views)
	}
	c1.Cut()
	c, list := w.watch("operator2", "connections")
	waitFor(t, c, list, "the client is away", func(c *connection) bool { return c.Transport == "none" && c.AbsentSince != nil })
}

// TestFailingView: a view that fails is told, with its code and without what it
// said.
func TestFailingView(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.observe("/plain?fail=1", nil)
	c, views := w.watch("operator", "views")
	w.exec(`INSERT INTO other VALUES (1)`)
	waitFor(t, c, views, "the failing view", func(v *struct {
		Failing int
		Code    string
	}) bool {
		return v.Failing == 1 && v.Code == "status 500"
	})
	w.exec(`DELETE FROM other`)
	waitFor(t, c, views, "it is well again", func(v *struct{ Failing int }) bool { return v.Failing == 0 })
}

// TestEnding: nothing ends by one request; what is confirmed does, and its
// clients are told.
func TestEnding(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c, items := w.observe("/items", nil)
	path := "/console/api/observers/" + items.Observer + "/end"
	var first, second struct{ Confirm, Text string }
	if w.ask("POST", path, "{}", &first) != 200 || !strings.Contains(first.Text, "followed by 1") || items.Ended {
		t.Fatalf("%+v", first)
	}
	confirm := func(token string) string {
		body, err := json.Marshal(map[string]string{"confirm": token})
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	if got := w.ask("POST", path, confirm("made-up"), nil); got != 409 {
		t.Errorf("a made-up token: %d", got)
	}
	_, plain := w.observe("/plain", nil)
	if got := w.ask("POST", "/console/api/observers/"+plain.Observer+"/end", confirm(first.Confirm), nil); got != 409 {
		t.Errorf("the token of another: %d", got)
	}
	if got := w.ask("POST", path, confirm(first.Confirm), nil); got != 409 {
		t.Errorf("a token that was used: %d", got)
	}
	w.ask("POST", path, "{}", &second)
	if got := w.ask("POST", path, confirm(second.Confirm), nil); got != 200 {
		t.Fatalf("confirmed: %d", got)
	}
	if err := c.Wait(deadline(t), func(follow.View) bool { return items.Ended }); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(items.Why, "cleared") {
		t.Errorf("told %q", items.Why)
	}
	if got := w.ask("POST", path, "{}", nil); got != 404 {
		t.Errorf("it has ended: %d", got)
	}

	var connections []struct{ ID string }
	eventually(t, "both clients are listed", func() bool {
		w.ask("GET", "/console/api/connections", "", &connections)
		return len(connections) == 2
	})
	for _, one := range connections {
		path := "/console/api/connections/" + one.ID + "/end"
		w.ask("POST", path, "{}", &first)
		if got := w.ask("POST", path, confirm(first.Confirm), nil); got != 200 {
			t.Errorf("connection: %d", got)
		}
	}
	if ended, err := c.AwaitEnd(deadline(t)); err != nil || ended.Code != 4410 {
		t.Errorf("its socket ended with %v, %v", ended, err)
	}
	if said := w.said.String(); strings.Count(said, "an operator has ended something") != 3 {
		t.Errorf("the log lacks who was ended:\n%s", said)
	}
}

// TestConfigIsChecked: what cannot be meant is refused, and said how.
func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, tt := range []struct {
		cfg  console.Config
		want string
	}{
		{console.Config{}, "Server"},
		{console.Config{Server: w.live, Token: "short"}, "Token"},
		{console.Config{Server: w.live, Token: token, Authorize: func(*http.Request) error { return nil }}, "two ways"},
		{console.Config{Server: w.live, Prefix: "console"}, "Prefix"},
	} {
		if _, err := console.New(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt.cfg, err)
		}
	}
}
