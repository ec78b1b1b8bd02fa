package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"strings"

	"github.com/wakeful-dev/wakeful/readset"
	"github.com/wakeful-dev/wakeful/source"
)

// logTable is the name of the trigger log. It is no table of the application.
const logTable = "_wakeful_log"

// table is what the schema says about one table. It is never altered.
type table struct {
	name    string
	kind    string // as PRAGMA table_list has it: table, view, virtual, shadow
	columns []string
	virtual []bool // generated, not stored; nil where no column is
	keys    []string

	withoutRowid bool
}

// reported says that changes of the table are for others to see.
func (t *table) reported() bool {
	return t.kind == "table" && !strings.HasPrefix(t.name, "sqlite_") && t.name != logTable
}

// layout is one version of the schema of the main database.
type layout struct {
	version int64
	tables  map[string]*table
	views   map[string]string // their definitions
	mayFail bool              // a constraint or trigger says FAIL
	told    *readset.Schema   // the same, as statements carry it
}

// A view is not asked for its columns: one that reads what is not there would
// be an error.
const schemaQuery = `SELECT l.name, l.type, l.wr, x.name, x.hidden, x.pk, x.type
FROM pragma_table_list AS l LEFT JOIN pragma_table_xinfo(iif(l.type = 'table', l.name, NULL), 'main') AS x
WHERE l.schema = 'main' ORDER BY l.name, x.cid`

const textQuery = `SELECT type, name, sql FROM sqlite_schema
WHERE type IN ('table', 'view') OR type = 'trigger' AND sql LIKE '%fail%'`

// loadSchema reads the schema as the connection sees it. Nobody else may use
// the connection meanwhile.
func loadSchema(conn driver.Conn) (*layout, error) {
	for range 10 {
		version, err := schemaVersion(conn)
		if err != nil {
			return nil, err
		}
		sch := &layout{version: version, tables: map[string]*table{}, views: map[string]string{},
			told: &readset.Schema{Dialect: "sqlite", Tables: map[string]*readset.Table{}}}
		err = each(conn, schemaQuery, sch.add)
		if err == nil {
			err = each(conn, textQuery, sch.addText)
		}
		if err == nil {
			err = each(conn, "PRAGMA encoding", func(row []driver.Value) { sch.told.Encoding, _ = row[0].(string) })
		}
		if err != nil {
			return nil, fmt.Errorf("sqlite: read the schema: %w", err)
		}
		if after, err := schemaVersion(conn); err != nil || after == version {
			return sch, err
		}
	}
	return nil, fmt.Errorf("sqlite: the schema changes while it is read")
}

func (sch *layout) add(row []driver.Value) {
	name, _ := row[0].(string)
	t := sch.tables[name]
	if t == nil {
		kind, _ := row[1].(string)
		t = &table{name: name, kind: kind, withoutRowid: row[2] == int64(1)}
		sch.tables[name] = t
		sch.told.Tables[readset.Fold(name)] = &readset.Table{Name: name, View: kind == "view"}
	}
	column, ok := row[3].(string)
	if !ok {
		return
	}
	t.columns = append(t.columns, column)
	hidden, _ := row[4].(int64)
	if hidden == 2 {
		t.virtual = append(t.virtual, make([]bool, len(t.columns)-len(t.virtual))...)
		t.virtual[len(t.columns)-1] = true
	}
	pk, _ := row[5].(int64)
	if pk > 0 {
		t.keys = append(t.keys, column)
	}
	declared, _ := row[6].(string)
	told := sch.told.Tables[readset.Fold(name)]
	told.Columns = append(told.Columns, readset.Column{Name: column, Type: declared, Key: int(pk), Unstored: hidden == 2})
}

func (sch *layout) addText(row []driver.Value) {
	kind, _ := row[0].(string)
	name, _ := row[1].(string)
	text, _ := row[2].(string)
	if told := sch.told.Tables[readset.Fold(name)]; told != nil && kind != "trigger" {
		told.Definition = text
	}
	if kind == "view" {
		sch.views[name] = text
	} else if kind == "trigger" || strings.Contains(strings.ToLower(text), "fail") {
		sch.mayFail = true
	}
}

func schemaVersion(conn driver.Conn) (int64, error) {
	var version int64
	err := each(conn, "PRAGMA schema_version", func(row []driver.Value) { version, _ = row[0].(int64) })
	return version, err
}

// each runs a query on a raw connection and calls f with each row.
func each(conn driver.Conn, text string, f func([]driver.Value), args ...driver.NamedValue) (err error) {
	rows, err := conn.(driver.QueryerContext).QueryContext(context.Background(), text, args)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := rows.Close(); err == nil {
			err = closeErr
		}
	}()
	row := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(row); err {
		case nil:
			f(row)
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}

func run(conn driver.Conn, text string, args ...driver.NamedValue) error {
	_, err := conn.(driver.ExecerContext).ExecContext(context.Background(), text, args)
	return err
}

// Covers returns nil when changes of the table are reported.
func (s *Source) Covers(_ context.Context, name string) error {
	sch, err := s.currentSchema()
	if err != nil {
		return err
	}
	reason, cure := sch.uncovered(name)
	if reason == "" {
		return nil
	}
	return &source.UncoveredError{Table: name, Reason: reason, Cure: cure}
}

const cureOther = "name the tables that its content follows from with wakeful.DependsOn, or use wakeful.Poll"

// uncovered says why changes of a table are not reported, "" where they are.
func (sch *layout) uncovered(name string) (reason, cure string) {
	if t := sch.tables[name]; t != nil {
		switch {
		case t.reported():
			return "", ""
		case t.kind == "virtual":
			return "is a virtual table", cureOther
		case t.kind == "shadow":
			return "belongs to a virtual table", cureOther
		case t.kind == "view":
			return "is a view", "name the tables that it reads"
		}
		return "is a table of SQLite's own or of this library", cureOther
	}
	for other := range sch.tables {
		if strings.EqualFold(other, name) {
			return "is written otherwise in the database", fmt.Sprintf("write %q", other)
		}
	}
	switch schema, _, dotted := strings.Cut(name, "."); {
	case dotted && schema == "temp":
		return "is a temporary table", "use an ordinary table"
	case dotted:
		return "is in an attached database", "open that database as a source of its own, or use wakeful.Poll"
	case strings.HasPrefix(name, "pragma_"):
		return "is a table-valued function", cureOther
	case strings.HasPrefix(name, "sqlite_"):
		return "is a table of SQLite's own", cureOther
	}
	return "does not exist", "create it first, or correct the name"
}
