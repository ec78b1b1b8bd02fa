package query_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/jackc/pgx/v5"
)

// heldSchema has tables whose rows can be told by their keys (h, k, u, c), and
// others of which that is not sure.
var heldSchema = []string{
	"CREATE DOMAIN number AS integer",
	`CREATE TABLE h (id integer PRIMARY KEY, a integer, b integer, c text COLLATE "C", big text)`,
	"ALTER TABLE h ALTER big SET STORAGE EXTERNAL",
	"CREATE TABLE k (x integer, a integer, b integer, y text, c text, PRIMARY KEY (y, x))",
	"CREATE TABLE u (a integer, b integer, c text, id uuid PRIMARY KEY)",
	"CREATE TABLE c (id bigint PRIMARY KEY, of integer REFERENCES h ON DELETE CASCADE ON UPDATE CASCADE, a integer, b integer, c text)",
	"CREATE TABLE n (id numeric PRIMARY KEY, a integer, b integer, c text)",
	"CREATE TABLE d (id number PRIMARY KEY, a integer, b integer, c text)",
	"CREATE TABLE p (id integer, a integer, b integer, c text, PRIMARY KEY (id, a)) PARTITION BY HASH (a)",
	"CREATE TABLE p0 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 0)", "CREATE TABLE p1 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
	"CREATE TABLE i (id integer PRIMARY KEY, a integer, b integer, c text)", "CREATE TABLE i0 (PRIMARY KEY (id)) INHERITS (i)",
	"CREATE TABLE f (id integer PRIMARY KEY, a integer, b integer, c text)", "ALTER TABLE f REPLICA IDENTITY FULL",
	"CREATE TABLE s (id integer PRIMARY KEY, a integer, b integer, c text)", "ALTER TABLE s ENABLE ROW LEVEL SECURITY",
	"CREATE POLICY one ON s USING (a IN (SELECT h.b FROM h))",
	"CREATE VIEW v AS SELECT id, a, b, c FROM h WHERE b > 0",
	"CREATE FUNCTION hs(integer) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM h WHERE a = $1'",
	"CREATE FUNCTION passed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE k SET b = new.b WHERE x = new.id; RETURN NULL; END'",
	"CREATE TRIGGER passes AFTER UPDATE ON h FOR EACH ROW EXECUTE FUNCTION passed()",
}

// heldTable is a table with what a key of it is written as.
type heldTable struct {
	name string
	key  []string
}

var (
	heldKeyed  = []heldTable{{"h", []string{"id"}}, {"k", []string{"x", "y"}}, {"u", []string{"id"}}, {"c", []string{"id"}}}
	heldOthers = []heldTable{{"n", []string{"id"}}, {"d", []string{"id"}}, {"p", []string{"id", "a"}}, {"i", []string{"id"}}, {"f", []string{"id"}},
		{"s", []string{"id"}}, {"v", []string{"id"}}}
)

// heldGenerator writes a view: statements with their arguments.
type heldGenerator struct {
	*rand.Rand
	texts []string
	args  [][]any
	now   []any // arguments of the statement that is being written
}

func (g *heldGenerator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g *heldGenerator) keyed() heldTable { return heldKeyed[g.IntN(len(heldKeyed))] }

func (g *heldGenerator) say(text string) {
	g.texts, g.args, g.now = append(g.texts, text), append(g.args, g.now), nil
}

func (g *heldGenerator) few() string { return fmt.Sprint(g.IntN(4)) }

// arg is a few as a parameter, or written out.
func (g *heldGenerator) arg() string {
	if g.IntN(3) == 0 {
		return g.few()
	}
	g.now = append(g.now, g.IntN(4))
	return fmt.Sprintf("$%d", len(g.now))
}

// where is a condition, of which not all is read.
func (g *heldGenerator) where() string {
	switch g.IntN(9) {
	case 0:
		return "a IN (" + g.arg() + ", " + g.arg() + ")"
	case 1:
		return "a >= " + g.arg() + " AND b < " + g.arg()
	case 2:
		return "a = " + g.arg() + " OR b = " + g.arg()
	case 3:
		return "a % 2 = 1"
	case 4:
		return "coalesce(a, 0) + coalesce(b, 0) > " + g.few()
	case 5:
		return "lower(c) = 'a' AND b = " + g.arg()
	case 6:
		return "b IS NULL"
	}
	return "a = " + g.arg()
}

// perhaps is a condition or none.
func (g *heldGenerator) perhaps() string {
	if g.IntN(2) == 0 {
		return ""
	}
	return " WHERE " + g.where()
}

// columns are some that have the key among them.
func (g *heldGenerator) columns(t heldTable) string {
	list := append([]string{}, t.key...)
	list = append(list, [][]string{{"a"}, {"b", "a"}, {"c"}, {}, {"a + 1 AS more", "upper(c) AS c"}, {"b AS a", "a AS b"}}[g.IntN(6)]...)
	g.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return g.pick("*", strings.Join(list, ", "), strings.Join(list, ", "))
}

// order is one without ties.
func (t heldTable) order(first string) string {
	return " ORDER BY " + first + ", " + strings.Join(t.key, ", ")
}

// heldForm is a kind of view.
type heldForm struct {
	name    string
	known   bool // which rows it reads
	ordered bool
	write   func(g *heldGenerator)
}

var heldForms = []*heldForm{
	{"filter", true, false, func(g *heldGenerator) {
		t := g.keyed()
		g.say("SELECT " + g.columns(t) + " FROM " + t.name + " WHERE " + g.where())
	}},
	{"all", true, false, func(g *heldGenerator) {
		t := g.keyed()
		g.say(g.pick("TABLE "+t.name, "SELECT "+g.columns(t)+" FROM "+t.name))
	}},
	{"ordered", true, true, func(g *heldGenerator) {
		t := g.keyed()
		g.say("SELECT " + t.name + ".* FROM public." + t.name + " WHERE " + g.where() + t.order(g.pick("a", "b DESC", "c")))
	}},
	{"limited", true, true, func(g *heldGenerator) {
		t := g.keyed()
		g.say("SELECT * FROM " + t.name + g.perhaps() + t.order(g.pick("a", "b DESC", "c")) +
			g.pick(" LIMIT 3", " LIMIT 1", " FETCH FIRST 2 ROWS ONLY", " FETCH FIRST 2 ROWS WITH TIES"))
	}},
	{"renamed", true, false, func(g *heldGenerator) {
		g.say("SELECT q.a AS id, q.id AS a, q.b FROM h AS q (id, a, b) WHERE q.id >= " + g.arg() + " OR q.b = " + g.arg()) // a is b, b is c
	}},
	{"by key", true, false, func(g *heldGenerator) {
		g.say("SELECT * FROM " + g.pick("h", "c") + " WHERE id = " + g.arg())
	}},
	{"two filters", true, false, func(g *heldGenerator) {
		t := g.keyed()
		for range 2 {
			g.say("SELECT " + g.columns(t) + " FROM " + t.name + " WHERE " + g.where())
		}
	}},
	{"two tables", true, false, func(g *heldGenerator) {
		g.say("SELECT id, a FROM h WHERE " + g.where())
		g.say("SELECT x, y, b FROM k WHERE " + g.where())
	}},

	{"skipping", false, true, func(g *heldGenerator) {
		t := g.keyed()
		g.say("SELECT * FROM " + t.name + g.perhaps() + t.order(g.pick("a", "b DESC")) + g.pick(" OFFSET 1", " LIMIT 2 OFFSET 2", " OFFSET 1 LIMIT 2"))
	}},
	{"keyless", false, false, func(g *heldGenerator) {
		t := g.keyed()
		g.say("SELECT a, b FROM " + t.name + " WHERE " + g.where())
	}},
	{"part of a key", false, false, func(g *heldGenerator) {
		g.say("SELECT " + g.pick("x", "y", "y, a", "x, b") + " FROM k WHERE " + g.where())
	}},
	{"disguised", false, false, func(g *heldGenerator) {
		g.say("SELECT " + g.pick("id + 0 AS id", "a AS id", "-id AS id", "id::bigint AS id", "coalesce(id, 1) AS id") + ", b FROM h WHERE " + g.where())
	}},
	{"distinct", false, false, func(g *heldGenerator) {
		g.say("SELECT " + g.pick("DISTINCT id, a", "DISTINCT ON (a) id, a, b") + " FROM h WHERE " + g.where() + " ORDER BY " + g.pick("a, id"))
	}},
	{"grouped", false, false, func(g *heldGenerator) {
		g.say("SELECT id, " + g.pick("count(*)", "max(a)", "a") + " FROM h WHERE " + g.where() + " GROUP BY " + g.pick("id", "id, a"))
	}},
	{"window", false, false, func(g *heldGenerator) {
		g.say("SELECT id, " + g.pick("count(*) OVER ()", "row_number() OVER (ORDER BY a, id)", "sum(b) OVER (PARTITION BY a)", "lag(id) OVER w") +
			" FROM h WHERE " + g.where() + " WINDOW w AS (ORDER BY b, id)" + g.pick("", " ORDER BY id LIMIT 2"))
	}},
	{"self join", false, false, func(g *heldGenerator) {
		g.say("SELECT h.id, g.id FROM h" + g.pick(" JOIN ", " LEFT JOIN ") + "h AS g ON g.a = h.b WHERE h.a = " + g.arg())
	}},
	{"join", false, false, func(g *heldGenerator) {
		g.say("SELECT h.id, k.x, k.y FROM h" + g.pick(" JOIN ", " LEFT JOIN ") + "k ON k.x = h.id WHERE h.a = " + g.arg())
	}},
	{"subquery", false, false, func(g *heldGenerator) {
		g.say("SELECT id, a" + g.pick("", ", (SELECT count(*) FROM h AS g WHERE g.a = h.b)") + " FROM h WHERE " +
			g.pick("EXISTS (SELECT FROM h AS g WHERE g.b = h.a)", "a IN (SELECT b FROM h)", "NOT EXISTS (SELECT FROM h AS g WHERE g.b = h.a)", "a = (SELECT max(a) FROM h)"))
	}},
	{"union", false, false, func(g *heldGenerator) {
		g.say("SELECT id, a FROM h WHERE a = " + g.arg() + g.pick(" UNION ALL ", " UNION ", " EXCEPT ", " INTERSECT ") + "SELECT id, a FROM h WHERE b = " + g.arg())
	}},
	{"within", false, false, func(g *heldGenerator) {
		g.say(g.pick("WITH q AS (SELECT * FROM h) SELECT id, a FROM q WHERE ", "SELECT id, a FROM (SELECT * FROM h ORDER BY a, id OFFSET 1) AS h WHERE ",
			"WITH h AS (SELECT x AS id, a, b, c FROM k) SELECT * FROM h WHERE ") + g.where())
	}},
	{"function", false, false, func(g *heldGenerator) {
		g.say("SELECT id, a FROM h WHERE a >= hs(" + g.arg() + ")")
	}},
	{"rows of others", false, false, func(g *heldGenerator) {
		g.say("SELECT id, n FROM h, generate_series(1, a) AS n WHERE b = " + g.arg())
	}},
	{"counted too", false, false, func(g *heldGenerator) {
		g.say("SELECT * FROM h WHERE a = 1")
		g.say(g.pick("SELECT count(*) FROM h WHERE a = 2", "SELECT b FROM h WHERE a = 2", "SELECT *, count(*) OVER () FROM h WHERE a = 2"))
	}},
	{"moving", false, false, func(g *heldGenerator) {
		g.now = []any{turns{0, 2, 1, 3}}
		g.say("SELECT id, a FROM h WHERE " + g.pick("a = $1", "a <> $1", "coalesce(a, 0) > $1"))
	}},
	{"other tables", false, false, func(g *heldGenerator) {
		t := heldOthers[g.IntN(len(heldOthers))]
		g.say("SELECT " + strings.Join(t.key, ", ") + ", b FROM " + t.name + " WHERE " + g.where())
	}},
}

// written are the tables that are written to.
var written = []string{"h", "h", "h", "k", "k", "u", "c", "n", "d", "p", "i", "i0", "f", "s"}

// keyOf writes a condition for one row, or what sets its key.
func (l *heldLaw) keyOf(table string, and string) string {
	n := l.IntN(8)
	switch table {
	case "k":
		return fmt.Sprintf("x = %d%s y = '%c'", n, and, 'a'+l.IntN(2))
	case "u":
		return fmt.Sprintf("id = '00000000-0000-0000-0000-00000000000%x'", n)
	}
	return fmt.Sprintf("id = %d", n)
}

func (l *heldLaw) fewOrNull() string { return []string{"0", "1", "2", "3", "NULL"}[l.IntN(5)] }

func (l *heldLaw) insert(table string) string {
	key := strings.NewReplacer("x = ", "", " y = ", "", "id = ", "").Replace(l.keyOf(table, ","))
	names := "id"
	if table == "k" {
		names = "x, y"
	}
	text := fmt.Sprintf("INSERT INTO %s (%s, a, b, c) VALUES (%s, %s, %s, '%c')", table, names, key, l.aOf(table), l.fewOrNull(), 'A'+rune(l.IntN(2)))
	if table == "p" || table == "i0" {
		names += ", a"
	}
	if table == "i0" {
		return text + " ON CONFLICT DO NOTHING"
	}
	return text + []string{" ON CONFLICT DO NOTHING", " ON CONFLICT (" + names + ") DO UPDATE SET b = excluded.b"}[l.IntN(2)]
}

// aOf is a value of the column a.
func (l *heldLaw) aOf(table string) string {
	if table == "p" {
		return fmt.Sprint(l.IntN(4)) // it is of the key
	}
	return l.fewOrNull()
}

// one is a random statement that writes.
func (l *heldLaw) one() string {
	table := written[l.IntN(len(written))]
	set := "a = " + l.aOf(table)
	switch l.IntN(4) {
	case 0:
		set = "b = " + l.fewOrNull()
	case 1:
		set = "c = '" + string(rune('a'+l.IntN(2))) + "'"
	}
	switch n := l.IntN(24); {
	case n < 6:
		return l.insert(table)
	case n < 9:
		return "DELETE FROM " + table + " WHERE " + l.keyOf(table, " AND")
	case n == 9:
		return "DELETE FROM " + table + " WHERE a = " + l.fewOrNull()
	case n < 13:
		return "UPDATE " + table + " SET " + set + " WHERE a = " + l.fewOrNull()
	case n < 15:
		return "UPDATE " + table + " SET " + l.keyOf(table, ",") + " WHERE " + l.keyOf(table, " AND")
	case n == 15:
		return "UPDATE h SET id = -1 WHERE id = 1; UPDATE h SET id = 1 WHERE id = 2; UPDATE h SET id = 2 WHERE id = -1"
	case n == 16:
		return "UPDATE h SET big = repeat('x', 9000) WHERE " + l.keyOf("h", "")
	case n == 17 && l.IntN(8) == 0:
		return "TRUNCATE " + table + " CASCADE"
	case n == 18:
		return "SAVEPOINT one; UPDATE h SET a = 1; ROLLBACK TO one"
	}
	return "UPDATE " + table + " SET " + set + " WHERE " + l.keyOf(table, " AND")
}

// fill begins a world with some rows.
func (l *heldLaw) fill() {
	for range 60 {
		l.said = append(l.said, l.insert(written[l.IntN(len(written))]))
	}
	l.exec("TRUNCATE h, k, u, c, n, d, p, i, i0, f, s")
	l.commit(l.said, true)
}

func (l *heldLaw) exec(text string) {
	if _, err := l.write.Exec(context.Background(), text, pgx.QueryExecModeSimpleProtocol); err != nil {
		l.t.Fatalf("%s: %v", text, err)
	}
}

// writeSome runs a few statements in a transaction. It may fail.
func (l *heldLaw) writeSome() {
	for range 1 + l.IntN(2)*l.IntN(4) {
		l.said = append(l.said, l.one())
	}
	l.commit(l.said, l.IntN(12) > 0)
}

// commit runs statements in one transaction, each of which may fail.
func (l *heldLaw) commit(texts []string, commits bool) {
	l.exec("BEGIN")
	for _, text := range texts {
		l.exec("SAVEPOINT each")
		if _, err := l.write.Exec(context.Background(), text, pgx.QueryExecModeSimpleProtocol); err != nil {
			l.exec("ROLLBACK TO each")
		}
	}
	if commits {
		l.exec("COMMIT")
	} else {
		l.exec("ROLLBACK")
	}
}
