package query

import (
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/readset"
)

// TestRedact: what is left of a text when its values are taken out.
func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT id FROM issue WHERE owner = 7 AND title = 'it''s secret' -- secret\nLIMIT 10": "SELECT id FROM issue WHERE owner = ? AND title = ? LIMIT ?",
		`SELECT "id", "issue"."title" AS "what is" FROM "issue" ORDER BY "what is"`:           `SELECT "id", "issue"."title" AS "what is" FROM "issue" ORDER BY "what is"`,
		`SELECT id FROM issue WHERE title = "secret"`:                                         "SELECT id FROM issue WHERE title = ?",
		"SELECT x'5ec4e7', 0x5ec4e7, 1.5e7, ?1, :name/*secret*/FROM [issue]":                  "SELECT ?, ?, ?, ?1, :name FROM [issue]",
		"SELECT 'secret": "SELECT ?",
		"SELECT {secret": "SELECT ?secret",
	} {
		if got := Redact(&readset.Statement{Text: text, Schema: testSchema()}); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
	if got := Redact(&readset.Statement{Text: "SELECT 'x'"}); got != "" {
		t.Errorf("without a schema: %s", got)
	}
}

// FuzzRedact: a text in quotes is never shown, whatever stands around it.
func FuzzRedact(f *testing.F) {
	f.Add("a", "b")
	f.Add("'", "it''s")
	f.Add("--\n", "*/")
	f.Fuzz(func(t *testing.T, before, value string) {
		const canary = "canarycanary"
		before = strings.ReplaceAll(before, canary, "")
		literal := "'" + strings.ReplaceAll(value+canary, "'", "''") + "'"
		s := &readset.Statement{Text: "SELECT id FROM issue WHERE title = " + literal + " AND owner IN (" + before, Schema: testSchema()}
		if got := Redact(s); strings.Contains(got, canary) {
			t.Errorf("%s\nshows a value: %s", s.Text, got)
		}
	})
}
