package query_test

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// postgresGenerator writes one statement with its arguments.
type postgresGenerator struct {
	*postgresWorld
	literals bool // values are written out
	args     []any
	kinds    []string // of args
	url      string
	alone    bool // columns are compared with values only
}

func (g *postgresGenerator) any(alias string) used {
	if g.IntN(8) == 0 && len(g.views) > 0 {
		return used{g.views[g.IntN(len(g.views))], alias}
	}
	return used{g.tables[g.IntN(3)], alias}
}

func (g *postgresGenerator) plain(alias string) used { return used{g.tables[g.IntN(3)], alias} }

// uuids, moments and the like: few enough that they meet.
var (
	someUUIDs = []string{"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000001", "ffffffff-ffff-ffff-ffff-ffffffffffff"}
	someDays  = []string{"2024-02-29", "2025-01-01", "2025-06-30"}
)

// value is a random value for a column of a kind.
func (g *postgresGenerator) value(kind string) any {
	if kind != "few" && g.IntN(14) == 0 {
		return nil
	}
	switch kind {
	case "few":
		return []any{int64(0), int64(1), int64(2), nil}[g.IntN(4)]
	case "smallint", "integer", "bigint":
		return []any{int64(0), int64(1), int64(2), int64(3), int64(4), int64(1), int64(-1), "1", "02", 1.0, 2, int32(3)}[g.IntN(12)]
	case "numeric", "money":
		return []any{int64(0), int64(1), int64(2), 0.5, 1.0, 2.5, "1", "1.0", "1.00", "0.50", "2.5e0", int64(3)}[g.IntN(12)]
	case "real", "double":
		return []any{int64(0), int64(1), int64(2), 0.5, 1.0, 2.5, "0.1", 0.1, "NaN", "1.0", "2.5", int64(3)}[g.IntN(12)]
	case "boolean":
		return []any{true, false, "t", "false"}[g.IntN(4)]
	case "text", "words", "varchar", "folded":
		return g.pick("a", "A", "b", "B", "ab", "Ab", "abc", "b ", "c", "é", "1", "")
	case "char":
		return g.pick("a", "A", "b", "a ", "ab", "ab  ", "b ", "1", "")
	case "uuid":
		s := someUUIDs[g.IntN(3)]
		var id [16]byte
		_, _ = hex.Decode(id[:], []byte(strings.ReplaceAll(s, "-", "")))
		return []any{s, strings.ToUpper(s), strings.ReplaceAll(s, "-", ""), id}[g.IntN(4)]
	case "bytea":
		return [][]byte{[]byte("a"), []byte("b"), {}, {0, 255}}[g.IntN(4)]
	case "mood":
		return g.pick("ok", "sad", "a b")
	case "instant":
		return g.near(time.Duration(g.IntN(181)-90) * time.Minute)
	case "timestamp":
		day := someDays[g.IntN(3)]
		at, _ := time.Parse(time.DateOnly, day)
		return []any{day, day + " 00:00:00", day + "T12:00:00", at}[g.IntN(4)]
	case "date":
		day := someDays[g.IntN(3)]
		at, _ := time.Parse(time.DateOnly, day)
		return []any{day, day, at}[g.IntN(3)]
	case "json":
		return g.pick(`{"a": 1}`, `{"a": 2, "b": "x"}`, `[1, 2]`)
	case "list":
		return g.pick("{1,2}", "{}", "{3}")
	case "pair":
		return g.pick("(1,a)", "(,)", "(2,)")
	}
	panic(kind)
}

func (g *postgresGenerator) near(by time.Duration) any {
	at := g.now.Add(by)
	return []any{at, at.Format(time.RFC3339), at}[g.IntN(3)]
}

// literal writes a value into the statement.
func (g *postgresGenerator) literal(kind string, v any) string {
	text := ""
	switch v := v.(type) {
	case nil:
		return "NULL"
	case bool:
		return strconv.FormatBool(v)
	case int, int32, int64:
		return fmt.Sprint(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []byte:
		text = `\x` + hex.EncodeToString(v)
		return "'" + text + "'::bytea"
	case [16]byte:
		text = hex.EncodeToString(v[:])
	case time.Time:
		text = v.Format("2006-01-02 15:04:05.999999Z07:00")
	case string:
		text = v
	}
	text = strings.ReplaceAll(text, "'", "''")
	n := g.IntN(6)
	if kind == "pair" {
		n = 0 // what has no type is none of a row's
	}
	switch n {
	case 0:
		return "'" + text + "'::" + postgresTypes[kind].cast
	case 1:
		if !strings.ContainsAny(text, `\0123456789`) { // $$1$$ would look like a parameter to onlyUsed
			return "CAST($$" + text + "$$ AS " + postgresTypes[kind].cast + ")"
		}
	case 2:
		return postgresTypes[kind].cast + " '" + text + "'"
	}
	return "'" + text + "'"
}

// arg writes a value as a parameter, or into the statement.
func (g *postgresGenerator) arg(kind string, v any) string {
	if g.literals || g.IntN(5) == 0 {
		return g.literal(kind, v)
	}
	if len(g.args) > 0 && !g.alone && g.IntN(10) == 0 {
		at := g.IntN(len(g.args)) // one that is there, perhaps of another type
		return "$" + strconv.Itoa(at+1)
	}
	g.args, g.kinds = append(g.args, v), append(g.kinds, kind)
	mark := "$" + strconv.Itoa(len(g.args))
	if g.IntN(5) == 0 {
		return mark + "::" + postgresTypes[kind].cast
	}
	return mark
}

// column names a random column of a table.
func (g *postgresGenerator) column(u used) (string, col) {
	c := u.table.columns[g.IntN(len(u.table.columns))]
	if g.alone && (c.kind == "folded" || c.kind == "json" || c.kind == "list" || c.kind == "pair") {
		c = u.table.columns[0]
	}
	name := u.alias + "." + c.name
	switch g.IntN(8) {
	case 0:
		name = u.alias + `."` + c.name + `"`
	case 1:
		name = "(" + name + ")"
	case 2:
		name = strings.ToUpper(name)
	}
	return name, c
}

func (g *postgresGenerator) textual(kind string) bool {
	return kind == "text" || kind == "words" || kind == "varchar" || kind == "char" || kind == "folded"
}

// atom compares a column of one table with values.
func (g *postgresGenerator) atom(u used) string {
	name, c := g.column(u)
	v := func() string { return g.arg(c.kind, g.value(c.kind)) }
	unordered := c.kind == "mood" || c.kind == "words" || c.kind == "varchar"
	switch n := g.IntN(22); {
	case n < 5:
		return name + g.pick(" = ", " = ", " IS NOT DISTINCT FROM ") + v()
	case n < 7 && !(g.alone && unordered):
		return name + g.pick(" < ", " <= ", " > ", " >= ") + v()
	case n == 7 && !(g.alone && unordered):
		return v() + g.pick(" < ", " <= ", " > ", " >= ", " = ") + name
	case n == 8:
		return name + g.pick("", "", " NOT") + " IN (" + v() + ", " + v() + ")"
	case n == 9 && !(g.alone && unordered):
		return name + g.pick("", "", " NOT") + " BETWEEN " + g.symmetric() + v() + " AND " + v()
	case n == 10, n == 11:
		return g.array(name, c)
	case n == 12:
		return name + g.pick(" IS NULL", " IS NOT NULL", " ISNULL", " NOTNULL")
	case n == 13:
		return name + g.pick(" <> ", " != ", " IS DISTINCT FROM ") + v()
	case n < 18 && g.textual(c.kind) && !g.alone:
		return g.words(name, c)
	case n < 18 && c.kind == "boolean":
		return g.pick(name, "NOT "+name, name+" IS TRUE", name+" IS NOT TRUE", name+" IS FALSE", name+" IS NOT FALSE", name+" IS UNKNOWN", name+" IS NOT UNKNOWN")
	case n == 18 && !g.alone:
		return name + "::text " + g.pick("= ", "<> ", "> ") + g.arg("text", g.value("text"))
	case n == 19 && !g.alone:
		return "coalesce(" + name + ", " + v() + ") = " + v()
	}
	return name + " = " + v()
}

func (g *postgresGenerator) symmetric() string {
	if g.alone {
		return ""
	}
	return g.pick("", "", "SYMMETRIC ")
}

// words asks of a text what only texts are asked.
func (g *postgresGenerator) words(name string, c col) string {
	pattern := g.pick("a%", "A%", "%b", "a_", "ab", "%", "B%", "1%", "", `a\%`, "é%")
	n := g.IntN(6)
	if c.kind == "folded" {
		n = 3 // it takes no LIKE
	}
	switch n {
	case 0, 1:
		return name + g.pick("", "", " NOT") + " LIKE " + g.arg("text", pattern)
	case 2:
		if c.kind != "folded" {
			return name + g.pick("", "", " NOT") + " ILIKE " + g.arg("text", pattern)
		}
	case 3:
		return name + ` COLLATE "C" ` + g.pick("= ", "< ", ">= ") + g.arg(c.kind, g.value(c.kind))
	case 4:
		return name + g.pick(" = ", " < ") + g.arg(c.kind, g.value(c.kind)) + ` COLLATE ` + g.pick(`"C"`, "words")
	}
	return name + " LIKE " + g.arg("text", g.pick("a", "A", "b")) + " || '%'"
}

// array compares with the elements of an array.
func (g *postgresGenerator) array(name string, c col) string {
	if c.kind == "list" { // an array's elements are no arrays
		return name + g.pick(" IS NULL", " IS NOT NULL")
	}
	how := g.pick(" = ANY (", " = ANY (", " <> ALL (")
	cast := postgresTypes[c.kind].cast + "[]"
	values := []any{g.value(c.kind), g.value(c.kind), g.value(c.kind)}[:g.IntN(4)]
	switch n := g.IntN(3); {
	case n == 0 || g.literals || c.kind == "json" || c.kind == "pair":
		var list []string
		for _, v := range values {
			list = append(list, g.literal(c.kind, v))
		}
		if len(list) > 0 && g.IntN(3) == 0 && g.textual(c.kind) {
			return name + how + "ARRAY[" + strings.Join(list, ", ") + "])"
		}
		return name + how + "ARRAY[" + strings.Join(list, ", ") + "]::" + cast + ")"
	}
	texts := make([]*string, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case nil:
		case [16]byte:
			text := hex.EncodeToString(v[:])
			texts[i] = &text
		case []byte:
			text := `\x` + hex.EncodeToString(v)
			texts[i] = &text
		case time.Time:
			text := v.Format(time.RFC3339)
			texts[i] = &text
		default:
			text := fmt.Sprint(v)
			texts[i] = &text
		}
	}
	var arg any = texts
	if c.kind == "integer" || c.kind == "bigint" || c.kind == "few" {
		arg = []int64{int64(g.IntN(4)), int64(g.IntN(4))}[:g.IntN(3)]
	}
	g.args, g.kinds = append(g.args, arg), append(g.kinds, c.kind+"[]")
	return name + how + "$" + strconv.Itoa(len(g.args)) + g.pick("", "::"+cast) + ")"
}

// condition is a tree over the atoms of some tables.
func (g *postgresGenerator) condition(depth int, tables ...used) string {
	u := tables[g.IntN(len(tables))]
	if depth == 0 {
		return g.atom(u)
	}
	a := g.condition(depth-1, tables...)
	n := 8
	if g.alone {
		n = 7
	}
	switch g.IntN(n) {
	case 0, 1, 2:
		return a
	case 3, 4:
		return a + " AND " + g.condition(depth-1, tables...)
	case 5:
		return "(" + a + " OR " + g.condition(depth-1, tables...) + ")"
	case 6:
		return "NOT (" + a + ")"
	}
	b := tables[g.IntN(len(tables))]
	return "(" + a + " AND " + u.alias + g.pick(".a", ".b", ".id") + g.pick(" = ", " <> ", " < ") + b.alias + g.pick(".a", ".b", ".id") + ")"
}

func (g *postgresGenerator) few() string { return g.arg("few", int64(g.IntN(3))) }

// said is how a request says a time.
func (g *postgresGenerator) said(at time.Time) {
	g.url = "/x?since=" + url.QueryEscape(at.Format(time.RFC3339))
}

func (w *postgresWorld) statement(f postgresForm) *statement {
	g := &postgresGenerator{postgresWorld: w, literals: w.IntN(6) == 0, url: "/x"}
	text, args := onlyUsed(mended(f.write(g)), g.args)
	return &statement{f.name, text, args, g.url}
}

var parameters = regexp.MustCompile(`\$[0-9]+`)

// onlyUsed leaves the arguments that a text names, under new numbers.
func onlyUsed(text string, args []any) (string, []any) {
	var kept []any
	numbers := map[string]string{}
	text = parameters.ReplaceAllStringFunc(text, func(mark string) string {
		if numbers[mark] == "" {
			n, _ := strconv.Atoi(mark[1:])
			kept = append(kept, args[n-1])
			numbers[mark] = "$" + strconv.Itoa(len(kept))
		}
		return numbers[mark]
	})
	return text, kept
}
