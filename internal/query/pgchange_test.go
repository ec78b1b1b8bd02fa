package query_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/wakeful-dev/wakeful/change"
)

// snapshot is all rows of all tables, as images have them.
func (w *postgresWorld) snapshot() map[string][][]any {
	var batch pgx.Batch
	for _, tb := range w.tables {
		var list []string
		for _, c := range tb.columns {
			list = append(list, tb.name+"."+c.name+postgresTypes[c.kind].image)
		}
		batch.Queue("SELECT " + strings.Join(list, ", ") + " FROM " + tb.name)
	}
	answers := w.write.SendBatch(context.Background(), &batch)
	images := map[string][][]any{}
	for _, tb := range w.tables {
		rows, err := answers.Query()
		if err != nil {
			w.t.Fatal(err)
		}
		for rows.Next() {
			row, err := rows.Values()
			if err != nil {
				w.t.Fatal(err)
			}
			for i, v := range row {
				row[i] = imaged(v)
			}
			images[tb.name] = append(images[tb.name], row)
		}
		if rows.Err() != nil {
			w.t.Fatal(rows.Err())
		}
	}
	if err := answers.Close(); err != nil {
		w.t.Fatal(err)
	}
	return images
}

// transaction writes, and says what is other than before. Rows of one key are
// one row.
func (w *postgresWorld) transaction() []change.Changeset {
	w.said = nil
	w.writeSome()
	after := w.snapshot()
	var set change.Changeset
	for _, tb := range w.tables {
		var names []string
		for _, c := range tb.columns {
			names = append(names, c.name)
		}
		set.Changes = append(set.Changes, differences(w.schema+"."+tb.name, names, w.images[tb.name], after[tb.name])...)
	}
	w.images = after
	if len(set.Changes) == 0 {
		return nil
	}
	return []change.Changeset{set}
}

func differences(table string, names []string, before, after [][]any) []change.Change {
	written := func(row []any) string { return fmt.Sprintf("%#v", row) }
	count := map[string]int{}
	for _, row := range after {
		count[written(row)]++
	}
	gone := map[string][][]any{}
	for _, row := range before {
		if key := written(row); count[key] > 0 {
			count[key]--
		} else {
			id := fmt.Sprint(row[0])
			gone[id] = append(gone[id], row)
		}
	}
	var list []change.Change
	for _, row := range after {
		key := written(row)
		if count[key] == 0 {
			continue
		}
		count[key]--
		c := change.Change{Table: table, Kind: change.Insert, Columns: names, New: row}
		if id := fmt.Sprint(row[0]); len(gone[id]) > 0 {
			c.Kind, c.Old, gone[id] = change.Update, gone[id][0], gone[id][1:]
		}
		list = append(list, c)
	}
	for _, rows := range gone {
		for _, row := range rows {
			list = append(list, change.Change{Table: table, Kind: change.Delete, Columns: names, Old: row})
		}
	}
	return list
}

// writeSome runs one to three statements in a transaction. It may fail.
func (w *postgresWorld) writeSome() {
	n := 1
	if w.IntN(3) == 0 {
		n = 2 + w.IntN(2)
	}
	ctx := context.Background()
	tx, err := w.write.Begin(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	for range n {
		text := w.one()
		w.said = append(w.said, text)
		if _, err = tx.Exec(ctx, text, pgx.QueryExecModeSimpleProtocol); err != nil {
			break
		}
	}
	if err != nil || w.IntN(10) == 0 {
		_ = tx.Rollback(ctx)
		return
	}
	if err := tx.Commit(ctx); err != nil {
		w.t.Fatal(err)
	}
}

func (w *postgresWorld) one() string {
	tb := w.tables[w.IntN(len(w.tables))]
	g := &postgresGenerator{postgresWorld: w, literals: true}
	value := func(c col) string { return g.literal(c.kind, g.value(c.kind)) }
	id := func() string { return fmt.Sprint(w.IntN(14)) }
	var names, values []string
	for i, c := range tb.columns {
		names, values = append(names, c.name), append(values, value(c))
		if i == 0 && c.name == "id" {
			values[0] = id()
		}
	}
	where := tb.columns[w.IntN(len(tb.columns))]
	for where.kind == "json" || where.kind == "pair" {
		where = tb.columns[0]
	}
	at := 1 + w.IntN(len(names)-1)
	switch w.IntN(9) {
	case 0, 1, 2, 3:
		text := "INSERT INTO " + tb.name + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")"
		if tb.name == "link" {
			return text
		}
		return text + w.pick(" ON CONFLICT DO NOTHING", " ON CONFLICT (id) DO UPDATE SET "+names[at]+" = excluded."+names[at])
	case 4:
		return "DELETE FROM " + tb.name + " WHERE " + where.name + " IS NOT DISTINCT FROM " + value(where)
	case 5:
		return "UPDATE " + tb.name + " SET " + names[0] + " = " + values[0] + " WHERE " + where.name + " = " + value(where)
	}
	return "UPDATE " + tb.name + " SET " + names[at] + " = " + values[at] + " WHERE " + where.name + " = " + value(where)
}
