package console

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/source/memsource"
	"github.com/wakeful-dev/wakeful/wire"
)

// tables of the console's own database: of each row its id and the item that it
// is shown as.
var tables = []string{"server", "seconds", "views", "observers", "connections", "changes"}

// period is the least time from one look at the server to the next.
const period = 950 * time.Millisecond

// share is the part of the time that looking may take: one in so many.
const share = 20

// maxHistory bounds how far a list may lag behind before it is made anew.
const maxHistory = 16

func newTables() *memsource.DB {
	config := memsource.Config{History: maxHistory}
	for _, name := range tables {
		config.Tables = append(config.Tables, memsource.Table{Name: name, Columns: []string{"id", "item"}})
	}
	return memsource.New(config)
}

// list is the view of one table.
func (c *Console) list(table string) http.Handler {
	view := wakeful.View{Key: []string{"id"}, Name: "console " + table, Headers: []string{}}
	return view.Observable(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rows, err := c.db.Read(r.Context(), table)
		if err != nil {
			wire.NewProblem(http.StatusServiceUnavailable, wire.CodeUnavailable, err.Error()).Write(w)
			return
		}
		items := make([]string, len(rows))
		for i, row := range rows {
			items[i] = row["item"].(string)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("[" + strings.Join(items, ",") + "]")) // the client may be gone
	}))
}

// refreshed has who asks for a list see what is.
func (c *Console) refreshed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, c.cfg.Prefix+"/api/") || strings.HasPrefix(r.URL.Path, c.cfg.Prefix+"/ws/") {
			c.refresh(r.Context())
		}
		next.ServeHTTP(w, r)
	})
}

// refresh fills the tables with what is now, unless that was done just now.
func (c *Console) refresh(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	began := time.Now()
	if began.Sub(c.fed) < c.pause {
		return
	}
	report, err := c.cfg.Server.Inspect(ctx)
	if err != nil {
		report = &wakeful.Inspection{} // it does not run: what it held is gone
	}
	rows := c.rows(ctx, report)
	if _, err := c.db.Update(func(tx *memsource.Tx) error { return c.fill(tx, rows) }); err != nil {
		c.cfg.Logger.Warn("the console could not show what the server does", "err", err)
	}
	c.fed = time.Now()
	c.pause = max(period, share*c.fed.Sub(began))
}

// row is one row of a table.
type row struct {
	id   any // text, or a number
	item any // to be written as JSON
}

// rows puts a report into tables.
func (c *Console) rows(ctx context.Context, report *wakeful.Inspection) map[string][]row {
	rows := map[string][]row{"server": {{"server", c.server(ctx, report)}}}
	for i := range c.past.seconds {
		rows["seconds"] = append(rows["seconds"], row{c.past.seconds[i].ID, &c.past.seconds[i]})
	}
	for i := range report.Views {
		one := viewOf(&report.Views[i])
		rows["views"] = append(rows["views"], row{one.ID, one})
	}
	for i := range report.Observers {
		one := observerOf(&report.Observers[i])
		rows["observers"] = append(rows["observers"], row{one.ID, one})
	}
	for i := range report.Connections {
		one := connectionOf(&report.Connections[i])
		rows["connections"] = append(rows["connections"], row{one.ID, one})
	}
	for i := range report.Changes {
		one := changeOf(&report.Changes[i])
		rows["changes"] = append(rows["changes"], row{string(one.ID), one})
	}
	return rows
}

// fill makes the tables what the rows say.
func (c *Console) fill(tx *memsource.Tx, rows map[string][]row) error {
	for _, table := range tables {
		had, now := c.filled[table], make(map[any]struct{}, len(rows[table]))
		for _, r := range rows[table] {
			text, err := json.Marshal(r.item)
			if err != nil {
				return err
			}
			if err := tx.Put(table, memsource.Row{"id": r.id, "item": string(text)}); err != nil {
				return err
			}
			now[r.id] = struct{}{}
		}
		for id := range had {
			if _, still := now[id]; still {
				continue
			}
			if _, err := tx.Delete(table, id); err != nil {
				return err
			}
		}
		c.filled[table] = now
	}
	return nil
}

// milliseconds is a duration as it is shown.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// utc is a time as it is shown, nil for none.
func utc(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// list is a list that is never null.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
