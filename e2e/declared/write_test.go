package declared

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/wakeful-dev/wakeful/schema"
)

// begin puts rows into all tables.
func (w *world) begin(rows int) {
	w.transact(w.db, func(tx execer) {
		for _, table := range sortedKeys(w.columns) {
			for range rows {
				w.put(tx, table, w.engine.insert)
			}
		}
	})
}

// transact commits what f writes, and turns the clock.
func (w *world) transact(db *sql.DB, f func(execer)) {
	w.t.Helper()
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.exec(tx, "UPDATE clock SET n = n + 1")
	f(tx)
	if err := tx.Commit(); err != nil {
		w.t.Fatal(err)
	}
	w.transactions++
}

func (w *world) exec(tx execer, text string, args ...any) {
	w.t.Helper()
	args = storedAll(args)
	result, err := tx.Exec(w.numbered(text), args...)
	if err != nil {
		w.t.Fatalf("seed %d: %s %v: %v", w.seed, text, args, err)
	}
	if result == nil {
		return
	}
	if n, err := result.RowsAffected(); err == nil {
		w.changed += int(n)
	}
}

// execer is a transaction, or what notes what one would do.
type execer interface {
	Exec(text string, args ...any) (sql.Result, error)
}

// script notes statements.
type script []statement

type statement struct {
	text string
	args []any
}

func (s *script) Exec(text string, args ...any) (sql.Result, error) {
	*s = append(*s, statement{text, args})
	return nil, nil
}

// race commits transactions on several handles at once. What it returns waits
// for the last.
func (w *world) race(dbs []*sql.DB, tables []string) (wait func()) {
	var running sync.WaitGroup
	errs := make(chan error, len(dbs))
	for _, db := range dbs {
		scripts := make([]script, 1+w.random.IntN(6))
		for i := range scripts {
			w.exec(&scripts[i], "UPDATE clock SET n = n + 1")
			for range 1 + w.random.IntN(3) {
				w.write(&scripts[i], pick(w, tables))
			}
		}
		w.transactions += len(scripts)
		running.Go(func() {
			for _, s := range scripts {
				if err := w.commit(db, s); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	return func() {
		running.Wait()
		select {
		case err := <-errs:
			w.t.Fatalf("seed %d: %v", w.seed, err)
		default:
		}
	}
}

// commit commits a script, again where others were in its way.
func (w *world) commit(db *sql.DB, s script) error {
	for {
		err := s.commit(db)
		refuser, ok := w.source.(schema.Refuser)
		if r := refusalOf(refuser, ok, err); r == nil || r.Reason != schema.Busy || !w.again {
			return err
		}
	}
}

func refusalOf(refuser schema.Refuser, ok bool, err error) *schema.Refusal {
	if !ok || err == nil {
		return nil
	}
	return refuser.Refusal(err)
}

func (s script) commit(db *sql.DB) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	for _, one := range s {
		if _, err := tx.Exec(one.text, one.args...); err != nil {
			return errors.Join(fmt.Errorf("%s %v: %w", one.text, one.args, err), tx.Rollback())
		}
	}
	return tx.Commit()
}

func (w *world) writable(table string) (list []column) {
	for _, c := range w.columns[table] {
		if c.name != "twice" && c.name != "stored" {
			list = append(list, c)
		}
	}
	return list
}

// value is one that the column takes: keys and what must not be NULL are none.
func (w *world) value(table string, c *column) any {
	for {
		v := pick(w, c.values)
		if v != nil || c.name != w.columns[table][0].name && c.name != "b" && c.name != "t" {
			return v
		}
	}
}

// key is a new one: integers are from a range that has room.
func (w *world) key(table string) any {
	switch table {
	case "code":
		return fmt.Sprint(pick(w, plainly), w.random.IntN(40))
	case "team":
		return int64(w.random.IntN(4))
	case "person":
		return int64(w.random.IntN(12))
	case "pair", "parted":
		return int64(w.random.IntN(6))
	case far:
		return fmt.Sprintf("%08x-0000-0000-0000-00000000000a", w.random.IntN(40))
	}
	return int64(w.random.IntN(400))
}

func (w *world) put(tx execer, table string, statement func(table, names, marks string) string) {
	var names, marks []string
	var args []any
	for i, c := range w.writable(table) {
		v := w.value(table, &c)
		if i == 0 {
			v = w.key(table)
		}
		names, marks, args = append(names, c.name), append(marks, "?"), append(args, v)
	}
	w.exec(tx, statement(table, strings.Join(names, ", "), strings.Join(marks, ", ")), args...)
}

// some chooses rows of a table, most often one.
func (w *world) some(table string) (condition string, args []any) {
	key := w.columns[table][0].name
	switch w.random.IntN(6) {
	case 0:
		c := pick(w, w.columns[table])
		if v := pick(w, c.values); v != nil {
			return w.equal(&c), []any{v}
		}
	case 1:
		return w.number(table, key) + " % 7 = ?", []any{int64(w.random.IntN(7))}
	}
	return fmt.Sprintf("%[1]s = (SELECT %[1]s FROM %[2]s ORDER BY %[1]s >= ? DESC, %[1]s LIMIT 1)", key, table), []any{w.key(table)}
}

// write makes one small change of one table.
func (w *world) write(tx execer, table string) {
	condition, args := w.some(table)
	switch w.random.IntN(12) {
	case 0, 1:
		w.put(tx, table, w.engine.insert)
	case 2:
		w.put(tx, table, w.replace)
	case 3:
		if !w.chance(3) {
			condition += " AND " + w.number(table, w.columns[table][0].name) + " % 2 = 0"
		}
		w.exec(tx, "DELETE FROM "+table+" WHERE "+condition, args...)
		w.put(tx, table, w.engine.insert)
	case 4:
		key := w.columns[table][0].name // a row gets another key
		w.exec(tx, w.update(table, key+" = ?", condition), append([]any{w.key(table)}, args...)...)
	default:
		var set []string
		var values []any
		list := w.writable(table)
		for range 1 + w.random.IntN(2) {
			c := list[1+w.random.IntN(len(list)-1)]
			if strings.Contains(strings.Join(set, ","), c.name+" =") {
				continue
			}
			set, values = append(set, c.name+" = ?"), append(values, w.value(table, &c))
		}
		w.exec(tx, w.update(table, strings.Join(set, ", "), condition), append(values, args...)...)
	}
}

// small is a transaction of a few rows, of tables that lists can be stepped by.
func (w *world) small(db *sql.DB, tables []string) {
	w.transact(db, func(tx execer) {
		for range 1 + w.random.IntN(3) {
			w.write(tx, pick(w, tables))
		}
	})
}

// bulks are sizes of transactions: the last is more than what is reported by
// row.
var bulks = []int{500, 3_000, 12_000}

// bulk changes very many rows at once.
func (w *world) bulk(db *sql.DB, rows int) {
	w.transact(db, func(tx execer) {
		switch w.random.IntN(4) {
		case 0:
			w.exec(tx, "DELETE FROM item")
		case 1:
			w.exec(tx, "UPDATE item SET score = score % 1000 + 1, note = 'many'")
		case 2:
			w.exec(tx, "DELETE FROM item WHERE id >= 1000")
		default:
			w.exec(tx, w.rows(rows))
		}
		for range 100 {
			w.put(tx, "item", w.engine.insert)
		}
	})
}

// define changes the schema: what lists are made of, or nothing of it.
func (w *world) define(db *sql.DB) {
	text := pick(w, []string{
		"CREATE INDEX IF NOT EXISTS by_score ON item (score, id)", "DROP INDEX IF EXISTS by_score",
		fmt.Sprintf("ALTER TABLE code ADD COLUMN more%d INTEGER DEFAULT %d", w.transactions, w.transactions),
		fmt.Sprintf("ALTER TABLE item ADD COLUMN extra%d TEXT DEFAULT 'x'", w.transactions),
		"CREATE TABLE IF NOT EXISTS unrelated (id INTEGER PRIMARY KEY)", "DROP TABLE IF EXISTS unrelated",
		w.view + " AS SELECT owner, count(*) AS items, min(score) AS best FROM item WHERE owner IS NOT NULL GROUP BY owner",
	})
	w.transact(db, func(tx execer) { w.exec(tx, text) })
}
