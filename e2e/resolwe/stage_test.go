package resolwe

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"
)

// quiet is how long a list must stay right after it has become right: what
// still comes then would make it wrong.
const quiet = 300 * time.Millisecond

// everything is one list of each kind.
func everything() map[string]query {
	of := func(resource string, pairs ...string) query {
		parameters := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			parameters[pairs[i]] = pairs[i+1]
		}
		return query{resource, parameters}
	}
	return map[string]query{
		"all":      of("tickets"),
		"filtered": of("tickets", "project", "1", "open", "1"),
		"ranked":   of("tickets", "ordering", "-score"),
		"placed":   of("tickets", "ordering", "place"),
		"top":      of("tickets", "ordering", "-score", "limit", "5"),
		"window":   of("tickets", "ordering", "place", "limit", "5", "offset", "3"),
		"page":     of("pages", "ordering", "-score", "limit", "7"),
		"totals":   of("totals"),
		"board":    of("board"),
	}
}

// stage is an app, its network and one tab that follows everything.
type stage struct {
	*app
	link *link
	tab  *tab
	editor
}

func newStage(t *testing.T, seed uint64) *stage {
	t.Helper()
	return stageOf(t, newApp(t), seed)
}

func stageOf(t *testing.T, a *app, seed uint64) *stage {
	t.Helper()
	a.fill(1, 12)
	a.fill(2, 8)
	l := openLink(t, a.addr)
	s := &stage{app: a, link: l, tab: openTab(t, l.origin(), ""), editor: *newEditor(seed)}
	for name, q := range everything() {
		s.tab.observe(name, q)
	}
	return s
}

// edit commits n random transactions, every fifth by another program.
func (s *stage) edit(n int) {
	s.t.Helper()
	for range n {
		db := s.db
		if s.made%5 == 4 || db == nil {
			db = s.outside
		}
		s.transact(db, s.transaction()...)
	}
}

// equal waits until each tab shows for each of its queries what a plain GET
// answers, and goes on to do so. Nothing may be written meanwhile.
func equal(t *testing.T, a *app, tabs ...*tab) {
	t.Helper()
	for _, p := range tabs {
		late := time.After(patience)
		for {
			pulse := p.pulsing()
			difference := differs(a, p)
			if difference == "" {
				break
			}
			select {
			case <-pulse:
			case <-late:
				t.Fatalf("still unequal after %v:\n%s%s", patience, difference, p.state())
			}
		}
	}
}

// settled is equal, and still so when the network has been quiet.
func settled(t *testing.T, a *app, tabs ...*tab) {
	t.Helper()
	equal(t, a, tabs...)
	<-time.After(quiet)
	for _, p := range tabs {
		if difference := differs(a, p); difference != "" {
			t.Fatalf("equal, and then not:\n%s%s", difference, p.state())
		}
	}
}

// differs tells the first list of a tab that is not what a plain GET answers.
func differs(a *app, p *tab) string {
	a.t.Helper()
	shown := p.lists()
	names := make([]string, 0, len(p.queries))
	for name := range p.queries {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		want := a.plain(p.queries[name])
		if shown[name] == nil {
			return name + " is not shown"
		}
		got := decode(a.t, shown[name])
		if !reflect.DeepEqual(got, any(want)) {
			text, _ := json.Marshal(want)
			return fmt.Sprintf("%s  %s\nclient: %s\nserver: %s", name, p.queries[name].path(), shown[name], text)
		}
	}
	return ""
}

// asked fails where a client sent more observing GETs than its lists.
func (s *stage) asked(want int) {
	s.t.Helper()
	if got := s.observes.Load(); got != int64(want) {
		s.t.Errorf("%d observing GETs, want %d: what is shown must have come over the socket", got, want)
	}
}
