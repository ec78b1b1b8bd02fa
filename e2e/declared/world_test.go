// Package declared lets random writers at a server whose routes are resources,
// and holds what its clients have after every transaction against a fresh GET.
package declared

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/follow"
	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/where"
)

// patience is how long anything may take that needs no luck.
var patience = 30 * time.Second

func init() {
	if raceEnabled {
		patience *= 4
	}
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, fmt.Errorf("it did not happen within %v", patience))
	t.Cleanup(cancel)
	return ctx
}

// world is a server with its resources, its writers and its clients.
type world struct {
	t      testing.TB
	seed   uint64
	random *rand.Rand
	hasty  bool // several transactions may come between two looks

	engine
	db      *sql.DB // of the app
	outside *sql.DB // as another program has it
	source  liveSource
	live    *wakeful.Server
	http    *httptest.Server
	clients []*client

	transactions, states, changed, unanswered, ended, moved int

	mu  sync.Mutex
	why map[string]int // of lists that were not stepped
	ran []string       // observers whose view ran: how their ids begin
	// Of the newest transaction: who was read, and by how many statements.
	read       []string
	statements int
	reread     int // of the statements, those that read a shape once more
}

// client is one who follows lists.
type client struct {
	*follow.Client
	as    string
	lists map[string]*follow.List // by URL
	known map[string]string       // the observers that they were
}

func newWorld(t testing.TB, seed uint64, s *scenario) *world {
	t.Helper()
	w := &world{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 7)), hasty: s.wild, why: map[string]int{}, engine: onSQLite}
	if s.postgres {
		w.engine = onPostgres
	}
	w.open(w, s)
	var err error
	w.live, err = wakeful.New(wakeful.Config{
		Source: w.source, Heartbeat: time.Second, Events: w.hear, Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		Limits: wakeful.Limits{Sessions: 1000, FramesPerSecond: 10_000, FrameBurst: 10_000, Items: 50_000, Warn: patience, Stop: -1},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.http = httptest.NewServer(w.live.Wrap(w.routes()))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.live.Run(ctx) }()
	t.Cleanup(func() {
		for _, c := range w.clients {
			c.Close()
		}
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
		w.http.CloseClientConnections()
		w.http.Close()
		if err := errors.Join(w.outside.Close(), w.db.Close(), w.source.Close()); err != nil {
			t.Error(err)
		}
	})
	return w
}

// hear counts why lists were not stepped.
func (w *world) hear(e wakeful.Event) {
	switch kind := e.Kind.String(); kind {
	case "batch read":
		w.mu.Lock()
		defer w.mu.Unlock()
		w.statements++
	case "read", "evaluated", "plan dropped", "audit differed", "read failed":
		w.mu.Lock()
		defer w.mu.Unlock()
		w.why[kind+" "+e.View+": "+e.Detail]++
		switch kind {
		case "evaluated":
			w.ran = append(w.ran, e.Observer)
		case "read":
			w.read = append(w.read, e.Observer)
		}
	}
}

// reasons are those that were heard since the last call.
func (w *world) reasons() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	why := w.why
	w.why, w.ran = map[string]int{}, nil
	return why
}

// told writes reasons for people.
func told(why map[string]int) string {
	var text strings.Builder
	for _, reason := range sortedKeys(why) {
		fmt.Fprintf(&text, "\n%6d %s", why[reason], reason)
	}
	return text.String()
}

// routes are the resources. Who asks is a number in Authorization.
func (w *world) routes() http.Handler {
	mux := http.NewServeMux()
	whole := func(table string) resource.Config[resource.Record] {
		return resource.Config[resource.Record]{
			DB: w.db, Catalog: w.source, Table: table, Allow: permit.Public,
			Filters: resource.Filters{resource.AllColumns: resource.Every},
			Order:   resource.Order{Allow: []string{resource.AllColumns}},
			Page:    resource.Page{Size: 10, Max: 1000},
		}
	}
	mount := func(prefix string, cfg resource.Config[resource.Record]) {
		made, err := resource.New(cfg)
		if err != nil {
			w.t.Fatalf("%s: %v", prefix, err)
		}
		made.Mount(mux, prefix)
	}
	across := resource.Filters{resource.AllColumns: resource.Every, "owner__name": resource.Texts,
		"owner__level": resource.Comparison, "owner__team__name": resource.Equality}
	items := whole("item")
	items.Order.Default = []string{"-score"}
	items.Filters, items.Search = across, []string{"title", "note"}
	mount("/items", items)

	mine := items
	mine.Name = "mine"
	mine.Scope = func(r *http.Request, _ permit.Action) (where.Expr, error) { return where.Eq("owner", asked(r)), nil }
	mount("/mine", mine)

	ours := items
	ours.Name = "ours"
	ours.Scope = func(r *http.Request, _ permit.Action) (where.Expr, error) {
		return where.Or(where.Via("owner", where.Eq("team", asked(r)%3)), where.IsNull("owner")), nil
	}
	mount("/ours", ours)

	club := items // rights that are rows: who is of level 7 may not call, others see the items of their team
	club.Name = "club"
	club.Allow = func(r *http.Request, _ permit.Action) error {
		var level sql.NullInt64
		err := w.db.QueryRowContext(r.Context(), w.numbered("SELECT level FROM person WHERE id = ?"), asked(r)).Scan(&level)
		if errors.Is(err, sql.ErrNoRows) || level.Int64 == 7 {
			return permit.Deny("not of the club")
		}
		return err
	}
	club.Scope = func(r *http.Request, _ permit.Action) (where.Expr, error) {
		var team sql.NullInt64
		err := w.db.QueryRowContext(r.Context(), w.numbered("SELECT team FROM person WHERE id = ?"), asked(r)).Scan(&team)
		if errors.Is(err, sql.ErrNoRows) {
			return where.None(), nil
		}
		return where.Eq("score", team.Int64), err
	}
	mount("/club", club)

	people := whole("person")
	people.Nested = []resource.Nested{
		{Name: "team_of", Via: "team", Columns: []string{"name"}},
		{Name: "items", Table: "item", By: "owner", Columns: []string{"id", "title", "score"}, Order: []string{"-score"}},
	}
	mount("/people", people)

	odd := whole("odd")
	odd.Filters = resource.Filters{resource.AllColumns: resource.Every, "owner__name": resource.Texts}
	mount("/odd", odd)
	for prefix, table := range w.more {
		mount(prefix, whole(table))
	}
	for _, table := range []string{"pair", "code", "exact", "clock"} {
		mount("/"+table, whole(table))
	}
	summary := whole("summary")
	summary.Key = []string{"owner"}
	mount("/summary", summary)
	return mux
}

func asked(r *http.Request) int {
	n, _ := strconv.Atoi(r.Header.Get("Authorization"))
	return n
}

// join makes a client that follows the clock, which every transaction turns.
func (w *world) join(as int) *client {
	w.t.Helper()
	c := &client{as: strconv.Itoa(as), lists: map[string]*follow.List{}, known: map[string]string{}}
	c.Client = follow.NewClient(follow.Config{
		Server: w.http.URL, Session: fmt.Sprintf("s%d-%d", w.seed, len(w.clients)), Header: http.Header{"Authorization": {c.as}},
		Watch: follow.Watch{Fault: func(err error) { w.t.Errorf("seed %d: %v", w.seed, err) }},
	})
	if err := c.Connect(within(w.t)); err != nil {
		w.t.Fatal(err)
	}
	w.clients = append(w.clients, c)
	if !w.observe(c, "/clock/1") {
		w.t.Fatal("the clock cannot be observed")
	}
	return c
}

// observe has a client follow a list. It is false where the request is refused.
func (w *world) observe(c *client, url string) bool {
	w.t.Helper()
	if c.lists[url] != nil {
		return true
	}
	list, err := c.Get(within(w.t), url)
	var refused *follow.StatusError
	if errors.As(err, &refused) && (refused.Status == http.StatusBadRequest || refused.Status == http.StatusForbidden) {
		return false
	}
	if err != nil {
		w.t.Fatalf("seed %d: observe %s: %v", w.seed, url, err)
	}
	c.lists[url] = list
	return true
}

// fetched is what a fresh GET answers.
type fetched struct {
	status int
	items  [][]byte
	meta   []byte
	body   []byte
}

// fetch asks without observing.
func (w *world) fetch(as, url string) *fetched {
	w.t.Helper()
	request, err := http.NewRequestWithContext(within(w.t), http.MethodGet, w.http.URL+url, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", as)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	f := &fetched{status: response.StatusCode}
	if f.body, err = io.ReadAll(response.Body); err != nil {
		w.t.Fatal(err)
	}
	if f.status != http.StatusOK {
		return f
	}
	var page map[string]json.RawMessage
	if err := json.Unmarshal(f.body, &page); err != nil {
		w.t.Fatalf("%s: %v: %.300s", url, err, f.body)
	}
	results, isPage := page["results"]
	if !isPage {
		f.items = [][]byte{bare(w.t, f.body)}
		return f
	}
	var items []json.RawMessage
	if err := json.Unmarshal(results, &items); err != nil {
		w.t.Fatal(err)
	}
	for _, item := range items {
		f.items = append(f.items, bare(w.t, item))
	}
	delete(page, "results")
	meta, err := json.Marshal(page)
	if err == nil {
		f.meta, err = follow.Canonical(meta)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// bare is an item as its view made it: a composite key is added to it where it
// is observed.
func bare(t testing.TB, item []byte) []byte {
	canonical, err := follow.Canonical(item)
	if err == nil && bytes.Contains(canonical, []byte(`"_key"`)) {
		var fields map[string]json.RawMessage
		if err = json.Unmarshal(canonical, &fields); err == nil {
			delete(fields, "_key")
			canonical, err = json.Marshal(fields)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return canonical
}

// now is the newest position of the database.
func (w *world) now() change.Position {
	w.t.Helper()
	snapshot, err := w.source.Pin(within(w.t))
	if err != nil {
		w.t.Fatal(err)
	}
	defer snapshot.Close()
	if over, ok := snapshot.(source.Overlapping); ok {
		return over.Through()
	}
	return snapshot.Position()
}

// settle waits until every client was shown what is committed.
func (w *world) settle() {
	w.t.Helper()
	position := w.now()
	for _, c := range w.clients {
		var last follow.Progress
		err := c.Wait(within(w.t), func(v follow.View) bool {
			last = v.Progress()
			return v.Ended() != nil || last.Position.SameHistory(position) && last.Position >= position && len(last.Behind) == 0
		})
		if err != nil || c.Ended() != nil {
			w.t.Fatalf("seed %d, transaction %d: %v, %v: the database is at %s, the client at %s, behind with %v\n%s",
				w.seed, w.transactions, err, c.Ended(), position, last.Position, last.Behind, w.explain(last.Behind))
		}
	}
}

// judge holds every list of every client against a fresh GET.
func (w *world) judge() {
	w.t.Helper()
	fresh := map[string]*fetched{}
	for _, c := range w.clients {
		for _, url := range sortedKeys(c.lists) {
			want := fresh[c.as+" "+url]
			if want == nil {
				want = w.fetch(c.as, url)
				fresh[c.as+" "+url] = want
			}
			w.compare(c, url, want)
		}
	}
}

func (w *world) compare(c *client, url string, want *fetched) {
	w.t.Helper()
	w.states++
	var observer, why string
	var items [][]byte
	var meta []byte
	err := c.Wait(within(w.t), func(follow.View) bool {
		list := c.lists[url]
		observer, meta = list.Observer, list.Meta
		if why = ""; list.Ended {
			why = list.Why
		}
		items = nil
		for _, item := range list.Items {
			items = append(items, item.Data)
		}
		return !strings.HasPrefix(why, "scope_changed") // then a client observes again by itself
	})
	if err != nil {
		w.t.Fatalf("seed %d, transaction %d: %s was closed as %s and did not come back: %v", w.seed, w.transactions, url, why, err)
	}
	if before := c.known[url]; before != "" && before != observer {
		w.moved++
	}
	c.known[url] = observer
	switch {
	case want.status == http.StatusNotFound:
		want.meta = meta // nothing is said of it
	case why != "" && (want.status != http.StatusOK || strings.HasPrefix(why, "permission_revoked") && w.hasty):
		// It may also be that rights were taken and given back since the last look.
		w.ended++
		delete(c.known, url)
		delete(c.lists, url) // both say that it has come to an end
		return
	case want.status != http.StatusOK:
		w.t.Fatalf("seed %d, transaction %d: %s is answered %d %s, and is followed on", w.seed, w.transactions, url, want.status, want.body)
	case why != "":
		w.t.Fatalf("seed %d, transaction %d: %s was closed: %s", w.seed, w.transactions, url, why)
	}
	for i := range items {
		items[i] = bare(w.t, items[i])
	}
	if slices.EqualFunc(items, want.items, bytes.Equal) && bytes.Equal(meta, want.meta) {
		return
	}
	w.t.Fatalf("seed %d, transaction %d: %s as %s\nthe client has %s %s\na GET answers  %s %s\n%s", w.seed, w.transactions, url, c.as,
		joined(items), meta, joined(want.items), want.meta, w.explain([]string{observer}))
}

// evaluated explains the lists whose views ran though they should not have.
func (w *world) evaluated() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids []string
	for _, c := range w.clients {
		for _, list := range c.lists {
			if slices.ContainsFunc(w.ran, func(begin string) bool { return strings.HasPrefix(list.Observer, begin) }) {
				ids = append(ids, list.Observer)
			}
		}
	}
	slices.Sort(ids)
	return w.explain(slices.Compact(ids))
}

func joined(items [][]byte) []byte { return bytes.Join(items, []byte("\n  ")) }

func (w *world) explain(observers []string) string {
	var text strings.Builder
	for _, id := range observers {
		if e, err := w.live.Explain(context.Background(), wakeful.Question{Observer: id, Values: true}); err == nil {
			text.WriteString(shortened(e.String(), 4_000))
		}
	}
	return text.String()
}

func shortened(text string, most int) string {
	if len(text) > most {
		return text[:most] + " …\n"
	}
	return text
}

// batched counts the statements that read lists of a shape another one has read
// for the same transaction: one for those whose round has not waited for them.
func (w *world) batched() {
	w.mu.Lock()
	defer w.mu.Unlock()
	read := map[string]bool{}
	for _, c := range w.clients {
		for address, list := range c.lists {
			if slices.ContainsFunc(w.read, func(begin string) bool { return strings.HasPrefix(list.Observer, begin) }) {
				read[shapeOf(address)] = true
			}
		}
	}
	if more := w.statements - len(read); more > 0 {
		w.reread += more
		w.t.Logf("seed %d, transaction %d: %d statements read lists of %d shapes: %q", w.seed, w.transactions, w.statements, len(read), sortedKeys(read))
	}
	w.read, w.statements = nil, 0
}

// shapeOf is what a list asks, whatever the values.
func shapeOf(address string) string {
	shape, query, _ := strings.Cut(address, "?")
	for _, pair := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		switch {
		case name == "limit" || name == "offset" || name == "page" || name == "page_size":
			continue
		case name == "ordering", strings.HasSuffix(name, "__isnull"), strings.HasSuffix(name, "__in"):
			name += value
		}
		shape += " " + name
	}
	return shape
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
