package triggerlog

import (
	"encoding/json"
	"fmt"
)

// LayoutQuery lists the tables of which something is written, as a snapshot has
// them: number, and a text that is another one when the table is. The argument
// is the condition on rows of the log.
func (l Log) LayoutQuery(where string) string {
	return fmt.Sprintf(layoutQuery, "ARRAY(SELECT DISTINCT rel FROM "+l.Name+".log WHERE "+where+")")
}

// AllLayoutsQuery lists all tables whose changes are written.
func (l Log) AllLayoutsQuery() string {
	return fmt.Sprintf(layoutQuery, l.text("ARRAY(SELECT tgrelid FROM pg_trigger WHERE tgfoid = '$log.note'::regproc)"))
}

const layoutQuery = `SELECT c.oid, json_build_array(n.nspname, r.relname, (
	SELECT json_agg(json_build_array(a.attname, a.attgenerated, a.xmin::text, CASE t.typtype WHEN 'd' THEN (
		WITH RECURSIVE beneath AS (
			SELECT t.typbasetype AS oid
			UNION ALL SELECT b.typbasetype FROM beneath JOIN pg_type b ON b.oid = beneath.oid WHERE b.typtype = 'd')
		SELECT b.oid::bigint FROM beneath JOIN pg_type b ON b.oid = beneath.oid WHERE b.typtype <> 'd')
		ELSE t.oid::bigint END) ORDER BY a.attnum)
	FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), (
	SELECT json_agg(a.attname ORDER BY a.attnum)
	FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped))::text
FROM pg_class c JOIN pg_class r ON r.oid = coalesce(pg_partition_root(c.oid), c.oid) JOIN pg_namespace n ON n.oid = r.relnamespace
WHERE c.oid = ANY(%s)`

// layout is a table, or a partition of one, as one snapshot has it.
type layout struct {
	text    string // as the database said it
	table   string
	columns []string // of the whole table
	fields  []field  // as a row of this part is written
}

// field is a value of a row as it is written.
type field struct {
	to   int // its place among the columns, -1 for none
	oid  uint32
	lost bool // its text says not what the value is
}

func parseLayout(text string, name func(schema, table string) string) (*layout, error) {
	var schema, table string
	var attributes [][4]any
	l := &layout{text: text}
	if err := json.Unmarshal([]byte(text), &[]any{&schema, &table, &attributes, &l.columns}); err != nil {
		return nil, fmt.Errorf("triggerlog: the description of a table: %w", err)
	}
	l.table = name(schema, table)
	places := make(map[string]int, len(l.columns))
	for i, column := range l.columns {
		places[column] = i
	}
	for _, a := range attributes {
		column, _ := a[0].(string)
		generated, _ := a[1].(string)
		number, _ := a[3].(float64)
		f := field{to: -1, oid: uint32(number)}
		f.lost = generated == "v" || asSessionsSay[f.oid]
		if to, ok := places[column]; ok {
			f.to = to
		}
		l.fields = append(l.fields, f)
	}
	return l, nil
}

// asSessionsSay are the types whose texts depend on who writes them: names of
// things in the database, with their schema where that is not in the search
// path; amounts of money.
var asSessionsSay = map[uint32]bool{
	24: true, 2202: true, 2203: true, 2204: true, 2205: true, 2206: true, 4089: true, 4096: true, 4191: true, 3734: true, 3769: true,
	1008: true, 2207: true, 2208: true, 2209: true, 2210: true, 2211: true, 4090: true, 4097: true, 4192: true, 3735: true, 3770: true,
	790: true, 791: true,
}
