package postgres

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/internal/follow"
	"github.com/wakeful-dev/wakeful/internal/pgtest"
)

// TestTableUnderAnOpenTransaction: a publication is not retroactive. A
// transaction that has written a table before it was published, and goes on
// after that, comes with half of its rows; no list may be made of those (V7).
func TestTableUnderAnOpenTransaction(t *testing.T) {
	began := time.Now()
	w := newWorld(t, pgtest.Database(t), 1, 1)
	w.serve(w.db.URL)
	w.begin(1)
	times := sized(100, 2, 1)
	early := 0
	for n := range times {
		n := int64(n + 1)
		open := w.db.Connect(t)
		run := func(text string) {
			t.Helper()
			if _, err := open.Exec(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		run("BEGIN; " + raised(0, n))
		w.db.Exec(t, "CREATE TABLE added (id int PRIMARY KEY, n bigint NOT NULL)")
		run(fmt.Sprintf("INSERT INTO added VALUES (1, %d)", n))
		eventually(t, "the table is published", func() bool {
			return w.db.Value(t, "SELECT count(*) FROM pg_publication_tables WHERE tablename = 'added' AND pubname LIKE 'wakeful%'") == "1"
		})
		run(fmt.Sprintf("INSERT INTO added VALUES (2, %d)", n))
		p := w.follow([]string{"/added"})
		if err := p.begin(within(t)); err == nil {
			early++ // it is told then of all that comes
		} else if refused := (*follow.StatusError)(nil); !errors.As(err, &refused) {
			t.Fatal(err)
		}
		run("COMMIT")
		eventually(t, "the table is read", func() bool {
			return len(p.urls) == p.held() || p.begin(within(t)) == nil
		})
		p.awaitAdded(map[int]int64{1: n, 2: n})
		w.db.Exec(t, fmt.Sprintf("INSERT INTO added VALUES (3, %d)", n), "UPDATE added SET n = n + 1 WHERE id < 3")
		p.awaitAdded(map[int]int64{1: n + 1, 2: n + 1, 3: n})
		p.client.Close()
		w.watched = w.watched[:1]
		w.db.Exec(t, "DROP TABLE added")
	}
	v := w.end(w.db.URL, false)
	v.expect(t, 0)
	prove(t, began, "table published under an open transaction", v, "%d times, %d of them observed before it ended", times, early)
}

// held counts the lists that the client has.
func (p *watcher) held() (n int) {
	_ = p.client.Wait(p.w.t.Context(), func(v follow.View) bool { n = len(v.Lists()); return true })
	return n
}

// awaitAdded waits until the list of added is this.
func (p *watcher) awaitAdded(want map[int]int64) {
	p.w.t.Helper()
	var got map[int]int64
	err := p.client.Wait(within(p.w.t), func(v follow.View) bool {
		for _, l := range v.Lists() {
			got = values(l)
		}
		return told1(got) == told1(want)
	})
	if err != nil {
		p.w.t.Fatalf("the list is %v, want %v: %v", got, want, err)
	}
}

// TestPublicationLosesTable: who takes a table out of the publication by hand,
// and puts it back, leaves nobody with what was true before.
func TestPublicationLosesTable(t *testing.T) {
	w := newWorld(t, pgtest.Database(t), 1, 1)
	w.serve(w.db.URL)
	w.begin(1)
	publication := w.db.Value(t, "SELECT pubname FROM pg_publication WHERE pubname LIKE 'wakeful%'")
	for n := range int64(3) {
		w.db.Exec(t, "ALTER PUBLICATION "+publication+" DROP TABLE counter", raised(0, 10*n+1), raised(0, 10*n+2))
		eventually(t, "the table is published again", func() bool {
			return w.db.Value(t, "SELECT count(*) FROM pg_publication_tables WHERE tablename = 'counter' AND pubname = '"+publication+"'") == "1"
		})
		p := w.watched[0]
		eventually(t, "the list is right again", func() bool {
			if p.heal(within(t)) != nil {
				return false
			}
			right := false
			_ = p.client.Wait(t.Context(), func(v follow.View) bool {
				right = len(v.Lists()) == 2
				for _, l := range v.Lists() {
					right = right && !l.Ended && (values(l)[0] == 10*n+2 || values(l)[twins*perGroup] == 10*n+2)
				}
				return true
			})
			return right
		})
	}
}
