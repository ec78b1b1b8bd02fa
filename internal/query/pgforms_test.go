package query_test

import (
	"strings"
	"time"
)

// postgresForm is a kind of statement with what writes one.
type postgresForm struct {
	name  string
	write func(g *postgresGenerator) string
}

// postgresExact are the forms that filter one table by values.
var postgresExact = []string{"filter", "bare filter", "collated", "affinity", "array", "carried"}

var postgresForms = []postgresForm{
	{"filter", func(g *postgresGenerator) string {
		g.alone = true
		x := g.plain("x")
		return "SELECT * FROM " + x.from() + " WHERE " + g.condition(g.IntN(3), x)
	}},
	{"two columns", func(g *postgresGenerator) string {
		x := g.plain("x")
		return "SELECT * FROM " + x.from() + " WHERE " + g.condition(g.IntN(3), x)
	}},
	{"bare filter", func(g *postgresGenerator) string {
		x := g.tables[g.IntN(3)]
		c := x.columns[g.IntN(4)]
		if c.kind == "folded" {
			c = x.columns[0]
		}
		return "SELECT " + g.pick("*", "id, a, b, c, d", "a AS b, b AS a, c, id, d") + " FROM " + g.pick("", g.schema+".") + x.name + " WHERE " + c.name + " = " + g.arg(c.kind, g.value(c.kind))
	}},
	{"join", func(g *postgresGenerator) string {
		x, y := g.any("x"), g.any("y")
		if g.IntN(2) == 0 {
			return "SELECT x.*, y.* FROM " + x.from() + ", " + y.from() + " WHERE x.a = y.a AND " + g.condition(2, x, y)
		}
		return "SELECT x.id, y.b FROM " + x.from() + g.pick(" JOIN ", " INNER JOIN ") + y.from() + " ON " +
			g.condition(2, x, y) + " WHERE " + g.condition(1, x, y)
	}},
	{"using", func(g *postgresGenerator) string {
		x, y := g.any("x"), g.any("y")
		join := g.pick(" JOIN ", " LEFT JOIN ", " FULL JOIN ", " RIGHT JOIN ")
		return "SELECT * FROM " + x.from() + join + y.from() + g.pick(" USING (a)", " USING (a, b)") + " WHERE a = " + g.arg("integer", int64(g.IntN(4))) +
			g.pick("", " AND "+g.atom(y), " OR "+g.atom(x))
	}},
	{"outer join", func(g *postgresGenerator) string {
		x, y, z := g.any("x"), g.any("y"), g.any("z")
		join := func() string { return g.pick(" LEFT JOIN ", " LEFT OUTER JOIN ", " RIGHT JOIN ") }
		text := "SELECT x.*, y.* FROM " + x.from() + join() + y.from() + " ON x.a = y.a AND " + g.condition(1, x, y)
		all := []used{x, y}
		switch g.IntN(4) {
		case 0:
			text += g.pick(" JOIN ", " LEFT JOIN ") + z.from() + " ON " + g.condition(1, y, z)
			all = append(all, z)
		case 1:
			text = "SELECT x.*, y.a FROM " + x.from() + join() + "(" + y.from() + g.pick(" JOIN ", " LEFT JOIN ") + z.from() +
				" ON " + g.condition(1, y, z) + ") ON " + g.condition(1, x, y)
			all = append(all, z)
		case 2:
			text = "SELECT x.*, y.a FROM " + z.from() + ", " + x.from() + join() + y.from() + g.pick(" JOIN p ON p.id = y.id", "") + " ON x.a = y.a"
			if strings.Contains(text, "JOIN p") {
				text = "SELECT x.*, y.a FROM " + z.from() + ", " + x.from() + join() + y.from() + join() + "p ON p.id = y.id ON x.a = y.a"
			}
			all = append(all, z)
		}
		if g.IntN(3) > 0 {
			text += " WHERE " + g.condition(2, all...)
		}
		return text
	}},
	{"full join", func(g *postgresGenerator) string {
		return "SELECT p.id, q.id, p.b FROM p FULL JOIN q ON p.a = q.a AND p.b = q.b" + g.pick("", " WHERE q.c = "+g.arg("words", g.value("words")), " WHERE p.b = "+g.few()+" OR q.b IS NULL")
	}},
	{"exists", func(g *postgresGenerator) string { return g.exists("EXISTS") }},
	{"not exists", func(g *postgresGenerator) string { return g.exists("NOT EXISTS") }},
	{"in select", func(g *postgresGenerator) string { return g.inSelect(g.pick(" IN ", " = ANY ", " = SOME ")) }},
	{"not in select", func(g *postgresGenerator) string { return g.inSelect(g.pick(" NOT IN ", " <> ALL ")) }},
	{"scalar", func(g *postgresGenerator) string {
		x, y := g.any("x"), g.any("y")
		return "SELECT x.id, (SELECT max(y.a) FROM " + y.from() + " WHERE " + g.pick("", "y.b = x.b AND ") + g.condition(1, y, x) + "), ARRAY(SELECT y.id FROM " +
			y.from() + " WHERE " + g.condition(1, y) + " ORDER BY 1) FROM " + x.from() + " WHERE " + g.condition(1, x)
	}},
	{"from select", func(g *postgresGenerator) string {
		x := g.any("x")
		c := x.table.columns
		inner := "SELECT x.id, x.a AS b, x.b AS a, lower(x.c::text) AS c FROM " + x.from() + " WHERE " + g.condition(1, x)
		inner += g.pick("", "", " ORDER BY x.id, x.a, x.b, x.c LIMIT 3", " ORDER BY 1, 2, 3, 4 FETCH FIRST 2 ROWS ONLY")
		s := used{table{"s", []col{c[0], {"a", c[2].kind}, {"b", c[1].kind}}}, "s"}
		return "SELECT * FROM (" + inner + ") AS s WHERE " + g.condition(2, s)
	}},
	{"lateral", func(g *postgresGenerator) string {
		x, y := g.any("x"), g.any("y")
		s := used{table{"s", []col{y.table.columns[0], y.table.columns[1]}}, "s"}
		return "SELECT x.id, s.* FROM " + x.from() + g.pick(" CROSS JOIN LATERAL ", " LEFT JOIN LATERAL ", " JOIN LATERAL ", ", LATERAL ") + "(SELECT y.id, y.a FROM " + y.from() +
			" WHERE y.b = x.b AND " + g.condition(1, y) + g.pick("", " ORDER BY y.id, y.a LIMIT 1") + ") AS s" + "%ON% WHERE " + g.condition(1, x, s)
	}},
	{"cte", func(g *postgresGenerator) string {
		x, y := g.any("x"), g.any("y")
		s := used{table{"s", []col{{"p", x.table.columns[1].kind}, {"q", x.table.columns[2].kind}}}, "s"}
		return "WITH s(p, q) AS" + g.pick(" ", " MATERIALIZED ", " NOT MATERIALIZED ") + "(SELECT x.a, x.b FROM " + x.from() + " WHERE " + g.condition(1, x) + ") SELECT * FROM s" +
			g.pick("", " AS s") + " JOIN " + y.from() + " ON y.a = s.p AND " + g.condition(1, y) + " WHERE " + g.condition(1, s, y)
	}},
	{"shadow", func(g *postgresGenerator) string {
		x := g.tables[g.IntN(3)]
		v := g.any("v")
		u := used{table{x.name, []col{x.columns[0], {"a", x.columns[2].kind}, {"b", x.columns[1].kind}}}, "u"}
		body := "SELECT id, b AS a, a AS b FROM " + g.pick(g.schema+".", "") + x.name
		return "WITH " + x.name + " AS (" + body + ") SELECT * FROM " + u.from() + " WHERE " + g.condition(1, u) +
			g.pick("", " AND EXISTS (SELECT 1 FROM "+v.from()+" WHERE "+g.condition(1, v)+")")
	}},
	{"recursive", func(g *postgresGenerator) string {
		l := used{g.tables[3], "l"}
		return "WITH RECURSIVE r(n, depth) AS (SELECT " + g.arg("integer", int64(g.IntN(4))) + "::int, 0 UNION SELECT l.child, r.depth + 1 FROM " +
			l.from() + " JOIN r ON l.parent = r.n WHERE r.depth < 4 AND " + g.condition(1, l) + ") SELECT n, depth FROM r ORDER BY 1, 2"
	}},
	{"set operation", func(g *postgresGenerator) string {
		x, y := g.any("x"), g.any("y")
		return "(SELECT x.a, x.b FROM " + x.from() + " WHERE " + g.condition(1, x) + g.pick("", " ORDER BY 1, 2 LIMIT 2") + ")" +
			g.pick(" UNION ", " UNION ALL ", " EXCEPT ", " INTERSECT ", " EXCEPT ALL ") + "SELECT y.a, y.b FROM " + y.from() + " WHERE " + g.condition(1, y)
	}},
	{"aggregate", func(g *postgresGenerator) string {
		x := g.any("x")
		return "SELECT count(*), sum(x.a), max(x.b), count(x.id) FILTER (WHERE " + g.atom(x) + "), array_agg(x.a ORDER BY x.a, x.id) FROM " + x.from() + " WHERE " + g.condition(1, x)
	}},
	{"having", func(g *postgresGenerator) string {
		x := g.any("x")
		return "SELECT x.a, count(*), min(x.b) FROM " + x.from() + " WHERE " + g.condition(1, x) + " GROUP BY x.a HAVING " +
			g.pick("count(*) > 1", "min(x.b) IS NOT NULL", "x.a = "+g.arg("integer", int64(g.IntN(3))), "max(x.id) > 2")
	}},
	{"rollup", func(g *postgresGenerator) string {
		return "SELECT p.a, count(*), max(p.id) FROM p GROUP BY " + g.pick("ROLLUP (p.a)", "GROUPING SETS ((p.a), ())", "CUBE (p.a)") + " HAVING p.a" +
			g.pick(" IS NULL", " IS NULL", " = "+g.few())
	}},
	{"window", func(g *postgresGenerator) string {
		x := g.any("x")
		return "SELECT x.id, count(*) OVER (PARTITION BY x.a), sum(x.id) OVER w FROM " + x.from() + " WHERE " + g.condition(1, x) +
			" WINDOW w AS (PARTITION BY x.b ORDER BY x.id, x.a ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
	}},
	{"over window", func(g *postgresGenerator) string {
		x := g.any("x")
		s := used{table{"s", []col{{"a", x.table.columns[1].kind}, {"n", "integer"}}}, "s"}
		return "SELECT * FROM (SELECT x.a, count(*) OVER (PARTITION BY x.b) AS n FROM " + x.from() + ") s WHERE " + g.condition(1, s)
	}},
	{"view", func(g *postgresGenerator) string {
		x := used{g.views[g.IntN(len(g.views))], "x"}
		return "SELECT * FROM " + x.from() + " WHERE " + g.condition(2, x)
	}},
	{"distinct", func(g *postgresGenerator) string {
		x := g.any("x")
		return "SELECT " + g.pick("DISTINCT x.a, x.b", "DISTINCT ON (x.a) x.a, x.b, x.id") + " FROM " + x.from() + " WHERE " + g.condition(1, x) + " ORDER BY x.a, x.b%ID%"
	}},
	{"limit", func(g *postgresGenerator) string {
		x := g.any("x")
		return "SELECT x.id, x.a, x.b, x.c FROM " + x.from() + " WHERE " + g.condition(1, x) + " ORDER BY " + g.pick("1", "x.a DESC NULLS LAST, 1") +
			", 2, 3, 4 LIMIT " + g.arg("bigint", int64(g.IntN(4))) + g.pick("", " OFFSET 1")
	}},
	{"case", func(g *postgresGenerator) string {
		x := g.any("x")
		return "SELECT CASE WHEN " + g.atom(x) + " THEN '1' ELSE x.a::text END, x.b || 'z', coalesce(x.a, -1) FROM " + x.from() + " WHERE " +
			g.condition(1, x) + " AND CASE x.a WHEN 1 THEN true ELSE " + g.atom(x) + " END"
	}},
	{"recent", func(g *postgresGenerator) string {
		g.args = append(g.args, clock{unit: g.pickInt(2, 4), back: time.Duration(g.IntN(60)) * time.Minute})
		return "SELECT id, at FROM e WHERE at" + g.pick(" > ", " <= ", " <= ") + "$1"
	}},
	{"anti join", func(g *postgresGenerator) string {
		return "SELECT p.id, p.a, p.b FROM p LEFT JOIN q ON q.a = p.a WHERE q." + g.pick("b", "id", "a") + " IS NULL" + g.pick("", " AND p.b = "+g.few())
	}},
	{"null in", func(g *postgresGenerator) string {
		return "SELECT p.id, p.a FROM p WHERE p.a" + g.pick(" NOT IN ", " NOT IN ", " IN ") + "(SELECT q.b FROM q WHERE q.a = " + g.few() + ")"
	}},
	{"correlated", func(g *postgresGenerator) string {
		v := g.few()
		return "SELECT p.id, p.a, p.b FROM p WHERE " + g.pick("", "NOT ") + "EXISTS (SELECT 1 FROM q WHERE " +
			g.pick("q.a = p.a AND p.b = "+v, "q.a = p.b AND "+v+" = p.a", "q.b = p.a AND p.c = 'a'") + ")"
	}},
	{"collated", func(g *postgresGenerator) string {
		text := func() string { return g.arg("words", g.value("words")) }
		g.alone = true
		return "SELECT * FROM " + g.pick("p", "q") + " WHERE c" + g.pick(" = "+text(), " IN ("+text()+", "+text()+")",
			` COLLATE "C" BETWEEN `+text()+" AND "+text(), ` COLLATE "C" ILIKE `+g.pick("'a%'", "'B%'"))
	}},
	{"sorted", func(g *postgresGenerator) string {
		text := func() string { return g.arg("words", g.value("words")) }
		return "SELECT id, a, c FROM " + g.pick("p", "q") + " WHERE c" + g.pick(" < "+text(), " >= "+text(), " BETWEEN "+text()+" AND "+text())
	}},
	{"affinity", func(g *postgresGenerator) string {
		v := func() string { return g.arg("few", g.pick("0", "1", "2")) }
		g.alone = true
		return "SELECT * FROM " + g.pick("p", "q") + " WHERE a" + g.pick(" = "+v(), " IN ("+v()+", "+v()+")", " >= "+v())
	}},
	{"array", func(g *postgresGenerator) string {
		g.alone = true
		return "SELECT * FROM " + g.pick("p", "q") + " WHERE " + g.array("a", col{"a", "few"})
	}},
	{"policy", func(g *postgresGenerator) string {
		return "SELECT s.id, s.a" + g.pick(" FROM s WHERE s.a = "+g.few(), ", q.id FROM s LEFT JOIN q ON q.id = s.id AND q.b = "+g.few(), " FROM s WHERE s.id IN (SELECT q.id FROM q WHERE q.a = "+g.few()+")")
	}},
	{"limited", func(g *postgresGenerator) string {
		return "SELECT * FROM (SELECT p.id, p.a, p.b FROM p ORDER BY p." + g.pick("b", "c", "a") + ", p.id LIMIT " + g.arg("bigint", int64(1+g.IntN(3))) +
			") AS s WHERE s." + g.pick("a", "b") + " = " + g.few()
	}},
	{"grouped", func(g *postgresGenerator) string {
		return "SELECT * FROM (SELECT p.a AS a, max(p.id) AS n, min(p.b) AS b FROM p GROUP BY p.a) AS s WHERE s.b = " + g.few()
	}},
	{"natural", func(g *postgresGenerator) string {
		return "SELECT p.id, q.b FROM p NATURAL " + g.pick("JOIN ", "LEFT JOIN ", "INNER JOIN ", "FULL JOIN ", "RIGHT JOIN ") + "q WHERE " +
			g.pick("a = "+g.few(), "p.b = "+g.few(), "id = "+g.arg("integer", g.value("integer")))
	}},
	{"values", func(g *postgresGenerator) string {
		x := g.any("x")
		list := "VALUES (" + g.literal("integer", int64(g.IntN(4))) + "), (" + g.literal("integer", int64(g.IntN(4))) + ")"
		if g.IntN(2) == 0 {
			return "WITH v(p) AS (" + list + ") SELECT x.id, x.a FROM " + x.from() + " WHERE x.a IN (SELECT p FROM v) AND " + g.condition(1, x)
		}
		return "SELECT x.id, v.n FROM " + x.from() + g.pick(" JOIN ", " LEFT JOIN ") + "(" + list + ") AS v(n) ON x.a = v.n WHERE " + g.condition(1, x)
	}},
	{"row value", func(g *postgresGenerator) string {
		x := g.plain("x")
		a, b := x.table.columns[1], x.table.columns[2]
		row := g.pick("", "ROW") + "(x.a, x.b)"
		pair := func() string {
			return "(" + g.arg(a.kind, g.value(a.kind)) + ", " + g.arg(b.kind, g.value(b.kind)) + ")"
		}
		switch g.IntN(5) {
		case 0:
			return "SELECT * FROM " + x.from() + " WHERE " + row + " IN (" + pair() + ", " + pair() + ")"
		case 1, 2:
			return "SELECT * FROM " + x.from() + " WHERE " + g.pick("", "NOT ") + row + g.pick(" < ", " >= ", " <> ", " > ", " <= ") + pair()
		case 3:
			return "SELECT * FROM " + x.from() + " WHERE NOT " + row + g.pick(" = ", " IS DISTINCT FROM ") + pair()
		}
		return "SELECT * FROM " + x.from() + " WHERE " + row + g.pick(" = ", " IS NOT DISTINCT FROM ") + pair() + g.pick("", " AND "+g.atom(x))
	}},
	{"equal columns", func(g *postgresGenerator) string {
		one := g.pick("p.a = "+g.few(), "q.a IN (1, "+g.few()+")", "q.a <= "+g.few(), "p.a = ANY (ARRAY[0, 2])")
		tail := " WHERE " + one + g.pick("", " AND q.b IS NOT NULL", " AND p.b = q.b")
		join := g.pick(" JOIN ", " LEFT JOIN ", " LEFT JOIN ", " RIGHT JOIN ")
		if g.IntN(3) == 0 {
			return "SELECT p.id, q.id, p.b FROM p" + join + "q ON q.a = p.a" + tail
		}
		return "SELECT p.id, q.id, r.id FROM p JOIN q ON p.id = q.id" + join + "q AS r ON " + g.pick("p.a = q.a", "p.a = q.a", "r.a = p.a", "r.a = q.a AND p.b = q.b") + tail
	}},
	{"typed twice", func(g *postgresGenerator) string {
		x := g.plain("x")
		g.args = append(g.args, []any{int64(g.IntN(3)), g.pick("1", "0", "2"), 0.5, 0.1, 1.0}[g.IntN(5)])
		return "SELECT * FROM " + x.from() + " WHERE " + g.pick("x.a = $1 AND x.b >= $1", "x.a <= $1 OR x.b = $1", "x.a = $1 AND $1::float8 >= 0", "x.b IN ($1, 2) AND x.a IS DISTINCT FROM $1")
	}},
	{"carried", func(g *postgresGenerator) string {
		at := g.now.Add(time.Duration(g.IntN(90)-45) * time.Minute)
		g.said(at)
		g.args = append(g.args, []any{at, at.Format(time.RFC3339)}[g.IntN(2)])
		return "SELECT id, at FROM e WHERE at" + g.pick(" > ", " <= ", " = ") + "$1"
	}},
	{"moving", func(g *postgresGenerator) string {
		g.args = append(g.args, turns{int64(g.IntN(3)), nil, g.value("few")})
		return "SELECT id, a, b FROM " + g.pick("p", "q") + " WHERE a" + g.pick(" = $1", " IS NOT DISTINCT FROM $1", " >= $1", " IN (0, $1)", " = ANY (ARRAY[$1, 7])")
	}},
}

func (g *postgresGenerator) pickInt(list ...int) int { return list[g.IntN(len(list))] }

func (g *postgresGenerator) exists(word string) string {
	x, y := g.any("x"), g.any("y")
	return "SELECT x.id, x.b FROM " + x.from() + " WHERE " + word + " (SELECT 1 FROM " + y.from() + " WHERE " +
		g.pick("", "y.a = x.a AND ", "y.id = x.id AND ") + g.condition(2, y, x) + ")" + g.pick("", " AND "+g.atom(x), " OR "+g.atom(x))
}

func (g *postgresGenerator) inSelect(word string) string {
	x, y := g.any("x"), g.any("y")
	return "SELECT x.id, x.a FROM " + x.from() + " WHERE x." + g.pick("a", "b", "id") + word + "(SELECT y." + g.pick("a", "b", "id") + " FROM " + y.from() + " WHERE " +
		g.condition(1, y) + ")" + g.pick("", " AND "+g.atom(x))
}

// mended fills in what follows from the rest of a text.
func mended(text string) string {
	on := ""
	if strings.Contains(text, " JOIN LATERAL ") && !strings.Contains(text, " CROSS JOIN LATERAL ") {
		on = " ON true"
	}
	id := ""
	if strings.Contains(text, "DISTINCT ON") {
		id = ", x.id"
	}
	return strings.NewReplacer("%ON%", on, "%ID%", id).Replace(text)
}
