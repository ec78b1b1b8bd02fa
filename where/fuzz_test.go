package where_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/schema"
	"github.com/wakeful-dev/wakeful/where"
)

// lexicon is all that SQL of conditions is made of.
var lexicon = regexp.MustCompile(`^(?:"((?:[^"]|"")*)"|([A-Z]+|[(),.?=]|<>|<=|>=|<|>|'\\')| )`)

var keywords = strings.Fields(`TRUE FALSE AND OR NOT IS NULL IN LIKE GLOB ESCAPE COLLATE NOCASE SELECT EXISTS FROM AS WHERE ( ) , . ? = < > <= >= <> '\'`)

// foreign returns the first thing in a text that is none of the fixed words,
// names of the schema and placeholders; "" where there is none. marks counts
// the placeholders.
func foreign(s *schema.Schema, text string) (found string, marks int) {
	for text != "" {
		part := lexicon.FindStringSubmatch(text)
		switch {
		case part == nil:
			return text, marks
		case part[0][0] == '"':
			if name := strings.ReplaceAll(part[1], `""`, `"`); !isName(s, name) {
				return part[0], marks
			}
		case part[2] != "" && !slices.Contains(keywords, part[2]):
			return part[0], marks
		case part[2] == "?":
			marks++
		}
		text = text[len(part[0]):]
	}
	return "", marks
}

func isName(s *schema.Schema, name string) bool {
	if regexp.MustCompile(`^(x|via\d+)$`).MatchString(name) {
		return true
	}
	return slices.ContainsFunc(s.Tables, func(t *schema.Table) bool {
		return t.Name == name || slices.Contains(t.Names(), name)
	})
}

// maker makes a condition of any bytes.
type maker struct{ data []byte }

func (m *maker) byte() byte {
	if len(m.data) == 0 {
		return 0
	}
	b := m.data[0]
	m.data = m.data[1:]
	return b
}

func (m *maker) text() string {
	n := min(int(m.byte())%24, len(m.data))
	text := string(m.data[:n])
	m.data = m.data[n:]
	return text
}

func (m *maker) column(t *schema.Table) string {
	if b := m.byte(); b < 240 {
		return t.Columns[int(b)%len(t.Columns)].Name
	}
	return m.text()
}

func (m *maker) value() any {
	switch m.byte() % 6 {
	case 0:
		return int64(m.byte())
	case 1:
		return float64(m.byte()) / 7
	case 2:
		return []byte(m.text())
	case 3:
		return m.byte() > 127
	}
	return m.text()
}

func (m *maker) expr(s *schema.Schema, t *schema.Table, depth int) where.Expr {
	kind := m.byte() % 22
	if depth == 0 {
		kind %= 16
	}
	c := m.column(t)
	switch {
	case kind < 6:
		return comparisons[kind](c, m.value())
	case kind < 13:
		return textuals[kind-6](c, m.text())
	case kind == 13:
		return where.In(c, m.value(), m.value(), m.value())
	case kind == 14:
		return where.IsNull(c)
	case kind == 15:
		return where.NotNull(c)
	case kind == 16:
		return where.Not(m.expr(s, t, depth-1))
	case kind < 19:
		return where.And(m.expr(s, t, depth-1), m.expr(s, t, depth-1))
	case kind < 21:
		return where.Or(m.expr(s, t, depth-1), m.expr(s, t, depth-1))
	}
	if key := where.KeyOf(t, c); key != nil {
		return where.Via(c, m.expr(s, s.Table(key.Table), depth-1))
	}
	return where.Via(c, m.expr(s, t, depth-1))
}

// FuzzSQL: SQL has fixed words, quoted names of the schema and placeholders in
// it, and no byte of any input. The database takes it.
func FuzzSQL(f *testing.F) {
	w := newWorld(f, 1)
	w.fill(5)
	f.Add([]byte("\x00\x03\x05'; DROP TABLE lax; --"))
	f.Add([]byte("\x15\x12\x06\x01\x0a\"a\"\"%_*?[\\"))
	f.Add([]byte("\x11\x01\x06\x04\x03%%%\x15\x13\x0d\x02\x04\x03abc"))
	for range 300 {
		data := make([]byte, 8+w.random.IntN(60))
		for i := range data {
			data[i] = byte(w.random.IntN(256))
		}
		f.Add(data)
	}
	table := w.schema.Table("lax")
	f.Fuzz(func(t *testing.T, data []byte) {
		w.t = t
		m := &maker{data}
		e := m.expr(w.schema, table, 4)
		b, err := where.Bind(e, table, w.schema)
		if err != nil {
			return
		}
		text, args := b.AppendSQL(nil, "x", nil)
		if found, marks := foreign(w.schema, string(text)); found != "" || marks != len(args) {
			t.Fatalf("%q is no word of ours; %d arguments for %d placeholders: %s", found, len(args), marks, text)
		}
		again, _ := b.AppendSQL(nil, "x", nil)
		if string(again) != string(text) {
			t.Fatalf("%s, then %s", text, again)
		}
		if needs := w.needs(fmt.Sprintf(`SELECT "x"."key" FROM "lax" AS "x" WHERE %s`, text), args); strings.HasPrefix(needs, "opaque") {
			t.Fatalf("%s: %s", text, needs)
		}
		w.check(table, e)
	})
}
