package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/internal/follow"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
	"github.com/wakeful-dev/wakeful/postgres"
)

// TestHandlersWakeByTheirRows: where the log has old rows by their keys alone, an
// update runs the one handler whose list has the row, of all that read the table.
func TestHandlersWakeByTheirRows(t *testing.T) {
	lists, updates := sized(320, 320, 40), sized(100, 10, 5)
	var ran [2]uint64
	for i, columns := range []string{"id, n", "id + 0 AS id, n"} { // which rows the second reads is not known
		ran[i] = evaluationsOf(t, "SELECT "+columns+" FROM counter WHERE grp = $1::int ORDER BY id", lists, updates)
	}
	t.Logf("%d lists, %d updates: %d evaluations, %d where the rows that a view reads are not known", lists, updates, ran[0], ran[1])
	if most := uint64(2 * updates); ran[0] > most || ran[1] < uint64(lists*updates/2) {
		t.Errorf("%d evaluations, want at most %d; %d where rows are not known, want about %d", ran[0], most, ran[1], lists*updates)
	}
}

// evaluationsOf counts how often a view is evaluated while rows of its lists are
// updated one after the other.
func evaluationsOf(t *testing.T, text string, lists, updates int) uint64 {
	base := pgtest.Database(t)
	base.Exec(t, "CREATE TABLE counter (id int PRIMARY KEY, grp int NOT NULL, n bigint NOT NULL)",
		fmt.Sprintf("INSERT INTO counter SELECT g * %d + i, g, 0 FROM generate_series(0, %d) g, generate_series(0, 3) i", perGroup, lists-1))
	db, source, err := postgres.Config{URL: base.URL, Logger: logTo(t.Output())}.Open()
	if err != nil {
		t.Fatal(err)
	}
	live, err := wakeful.New(wakeful.Config{Source: source})
	if err != nil {
		t.Fatal(errors.Join(err, db.Close(), source.Close()))
	}
	mux := http.NewServeMux()
	mux.Handle("GET /counters", wakeful.Observable("id")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, db, text, r.URL.Query().Get("grp"))
	})))
	a := &app{db: db, source: source, live: live, http: httptest.NewServer(live.Wrap(mux)), ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	go func() { a.ended <- live.Run(ctx) }()
	t.Cleanup(func() {
		if err := a.stop(); err != nil {
			t.Error(err)
		}
	})
	client := follow.NewClient(follow.Config{Server: a.http.URL, Session: base.Name})
	defer client.Close()
	if err := client.Connect(within(t)); err != nil {
		t.Fatal(err)
	}
	for group := range lists {
		if _, err := client.Get(within(t), fmt.Sprintf("/counters?grp=%d", group)); err != nil {
			t.Fatal(err)
		}
	}
	before := evaluated(live)
	for n := 1; n <= updates; n++ {
		group := n * 7 % lists
		id := group * perGroup
		base.Exec(t, fmt.Sprintf("UPDATE counter SET n = %d WHERE id = %d", n, id))
		if err := client.Wait(within(t), func(v follow.View) bool { return shows(v, group, id, int64(n)) }); err != nil {
			t.Fatalf("update %d: %v", n, err)
		}
		eventually(t, "no list is behind", func() bool {
			for _, o := range live.Status().Worker.Observers {
				if o.Behind {
					return false
				}
			}
			return true
		})
	}
	return evaluated(live) - before
}

func shows(v follow.View, group, id int, n int64) bool {
	for _, l := range v.Lists() {
		if g, ok := groupOf(l); ok && g == group {
			return values(l)[id] == n
		}
	}
	return false
}

func evaluated(live *wakeful.Server) (n uint64) {
	for _, o := range live.Status().Worker.Observers {
		n += o.Evaluations
	}
	return n
}
