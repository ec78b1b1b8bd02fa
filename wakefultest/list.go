package wakefultest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/internal/follow"
)

// List follows what an endpoint returns.
type List struct {
	live   Live
	url    string
	client *follow.Client
	list   *follow.List
}

// Item is one element of a list, as encoding/json reads an object.
type Item = map[string]any

// Items returns what the list holds now.
func (l *List) Items() []Item {
	var held []follow.Item
	l.look(func() { held = l.list.Items })
	return parse(held)
}

// JSON returns what the list holds now as a JSON array, fields sorted by name.
func (l *List) JSON() string {
	var held []follow.Item
	l.look(func() { held = l.list.Items })
	return string(follow.JSON(held))
}

// Meta returns what the endpoint's page has beside its items, as JSON: "" if
// nothing.
func (l *List) Meta() (meta string) {
	l.look(func() { meta = string(l.list.Meta) })
	return meta
}

// Wait returns when done says true of the items. It looks again after each
// thing that arrives, and fails the test after Patience, or at once when the
// list can no longer change.
func (l *List) Wait(t testing.TB, done func(items []Item) bool) {
	t.Helper()
	l.await(t, "what Wait waits for", func(items []follow.Item) bool { return done(parse(items)) })
}

// WaitEqual returns when the list equals want, a JSON array. The order of items
// counts; that of fields and white space do not.
func (l *List) WaitEqual(t testing.TB, want string) {
	t.Helper()
	canonical, err := follow.Canonical([]byte(want))
	if err != nil {
		t.Fatalf("wakefultest: want is no JSON: %v", err)
	}
	l.await(t, string(canonical), func(items []follow.Item) bool {
		return string(follow.JSON(items)) == string(canonical)
	})
}

func (l *List) await(t testing.TB, want string, done func([]follow.Item) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	var failure string
	err := l.client.Wait(ctx, func(v follow.View) bool {
		if done(l.list.Items) {
			return true
		}
		switch {
		case l.list.Ended:
			failure = "the server has closed the list: " + l.list.Why
		case v.Ended() != nil:
			failure = v.Ended().Error()
		}
		return failure != ""
	})
	if err == nil && failure == "" {
		return
	}
	if failure == "" {
		failure = fmt.Sprintf("not within %v", Patience)
	}
	t.Fatalf("%s%s", l.describe(failure, want), l.explanation())
}

// Explain returns what the list depends on, why it was evaluated and what the
// newest changes were to it, with all values. It is nil where the server has
// closed the list.
func (l *List) Explain() *wakeful.Explanation {
	live, ok := l.live.(interface {
		Explain(context.Context, wakeful.Question) (*wakeful.Explanation, error)
	})
	if !ok {
		return nil
	}
	var observer string
	l.look(func() { observer = l.list.Observer })
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	e, err := live.Explain(ctx, wakeful.Question{Observer: observer, Values: true})
	if err != nil {
		return nil
	}
	return e
}

// explanation is what a list that does not become what it should is asked next.
func (l *List) explanation() string {
	if e := l.Explain(); e != nil {
		return "\n" + e.String()
	}
	return ""
}

// describe says what is wrong, item by item.
func (l *List) describe(failure, want string) string {
	var held []follow.Item
	var where string
	l.look(func() {
		held = l.list.Items
		where = fmt.Sprintf("epoch %s, diff %d, position %s", l.list.Epoch, l.list.Seq, l.list.Position)
	})
	var out strings.Builder
	fmt.Fprintf(&out, "wakefultest: %s: %s\n got %d items (%s):\n", l.url, failure, len(held), where)
	for _, item := range held {
		fmt.Fprintf(&out, "\t%s\n", item.Data)
	}
	var items []json.RawMessage
	if err := json.Unmarshal([]byte(want), &items); err != nil {
		fmt.Fprintf(&out, "want %s", want)
		return out.String()
	}
	fmt.Fprintf(&out, "want %d items:\n", len(items))
	for i, item := range items {
		mark := ""
		if at := slices.IndexFunc(held, func(h follow.Item) bool { return string(h.Data) == string(item) }); at < 0 {
			mark = "\t← missing"
		} else if at != i {
			mark = fmt.Sprintf("\t← is at %d", at)
		}
		fmt.Fprintf(&out, "\t%s%s\n", item, mark)
	}
	return out.String()
}

// look runs f while the list stands still.
func (l *List) look(f func()) {
	_ = l.client.Wait(context.Background(), func(follow.View) bool { // ends at once
		f()
		return true
	})
}

func parse(held []follow.Item) []Item {
	items := make([]Item, len(held))
	for i := range held {
		if err := json.Unmarshal(held[i].Data, &items[i]); err != nil {
			panic(err) // follow made sure that it is an object
		}
	}
	return items
}
