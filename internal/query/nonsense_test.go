package query

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/readset"
)

// TestNonsense: what is no statement, or a huge one, is opaque or read, and
// never more than that.
func TestNonsense(t *testing.T) {
	issue := []string{"issue"}
	many := strings.TrimSuffix(strings.Repeat("7, ", 10_000), ", ")
	tests := []struct{ name, text, want string }{
		{"nothing", "", "opaque: it is no SELECT"},
		{"a text without an end", "SELECT * FROM issue WHERE title = 'x", "opaque: a character that is not read: "},
		{"a name without an end", `SELECT * FROM issue WHERE "owner = 1`, "opaque: a character that is not read: "},
		{"a bracket without an end", "SELECT * FROM issue WHERE [owner = 1", "opaque: a character that is not read: "},
		{"a comment without an end", "SELECT * FROM issue WHERE owner = 1 /* and", "issue: owner/1/1"},
		{"a NUL", "SELECT * FROM issue --\x00\nWHERE owner = 1", "opaque: it holds a NUL, where the database may stop to read"},
		{"no UTF-8", "SELECT * FROM issue WHERE title = '\xff' AND owner = 1", "issue: owner/1/1"},
		{"a name that is no UTF-8", "SELECT * FROM issue \xff WHERE \xff.owner = 1", "issue: owner/1/1"},
		{"a name that is not there", "SELECT * FROM issue WHERE \xc3 = 1", "issue: all"},
		{"10,000 values", "SELECT * FROM issue WHERE owner IN (" + many + ")", "issue: owner/1/1"},
		{"10,000 values after NOT", "SELECT * FROM issue WHERE owner NOT IN (" + many + ")", "issue: owner/2/1"},
		{"100,000 parentheses", "SELECT " + strings.Repeat("(", 100_000) + "1" + strings.Repeat(")", 100_000), "opaque: it is too long"},
		{"50,000 parentheses", "SELECT " + strings.Repeat("(", 50_000) + "1" + strings.Repeat(")", 50_000), "opaque: it is nested too deeply"},
		{"parentheses that do not end", "SELECT " + strings.Repeat("(", 90), "opaque: not understood at byte 97"},
		{"a parameter of that number", "SELECT * FROM issue WHERE owner = ?99999999999", "opaque: a parameter that is not read: ?99999999999"},
		{"an argument that is missing", "SELECT * FROM issue WHERE owner = ?7", "issue: all"},
		{"an argument of no name", "SELECT * FROM issue WHERE owner = :x", "issue: all"},
		{"a number too large", "SELECT * FROM issue WHERE owner = 99999999999999999999", "issue: all"},
		{"bytes that are none", "SELECT * FROM issue WHERE owner = x'1'", "issue: all"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := needs(tt.text, issue); got != tt.want {
				t.Errorf("%.200q\n got %s\nwant %s", tt.text, got, tt.want)
			}
		})
	}
}

type valuer struct{}

func (valuer) Value() (any, error) { panic("a value is asked for") }

// TestAnyArgument: an argument of a type that a driver does not take says
// nothing, and does no harm.
func TestAnyArgument(t *testing.T) {
	var none *int
	var raw json.RawMessage
	text := "SELECT * FROM issue WHERE owner = ? AND title = ? AND price > ? AND title LIKE ? AND any IN (?, 1)"
	for _, arg := range []any{
		uint64(math.MaxUint64), 7, int32(7), float32(1.5), none, raw, json.RawMessage("{}"), valuer{}, &valuer{}, sql.NullString{}, sql.NullInt64{Int64: 1, Valid: true},
		time.Time{}, time.Unix(1<<40, 0), math.NaN(), math.Inf(-1), struct{}{}, map[string]int{}, []string{"a"}, func() {}, make(chan int), complex(1, 2), [2]int{}, time.Second,
	} {
		t.Run(fmt.Sprintf("%T", arg), func(t *testing.T) {
			q, s := read(text, "issue")
			args := []any{arg, arg, arg, arg, arg}
			memory := NewArguments("/issues?owner=7")
			memory.Learn([]Run{{q, args}})
			list, dropped := q.Bind(s, args, memory.Trust(q, time.Now()))
			if list[0].Where != nil || len(dropped) != 5 {
				t.Errorf("%v narrows to %v; dropped %v", arg, list[0].Where, dropped)
			}
		})
	}
	named := make([]any, 30_000)
	where := make([]string, len(named)/6)
	for i := range named {
		named[i] = sql.Named(fmt.Sprintf("p%d", len(named)-i), int64(i))
	}
	for i := range where {
		where[i] = fmt.Sprintf(":p%d", i+1)
	}
	if got := needs("SELECT * FROM issue WHERE owner IN ("+strings.Join(where, ",")+")", []string{"issue"}, named...); got != "issue: owner/1/5000" {
		t.Errorf("5,000 of 30,000 named arguments: %s", got)
	}
}

// TestCacheKeepsTheNewest: however many and however long statements are, the cache
// keeps some of them only, those of late among them.
func TestCacheKeepsTheNewest(t *testing.T) {
	schema := testSchema()
	for name, padding := range map[string]int{"many": 0, "long": 20 << 10, "too long": maxText} {
		var c Cache
		var last *Query
		text := func(i int) string {
			return fmt.Sprintf("SELECT * FROM issue WHERE owner = %d /*%s*/", i, strings.Repeat("x", padding))
		}
		n := 12_000
		if padding > 0 {
			n = 4000
		}
		for i := range n {
			last = c.Read(&readset.Statement{Text: text(i), Schema: schema})
			if c.Bytes() > maxCachedBytes || len(c.young)+len(c.old) > maxCached {
				t.Fatalf("%s: %d statements, %d bytes", name, len(c.young)+len(c.old), c.Bytes())
			}
		}
		if again := c.Read(&readset.Statement{Text: text(n - 1), Schema: schema}) == last; again != (padding < maxText) {
			t.Errorf("%s: the newest is kept: %t", name, again)
		}
	}
}
