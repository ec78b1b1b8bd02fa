package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
)

// createLog makes the trigger log. Ids have no gaps, so a reader sees when rows
// were trimmed before it read them.
const createLog = `CREATE TABLE IF NOT EXISTS "` + logTable + `" (` +
	`id INTEGER PRIMARY KEY AUTOINCREMENT, tbl TEXT NOT NULL, op TEXT NOT NULL, old TEXT, new TEXT)`

// What a row of the log says, beside insert, update and delete.
const (
	opInsert   = "i"
	opUpdate   = "u"
	opDelete   = "d"
	opReplaced = "r" // the old row may be gone: a REPLACE deletes it with no trigger called
	opAny      = "e" // any row may have changed
)

// maxLogged is the number of columns up to which rows are written to the log
// with their values.
const maxLogged = 200

// InstallLog adds a trigger log to a database: a table, and triggers on every
// ordinary table that write each changed row to it, whoever changes it. Open
// uses the log that it finds, and keeps it up to date with Config.TriggerLog.
//
// A process that switches triggers off (SQLITE_DBCONFIG_ENABLE_TRIGGER) is not
// seen by row or, beside others that are, not at all.
func InstallLog(ctx context.Context, db *sql.DB) error {
	return onConn(ctx, db, installLog)
}

// RemoveLog removes what InstallLog added.
func RemoveLog(ctx context.Context, db *sql.DB) error {
	return onConn(ctx, db, removeLog)
}

func onConn(ctx context.Context, db *sql.DB, f func(driver.Conn) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("sqlite: trigger log: %w", err)
	}
	defer conn.Close()
	return conn.Raw(func(c any) error { return f(c.(driver.Conn)) })
}

func installLog(conn driver.Conn) error {
	return inTransaction(conn, func() error {
		if err := run(conn, createLog); err != nil {
			return err
		}
		want, have, err := logTriggers(conn)
		if err != nil {
			return err
		}
		for name, text := range have {
			if want[name] != text {
				if err := run(conn, "DROP TRIGGER "+quoteName(name)); err != nil {
					return err
				}
			}
		}
		for name, text := range want {
			if have[name] != text {
				if err := run(conn, text); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func removeLog(conn driver.Conn) error {
	return inTransaction(conn, func() error {
		_, have, err := logTriggers(conn)
		if err != nil {
			return err
		}
		for name := range have {
			if err := run(conn, "DROP TRIGGER "+quoteName(name)); err != nil {
				return err
			}
		}
		return run(conn, "DROP TABLE IF EXISTS "+quoteName(logTable))
	})
}

func inTransaction(conn driver.Conn, f func() error) error {
	err := run(conn, "BEGIN IMMEDIATE")
	if err == nil {
		if err = f(); err == nil {
			if err = run(conn, "COMMIT"); err == nil {
				return nil
			}
		}
		_ = run(conn, "ROLLBACK")
	}
	return fmt.Errorf("sqlite: trigger log: %w", err)
}

// logTriggers returns the triggers that the schema needs and those that are
// there, each by name.
func logTriggers(conn driver.Conn) (want, have map[string]string, err error) {
	sch, err := loadSchema(conn)
	if err != nil {
		return nil, nil, err
	}
	want, have = map[string]string{}, map[string]string{}
	for _, t := range sch.tables {
		if !t.reported() {
			continue
		}
		keys, err := uniqueKeys(conn, t)
		if err != nil {
			return nil, nil, err
		}
		t.triggers(keys, want)
	}
	text := "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name GLOB '" + logTable + "_*'"
	err = each(conn, text, func(row []driver.Value) {
		name, _ := row[0].(string)
		have[name], _ = row[1].(string)
	})
	return want, have, err
}

// uniqueKey is what no two rows of a table may share.
type uniqueKey struct {
	columns, collations []string
	opaque              bool // an expression is in it
}

// uniqueKeys returns the keys by which a REPLACE may delete another row.
func uniqueKeys(conn driver.Conn, t *table) ([]*uniqueKey, error) {
	var keys []*uniqueKey
	if rowid := t.rowid(); rowid != "" {
		keys = append(keys, &uniqueKey{columns: []string{rowid}, collations: []string{"BINARY"}})
	}
	last := ""
	err := each(conn, `SELECT l.name, x.name, x.coll FROM pragma_index_list(?1) AS l, pragma_index_xinfo(l.name) AS x
WHERE l."unique" AND x.key ORDER BY l.name, x.seqno`, func(row []driver.Value) {
		index, _ := row[0].(string)
		if index != last {
			keys, last = append(keys, &uniqueKey{}), index
		}
		key := keys[len(keys)-1]
		column, ok := row[1].(string)
		collation, _ := row[2].(string)
		key.columns, key.collations = append(key.columns, column), append(key.collations, collation)
		key.opaque = key.opaque || !ok
	}, driver.NamedValue{Ordinal: 1, Value: t.name})
	return keys, err
}

// rowid returns a name of the rowid that no column hides, "" where there is
// none.
func (t *table) rowid() string {
	for _, name := range []string{"rowid", "_rowid_", "oid"} {
		hidden := slices.ContainsFunc(t.columns, func(c string) bool { return strings.EqualFold(c, name) })
		if !t.withoutRowid && !hidden {
			return name
		}
	}
	return ""
}

// triggers adds the triggers of a table to a map by name.
func (t *table) triggers(keys []*uniqueKey, to map[string]string) {
	add := func(suffix, when string, body []string) {
		if len(body) > 0 {
			name := logTable + "_" + suffix + "_" + t.name
			to[name] = fmt.Sprintf("CREATE TRIGGER %s %s ON %s BEGIN %s END",
				quoteName(name), when, quoteName(t.name), strings.Join(body, " "))
		}
	}
	add("i", "AFTER INSERT", []string{t.logRow(opInsert, "NULL", t.image("NEW"))})
	add("u", "AFTER UPDATE", []string{t.logRow(opUpdate, t.image("OLD"), t.image("NEW"))})
	add("d", "AFTER DELETE", []string{t.logRow(opDelete, t.image("OLD"), "NULL")})
	var onInsert, onUpdate []string
	for _, key := range keys {
		if key.opaque {
			onInsert = append(onInsert, t.logRow(opAny, "NULL", "NULL"))
			onUpdate = append(onUpdate, t.logRow(opAny, "NULL", "NULL"))
			continue
		}
		onInsert = append(onInsert, t.logReplaced(key, ""))
		onUpdate = append(onUpdate, t.logReplaced(key, " AND NOT ("+t.identity()+")"))
	}
	add("ri", "BEFORE INSERT", onInsert)
	add("ru", "BEFORE UPDATE", onUpdate)
}

func (t *table) logRow(op, old, new string) string {
	return fmt.Sprintf("INSERT INTO %s (tbl, op, old, new) VALUES (%s, '%s', %s, %s);",
		quoteName(logTable), quoteText(t.name), op, old, new)
}

// logReplaced logs the row that stands in the way of the new one.
func (t *table) logReplaced(key *uniqueKey, unless string) string {
	var same []string
	for i, column := range key.columns {
		c := quoteName(column)
		same = append(same, fmt.Sprintf("%s.%s = NEW.%s COLLATE %s", quoteName(t.name), c, c, quoteName(key.collations[i])))
	}
	return fmt.Sprintf("INSERT INTO %s (tbl, op, old) SELECT %s, '%s', %s FROM %s WHERE %s%s;",
		quoteName(logTable), quoteText(t.name), opReplaced, t.image(quoteName(t.name)), quoteName(t.name),
		strings.Join(same, " AND "), unless)
}

// identity says that a row is the one that is being updated.
func (t *table) identity() string {
	if rowid := t.rowid(); rowid != "" {
		return quoteName(t.name) + "." + rowid + " = OLD." + rowid
	}
	var same []string
	for _, column := range t.keys {
		c := quoteName(column)
		same = append(same, quoteName(t.name)+"."+c+" IS OLD."+c)
	}
	if len(same) == 0 {
		return "0"
	}
	return strings.Join(same, " AND ")
}

// image writes a row as SQL literals with commas between, and U for a value
// that is not known; quote() stops at a NUL in a text.
func (t *table) image(row string) string {
	if len(t.columns) > maxLogged {
		return "NULL"
	}
	values := make([]string, len(t.columns))
	for i, column := range t.columns {
		if i < len(t.virtual) && t.virtual[i] {
			values[i] = "'U'"
			continue
		}
		c := row + "." + quoteName(column)
		values[i] = fmt.Sprintf("CASE WHEN typeof(%s) = 'text' AND instr(%s, char(0)) THEN 'U' ELSE quote(%s) END", c, c, c)
	}
	return strings.Join(values, " || ',' || ")
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quoteText(text string) string { return `'` + strings.ReplaceAll(text, `'`, `''`) + `'` }
