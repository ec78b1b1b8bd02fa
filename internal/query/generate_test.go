package query_test

import (
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// generator writes one statement with its arguments, from left to right.
type generator struct {
	*world
	// style is how values are written: ? by place, n ?NNN, d $NNN, : @ and $ by
	// name, l as literals.
	style byte
	args  []any
	// url is what the request says; only what it carries may look like a clock.
	url   string
	alone bool // columns are compared with values only
}

// used is a table under an alias.
type used struct {
	table table
	alias string
}

func (g *generator) use(t table, alias string) used { return used{t, alias} }

// any is a random table; views are tables too.
func (g *generator) any(alias string) used {
	if g.IntN(8) == 0 && len(g.views) > 0 {
		return used{g.views[g.IntN(len(g.views))], alias}
	}
	return used{g.tables[g.IntN(3)], alias}
}

func (u used) from() string { return u.table.name + " AS " + u.alias }

// arg writes a value as the style has it.
func (g *generator) arg(v any) string {
	if g.style == 'l' || g.IntN(6) == 0 {
		if text, ok := literal(v); ok {
			return text
		}
		if g.style == 'l' {
			return "2"
		}
	}
	n := len(g.args) + 1
	switch g.style {
	case '?':
		g.args = append(g.args, v)
		return "?"
	case 'n':
		g.args = append(g.args, v)
		return "?" + strconv.Itoa(n)
	case 'd':
		g.args = append(g.args, v)
		return "$" + strconv.Itoa(n)
	}
	name := "p" + strconv.Itoa(n)
	g.args = append(g.args, sql.Named(name, v))
	return string(g.style) + name
}

func literal(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "NULL", true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'", !strings.Contains(v, "\x00")
	case []byte:
		return "x'" + hex.EncodeToString(v) + "'", true
	}
	return "", false
}

// column names a random column of a table.
func (g *generator) column(u used) (string, col) {
	c := u.table.columns[g.IntN(len(u.table.columns))]
	if g.alone && c.kind == "virtual" {
		c = u.table.columns[0] // the images of changes do not have it
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

// atom compares a column of one table with values.
func (g *generator) atom(u used) string {
	name, c := g.column(u)
	v := func() string { return g.arg(g.value(c.kind)) }
	switch g.IntN(17) {
	case 0, 1, 2, 3, 4:
		return name + g.pick(" = ", " == ", " IS ") + v()
	case 5:
		return name + g.pick(" < ", " <= ", " > ", " >= ") + v()
	case 6:
		return v() + g.pick(" < ", " <= ", " > ", " >= ", " = ") + name
	case 7:
		return name + g.pick("", "", " NOT") + " IN (" + v() + ", " + v() + ")"
	case 8:
		return name + " IN (" + v() + ", " + v() + ", " + v() + ")"
	case 9, 10:
		return name + g.pick("", "", " NOT") + " BETWEEN " + v() + " AND " + v()
	case 11:
		return name + g.pick("", "", " NOT") + " LIKE " + g.arg(g.pick("a%", "A%", "%b", "a_", "ab", "%", "B%", "1%", ""))
	case 12:
		return name + g.pick(" IS NULL", " IS NOT NULL", " ISNULL", " NOTNULL", " NOT NULL")
	case 13:
		return name + g.pick(" <> ", " != ", " IS NOT ", " IS NOT DISTINCT FROM ") + v()
	case 14:
		return name + " COLLATE " + g.pick("NOCASE", "BINARY", "RTRIM") + " = " + v()
	case 15:
		return name + " = " + v() + " COLLATE " + g.pick("NOCASE", "BINARY")
	}
	return name + " LIKE " + g.arg(g.pick("a", "A", "b")) + " || '%'"
}

// condition is a tree over the atoms of some tables.
func (g *generator) condition(depth int, tables ...used) string {
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
	left, _ := g.column(u)
	right, _ := g.column(b)
	return "(" + a + " AND " + left + g.pick(" = ", " <> ", " < ") + right + ")"
}

// form is a kind of statement with what writes one.
type form struct {
	name  string
	write func(g *generator) string
}

var forms = []form{
	{"filter", func(g *generator) string {
		g.alone = true
		x := g.use(g.tables[g.IntN(3)], "x")
		return "SELECT * FROM " + x.from() + " WHERE " + g.condition(g.IntN(3), x)
	}},
	{"two columns", func(g *generator) string {
		x := g.use(g.tables[g.IntN(3)], "x")
		return "SELECT * FROM " + x.from() + " WHERE " + g.condition(g.IntN(3), x)
	}},
	{"bare filter", func(g *generator) string {
		x := g.tables[g.IntN(3)]
		c := x.columns[g.IntN(4)]
		return "SELECT " + g.pick("*", "id, a, b, c", "a AS b, b AS a, c, id") + " FROM " + x.name + " WHERE " + c.name + " = " + g.arg(g.value(c.kind))
	}},
	{"join", func(g *generator) string {
		x, y := g.any("x"), g.any("y")
		if g.IntN(2) == 0 {
			return "SELECT x.*, y.* FROM " + x.from() + ", " + y.from() + " WHERE x.a = y.a AND " + g.condition(2, x, y)
		}
		return "SELECT x.id, y.b FROM " + x.from() + g.pick(" JOIN ", " INNER JOIN ", " CROSS JOIN ") + y.from() + " ON " +
			g.condition(2, x, y) + " WHERE " + g.condition(1, x, y)
	}},
	{"using", func(g *generator) string {
		x, y := g.any("x"), g.any("y")
		join := g.pick(" JOIN ", " LEFT JOIN ", " FULL JOIN ", " RIGHT JOIN ")
		return "SELECT * FROM " + x.from() + join + y.from() + g.pick(" USING (a)", " USING (a, b)") + " WHERE a = " + g.arg(g.value("int")) +
			g.pick("", " AND "+g.atom(y), " OR "+g.atom(x))
	}},
	{"outer join", func(g *generator) string {
		x, y, z := g.any("x"), g.any("y"), g.any("z")
		join := func() string { return g.pick(" LEFT JOIN ", " LEFT OUTER JOIN ", " RIGHT JOIN ", " FULL OUTER JOIN ") }
		text := "SELECT x.*, y.* FROM " + x.from() + join() + y.from() + " ON x.a = y.a AND " + g.condition(1, x, y)
		all := []used{x, y}
		switch g.IntN(3) {
		case 0:
			text += g.pick(" JOIN ", " LEFT JOIN ") + z.from() + " ON " + g.condition(1, y, z)
			all = append(all, z)
		case 1:
			text = "SELECT x.*, y.a FROM " + x.from() + join() + "(" + y.from() + g.pick(" JOIN ", " LEFT JOIN ") + z.from() +
				" ON " + g.condition(1, y, z) + ") ON " + g.condition(1, x, y)
			all = append(all, z)
		}
		if g.IntN(3) > 0 {
			text += " WHERE " + g.condition(2, all...)
		}
		return text
	}},
	{"exists", func(g *generator) string { return g.exists("EXISTS") }},
	{"not exists", func(g *generator) string { return g.exists("NOT EXISTS") }},
	{"in select", func(g *generator) string { return g.inSelect(" IN ") }},
	{"not in select", func(g *generator) string { return g.inSelect(" NOT IN ") }},
	{"scalar", func(g *generator) string {
		x, y := g.any("x"), g.any("y")
		return "SELECT x.id, (SELECT max(y.a) FROM " + y.from() + " WHERE " + g.pick("", "y.b = x.b AND ") + g.condition(1, y, x) + ") FROM " +
			x.from() + " WHERE " + g.condition(1, x)
	}},
	{"from select", func(g *generator) string {
		x := g.any("x")
		inner := "SELECT x.id, x.a AS b, x.b AS a, lower(x.c) AS c FROM " + x.from() + " WHERE " + g.condition(1, x)
		inner += g.pick("", "", " ORDER BY x.id, x.a, x.b, x.c LIMIT 3", " ORDER BY 1, 2, 3, 4 LIMIT 2")
		s := used{table{"s", []col{{"id", "int"}, {"a", "any"}, {"b", "any"}, {"c", "text"}}}, "s"}
		return "SELECT * FROM (" + inner + ") AS s WHERE " + g.condition(2, s)
	}},
	{"cte", func(g *generator) string {
		x, y := g.any("x"), g.any("y")
		s := used{table{"s", []col{{"p", "any"}, {"q", "any"}}}, "s"}
		return "WITH s(p, q) AS" + g.pick(" ", " MATERIALIZED ") + "(SELECT x.a, x.b FROM " + x.from() + " WHERE " + g.condition(1, x) + ") SELECT * FROM s" +
			g.pick("", " AS s") + " JOIN " + y.from() + " ON y.a = s.p AND " + g.condition(1, y) + " WHERE " + g.condition(1, s, y)
	}},
	{"shadow", func(g *generator) string {
		x := g.tables[g.IntN(3)]
		v := g.any("v")
		u := used{table{x.name, []col{{"id", "int"}, {"a", "int"}, {"b", "any"}}}, "u"}
		body := "SELECT id, b AS a, a AS b FROM main." + x.name
		return "WITH " + x.name + " AS (" + body + ") SELECT * FROM " + u.from() + " WHERE " + g.condition(1, u) +
			g.pick("", " AND EXISTS (SELECT 1 FROM "+v.from()+" WHERE "+g.condition(1, v)+")")
	}},
	{"recursive", func(g *generator) string {
		l := g.use(g.tables[3], "l")
		return "WITH RECURSIVE r(n, depth) AS (SELECT " + g.arg(g.value("int")) + ", 0 UNION SELECT l.child, r.depth + 1 FROM " +
			l.from() + " JOIN r ON l.parent = r.n WHERE r.depth < 4 AND " + g.condition(1, l) + ") SELECT n, depth FROM r ORDER BY 1, 2"
	}},
	{"set operation", func(g *generator) string {
		x, y := g.any("x"), g.any("y")
		return "SELECT x.a, x.b FROM " + x.from() + " WHERE " + g.condition(1, x) +
			g.pick(" UNION ", " UNION ALL ", " EXCEPT ", " INTERSECT ") + "SELECT y.a, y.b FROM " + y.from() + " WHERE " + g.condition(1, y)
	}},
	{"aggregate", func(g *generator) string {
		x := g.any("x")
		return "SELECT count(*), sum(x.a), max(x.b), total(x.id) FILTER (WHERE " + g.atom(x) + ") FROM " + x.from() + " WHERE " + g.condition(1, x)
	}},
	{"having", func(g *generator) string {
		x := g.any("x")
		return "SELECT x.a, count(*), min(x.b) FROM " + x.from() + " WHERE " + g.condition(1, x) + " GROUP BY x.a HAVING " +
			g.pick("count(*) > 1", "min(x.b) IS NOT NULL", g.atom(x), "max(x.id) > 2 AND "+g.atom(x))
	}},
	{"window", func(g *generator) string {
		x := g.any("x")
		return "SELECT x.id, count(*) OVER (PARTITION BY x.a) , sum(x.id) OVER w FROM " + x.from() + " WHERE " + g.condition(1, x) +
			" WINDOW w AS (PARTITION BY x.b ORDER BY x.id, x.a, x.c ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
	}},
	{"over window", func(g *generator) string {
		x := g.any("x")
		s := used{table{"s", []col{{"a", "any"}, {"n", "int"}}}, "s"}
		return "SELECT * FROM (SELECT x.a, count(*) OVER (PARTITION BY x.b) AS n FROM " + x.from() + ") s WHERE " + g.condition(1, s)
	}},
	{"view", func(g *generator) string {
		x := used{g.views[g.IntN(len(g.views))], "x"}
		return "SELECT * FROM " + x.from() + " WHERE " + g.condition(2, x)
	}},
	{"distinct", func(g *generator) string {
		x := g.any("x")
		return "SELECT DISTINCT x.a, x.b FROM " + x.from() + " WHERE " + g.condition(1, x)
	}},
	{"limit", func(g *generator) string {
		x := g.any("x")
		return "SELECT x.id, x.a, x.b, x.c FROM " + x.from() + " WHERE " + g.condition(1, x) + " ORDER BY " + g.pick("1", "x.a DESC, 1") +
			", 2, 3, 4 LIMIT " + g.arg(int64(g.IntN(4))) + g.pick("", " OFFSET 1")
	}},
	{"case", func(g *generator) string {
		x := g.any("x")
		return "SELECT CASE WHEN " + g.atom(x) + " THEN 1 ELSE CAST(x.a AS TEXT) END, x.b || 'z', coalesce(x.a, -1) FROM " + x.from() + " WHERE " +
			g.condition(1, x) + " AND CASE x.a WHEN 1 THEN 1 ELSE " + g.atom(x) + " END"
	}},
	{"clock", func(g *generator) string {
		x := g.use(g.tables[g.IntN(3)], "x")
		name, _ := g.column(x)
		g.style = '?'
		g.args = append(g.args, clock{unit: g.IntN(6), back: time.Duration(g.IntN(60)) * time.Minute})
		text := "SELECT * FROM " + x.from() + " WHERE " + name + g.pick(" > ", " <= ", " >= ") + "?"
		return text + g.pick("", " AND "+g.atom(x))
	}},
	{"recent", func(g *generator) string {
		g.style = '?'
		g.args = append(g.args, clock{back: time.Duration(g.IntN(60)) * time.Minute})
		return "SELECT id, at FROM e WHERE at" + g.pick(" > ", " <= ", " <= ") + "?"
	}},
	{"anti join", func(g *generator) string {
		return "SELECT p.id, p.a, p.b FROM p LEFT JOIN q ON q.a = p.a WHERE q." + g.pick("b", "id", "a") + " IS NULL" +
			g.pick("", " AND p.b = "+g.arg(g.value("few")))
	}},
	{"null in", func(g *generator) string {
		return "SELECT p.id, p.a FROM p WHERE p.a" + g.pick(" NOT IN ", " NOT IN ", " IN ") + "(SELECT q.b FROM q WHERE q.a = " + g.arg(int64(g.IntN(3))) + ")"
	}},
	{"correlated", func(g *generator) string {
		v := g.arg(int64(g.IntN(3)))
		return "SELECT p.id, p.a, p.b FROM p WHERE " + g.pick("", "NOT ") + "EXISTS (SELECT 1 FROM q WHERE " +
			g.pick("q.a = p.a AND p.b = "+v, "q.a = p.b AND "+v+" = p.a", "q.b = p.a AND p.c = 'a'") + ")"
	}},
	{"collated", func(g *generator) string {
		text := func() string { return g.arg(g.value("text")) }
		return "SELECT id, a, c FROM " + g.pick("p", "q") + " WHERE c" + g.pick(" = "+text(), " IN ("+text()+", "+text()+")", " BETWEEN "+text()+" AND "+text())
	}},
	{"affinity", func(g *generator) string {
		v := func() string { return g.arg(g.pick("0", "1", "2")) }
		return "SELECT id, a, b FROM " + g.pick("p", "q") + " WHERE a" + g.pick(" = "+v(), " IN ("+v()+", "+v()+")", " >= "+v())
	}},
	{"bare having", func(g *generator) string {
		return "SELECT p.a, max(p.id), p.b, p.c FROM p GROUP BY p.a HAVING p.b = " + g.arg(int64(g.IntN(3)))
	}},
	{"limited", func(g *generator) string {
		return "SELECT * FROM (SELECT p.id, p.a, p.b FROM p ORDER BY p." + g.pick("b", "c", "a") + ", p.id LIMIT " + g.arg(int64(1+g.IntN(3))) +
			") AS s WHERE s." + g.pick("a", "b") + " = " + g.arg(int64(g.IntN(3)))
	}},
	{"grouped", func(g *generator) string {
		return "SELECT * FROM (SELECT p.a AS a, max(p.id) AS n, p.b AS b FROM p GROUP BY p.a) AS s WHERE s.b = " + g.arg(int64(g.IntN(3)))
	}},
	{"natural", func(g *generator) string {
		x, y := g.any("x"), g.any("y")
		return "SELECT x.id, y.b FROM " + x.from() + " NATURAL " + g.pick("JOIN ", "LEFT JOIN ", "INNER JOIN ", "FULL JOIN ") + y.from() +
			" WHERE " + g.condition(1, x, y)
	}},
	{"values", func(g *generator) string {
		x := g.any("x")
		list := "VALUES (" + g.arg(g.value("int")) + "), (" + g.arg(g.value("any")) + ")"
		if g.IntN(2) == 0 {
			return "WITH v(p) AS (" + list + ") SELECT x.id, x.a FROM " + x.from() + " WHERE x.a IN (SELECT p FROM v) AND " + g.condition(1, x)
		}
		return "SELECT x.id, v.column1 FROM " + x.from() + g.pick(" JOIN ", " LEFT JOIN ") + "(" + list + ") AS v ON x.a = v.column1 WHERE " + g.condition(1, x)
	}},
	{"row value", func(g *generator) string {
		x := g.use(g.tables[g.IntN(3)], "x")
		left, a := g.column(x)
		right, b := g.column(x)
		row := "(" + left + ", " + right + ")"
		pair := func() string { return "(" + g.arg(g.value(a.kind)) + ", " + g.arg(g.value(b.kind)) + ")" }
		switch g.IntN(4) {
		case 0:
			return "SELECT * FROM " + x.from() + " WHERE " + row + " IN (VALUES " + pair() + ", " + pair() + ")"
		case 1:
			return "SELECT * FROM " + x.from() + " WHERE " + row + g.pick(" < ", " >= ", " <> ", " IS NOT ") + pair()
		case 2:
			return "SELECT * FROM " + x.from() + " WHERE NOT " + row + " = " + pair()
		}
		return "SELECT * FROM " + x.from() + " WHERE " + row + g.pick(" = ", " == ", " IS ") + pair() + g.pick("", " AND "+g.atom(x))
	}},
	{"equal columns", func(g *generator) string {
		one := g.pick("p.a", "q.a") + g.pick(" = ", " IN (1, ", " <= ") + g.arg(int64(g.IntN(3)))
		if strings.Contains(one, "(") {
			one += ")"
		}
		tail := " WHERE " + one + g.pick("", " AND q.b IS NOT NULL", " AND p.b = q.b")
		join := g.pick(" JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN ")
		if g.IntN(2) == 0 {
			return "SELECT p.id, q.id, p.b FROM p" + join + "q ON q.a = p.a" + tail
		}
		return "SELECT p.id, q.id, r.id FROM p JOIN q ON p.id = q.id" + join + "q AS r ON " + g.pick("p.a = q.a", "r.a = p.a", "r.a = q.a AND p.b = q.b") + tail
	}},
	{"carried", func(g *generator) string {
		g.style = '?'
		at := clock{unit: g.pickInt(0, 0, 2), back: time.Duration(g.IntN(90)-45) * time.Minute}.at(g.now)
		g.url = "/x?since=" + url.QueryEscape(g.said(at))
		g.args = append(g.args, at)
		return "SELECT id, at FROM e WHERE at" + g.pick(" > ", " <= ", " = ") + "?"
	}},
	{"moving", func(g *generator) string {
		g.style = '?'
		g.args = append(g.args, turns{int64(g.IntN(3)), nil, g.value("few")})
		return "SELECT id, a, b FROM " + g.pick("p", "q") + " WHERE a" + g.pick(" = ?", " IS ?", " >= ?", " IN (0, ?)")
	}},
}

func (g *generator) exists(word string) string {
	x, y := g.any("x"), g.any("y")
	return "SELECT x.id, x.b FROM " + x.from() + " WHERE " + word + " (SELECT 1 FROM " + y.from() + " WHERE " +
		g.pick("", "y.a = x.a AND ", "y.id = x.id AND ") + g.condition(2, y, x) + ")" + g.pick("", " AND "+g.atom(x), " OR "+g.atom(x))
}

func (g *generator) inSelect(word string) string {
	x, y := g.any("x"), g.any("y")
	left, _ := g.column(x)
	right, _ := g.column(y)
	return "SELECT x.id, x.a FROM " + x.from() + " WHERE " + left + word + "(SELECT " + right + " FROM " + y.from() + " WHERE " +
		g.condition(1, y) + ")" + g.pick("", " AND "+g.atom(x))
}

// clock is an argument that a handler makes of the time of day.
type clock struct {
	unit int
	back time.Duration
}

func (c clock) at(now time.Time) any {
	t := now.Add(-c.back)
	switch c.unit {
	case 0:
		return t.Unix()
	case 1:
		return t.UnixMilli()
	case 2:
		return t.Format(time.RFC3339)
	case 3:
		return t.Format(time.DateTime)
	case 4:
		return t
	}
	return float64(t.UnixMilli()) / 1000
}

// said is how a request says a time.
func (g *generator) said(at any) string {
	if t, ok := at.(time.Time); ok {
		return t.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(at)
}

func (g *generator) pickInt(list ...int) int { return list[g.IntN(len(list))] }

// turns is an argument that is another at each evaluation.
type turns []any

// statement is what one handler runs.
type statement struct {
	form string
	text string
	args []any
	url  string
}

// at is the arguments that the handler sends at a time, in its evaluation of
// that number.
func (s *statement) at(now time.Time, evaluation int) []any {
	args := make([]any, len(s.args))
	for i, arg := range s.args {
		switch a := arg.(type) {
		case clock:
			arg = a.at(now)
		case turns:
			arg = a[evaluation%len(a)]
		}
		args[i] = arg
	}
	return args
}

func (s *statement) String() string { return fmt.Sprintf("%s %#v", s.text, s.args) }

func (w *world) statement(f form) *statement {
	g := &generator{world: w, style: "??n:@$ld"[w.IntN(8)], url: "/x"}
	text := f.write(g)
	return &statement{f.name, text, g.args, g.url}
}
