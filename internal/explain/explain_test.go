package explain

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/observer"
	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/predicate"
	"github.com/wakeful-dev/wakeful/readset"
)

var columns = []string{"id", "owner", "note"}

var schema = &readset.Schema{Dialect: "sqlite", Encoding: "UTF-8", Tables: map[string]*readset.Table{
	"issue": {Name: "issue", Definition: "CREATE TABLE issue (id INTEGER PRIMARY KEY, owner INTEGER, note ANY)", Columns: []readset.Column{
		{Name: "id", Type: "INTEGER", Key: 1}, {Name: "owner", Type: "INTEGER"}, {Name: "note", Type: "TEXT"},
	}},
}}

// evaluated is what an evaluation read by statements.
func evaluated(statements ...readset.Use) []observer.Understood {
	set := &readset.Set{}
	for _, use := range statements {
		set.Add(use.Statement, use.Args)
	}
	_, understood := observer.Needs(set, &query.Cache{}, query.NewArguments("/"), time.Now())
	return understood
}

func statement(text string) *readset.Statement {
	return &readset.Statement{Text: text, Reads: []readset.Read{{Table: "issue", Columns: columns}}, Schema: schema}
}

// TestStatements: each way in which a statement can be understood.
func TestStatements(t *testing.T) {
	needs := func(rows string) []Read { return []Read{{Table: "issue", Columns: columns, Rows: rows}} }
	byOwner := statement("SELECT * FROM issue WHERE owner = ?")
	volatile := statement("SELECT * FROM issue WHERE id = 3 AND random() > 0")
	volatile.Volatile = []string{"random"}
	for _, tt := range []struct {
		name string
		use  readset.Use
		want Statement
	}{
		{"in full", readset.Use{Statement: byOwner, Args: []any{int64(7)}},
			Statement{Text: byOwner.Text, Reads: needs("owner = 7")}},
		{"opaque", readset.Use{Statement: statement("SELECT * FROM issue ~ x")},
			Statement{Text: "SELECT * FROM issue ~ x", Opaque: "not understood at byte 20", Reads: needs("every row")}},
		{"the clock", readset.Use{Statement: byOwner, Args: []any{time.Now().Unix()}},
			Statement{Text: byOwner.Text, Reads: needs("every row"), Dropped: []Dropped{{"issue", "owner", query.WhyClock}}}},
		{"types", readset.Use{Statement: byOwner, Args: []any{1e300}},
			Statement{Text: byOwner.Text, Reads: needs("every row"), Dropped: []Dropped{{"issue", "owner", query.WhyTypes}}}},
		{"missing", readset.Use{Statement: byOwner},
			Statement{Text: byOwner.Text, Reads: needs("every row"), Dropped: []Dropped{{"issue", "owner", query.WhyMissing}}}},
		{"ties", readset.Use{Statement: statement("SELECT * FROM issue WHERE owner = 7 ORDER BY note")},
			Statement{Text: "SELECT * FROM issue WHERE owner = 7 ORDER BY note", Reads: needs("owner = 7"),
				Ties: "rows of issue that are equal in note may stand in any order, unless an index is unique; end ORDER BY with id"}},
		{"volatile", readset.Use{Statement: volatile},
			Statement{Text: volatile.Text, Reads: needs("id = 3"), Volatile: []string{"random"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Runs = 1
			list, omitted := Statements(evaluated(tt.use), true)
			if !reflect.DeepEqual([]Statement{tt.want}, list) || omitted != 0 {
				t.Errorf("got  %+v, %d omitted\nwant %+v", list, omitted, tt.want)
			}
		})
	}
}

// TestStatementsAreBounded: a view that runs thousands of statements has an
// account that can be read.
func TestStatementsAreBounded(t *testing.T) {
	var uses []readset.Use
	for i := range 1000 {
		uses = append(uses, readset.Use{Statement: statement("SELECT * FROM issue WHERE owner = ?"), Args: []any{int64(i)}})
	}
	list, omitted := Statements(evaluated(uses...), true)
	if len(list) != maxStatements || omitted != 1000-maxStatements {
		t.Errorf("%d statements, %d omitted", len(list), omitted)
	}
	list, omitted = Statements(evaluated(uses...), false)
	if len(list) != 1 || omitted != 0 || list[0].Runs != 1000 || list[0].Reads[0].Rows != "owner = ?" {
		t.Errorf("without values they are alike: %d statements, %d omitted, %+v", len(list), omitted, list[0])
	}
}

// TestString: the whole account as people read it.
func TestString(t *testing.T) {
	owner := predicate.Column{Name: "owner", Kind: predicate.Number, Collation: predicate.Binary}
	key, _ := owner.Argument(nil, int64(7))
	reads := []affected.Dependency{
		{Table: "issue", Columns: columns, Where: predicate.Of(predicate.Atom{Column: owner, Op: predicate.In, Keys: []string{string(key)}})},
		{Table: "tag", Columns: []string{affected.AnyColumn}},
	}
	p := func(n uint64) change.Position { return change.NewPosition("source00", n) }
	set := &change.Changeset{Position: p(9), Changes: []change.Change{{Table: "issue", Kind: change.Insert, Columns: columns, New: []any{int64(1), int64(8), "x"}}}}
	e := &Explanation{
		Observer: "0123456789abcdef", View: "GET /issues", URL: "/issues?owner=7", Position: p(9),
		Reads: Reads(reads, reads[1:], true),
		Kept: Kept{How: "evaluate", Every: time.Minute, Cost: 250 * time.Microsecond, Evaluations: 3, Failures: 1, Seq: 2, Items: 4,
			ListBytes: 100, LogBytes: 50, Gateways: 1, Subscribers: 5, Position: p(8)},
		Runs:    []Run{{Cause: Changed, Change: p(8), Table: "issue", Changes: 2, At: p(8), Took: 200 * time.Microsecond, Latency: time.Millisecond, Code: "status 500"}, {Cause: First, At: p(1)}},
		Changes: []Change{OfChange(reads, Seen{Set: set}, true)},
	}
	e.Statements, _ = Statements(evaluated(readset.Use{Statement: statement("SELECT * FROM issue WHERE owner = 7 AND note = 'x'")}), true)
	e.Finish()
	want := `observer 0123456789ab of view GET /issues (/issues?owner=7), the server is at source000000000000000009
reads
	issue (id, owner, note): owner = 7 — read by an earlier run
	tag (*): every row
statements of its newest evaluation
	SELECT * FROM issue WHERE owner = 7 AND note = 'x'
		issue (id, owner, note): owner = 7 AND note = 'x'
kept
	evaluate, 3 runs of about 250µs, 4 items in 100 bytes, diff 2, 50 bytes of log, 5 subscribers; at least every 1m0s; failed 1 times in a row, not before 0001-01-01T00:00:00Z; evaluated at source000000000000000008
why it ran, the newest first
	change source000000000000000008 of issue and 1 more: status 500 at source000000000000000008, took 200µs, 1ms after the change
	first: 0 ops at source000000000000000001, took 0s
the newest changes, and what they are to what it reads now
	source000000000000000009 does not touch it
		issue: insert does not touch: owner = 7 is not met by the new row (owner 8)
note: it declares tag (DependsOn), so every change of it counts
note: its newest runs failed: the list is the last good one
`
	if got := e.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"cause":"other_rows"`, `"touches":false`, `"rows":"owner = 7"`, `"earlier":true`, `"every_ns":60000000000`, `"cause":"change"`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the data lacks %s:\n%s", part, text)
		}
	}
}

// TestNotes: what is worth a person's notice is said once.
func TestNotes(t *testing.T) {
	e := &Explanation{
		Statements: []Statement{{Opaque: "it is too long"}, {Opaque: "it is too long"}, {Volatile: []string{"now"}, Ties: "score"}},
		Kept:       Kept{Echoes: 3},
	}
	e.Finish()
	if got := fmt.Sprint(len(e.Notes), strings.Join(e.Notes, "; ")); !strings.HasPrefix(got, "5") ||
		strings.Count(got, "too long") != 1 || !strings.Contains(got, "calls now") || !strings.Contains(got, "not total: score") ||
		!strings.Contains(got, "slowed down") || !strings.Contains(got, "nobody follows it") {
		t.Errorf("notes %s", got)
	}
}
