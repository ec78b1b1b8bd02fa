package inspect

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/wakeful-dev/wakeful/change"
)

// Marks makes marks: equal for what is equal, of one server's life.
type Marks struct{ key []byte }

// NewMarks returns marks of their own.
func NewMarks() *Marks {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: it ends the program instead
	return &Marks{key}
}

// Of is the mark of a thing of some kind, "" for "".
func (m *Marks) Of(kind, thing string) string {
	if thing == "" {
		return ""
	}
	mac := hmac.New(sha256.New, m.key)
	fmt.Fprintf(mac, "%d %s%s", len(kind), kind, thing) // a hash takes everything
	return hex.EncodeToString(mac.Sum(nil)[:4])
}

// Bounds of what is told of one transaction.
const (
	maxTables = 16
	maxRows   = 4
)

// Tables tells what a changeset did to each table, without any value. more
// counts the tables that are left out.
func (m *Marks) Tables(set *change.Changeset) (tables []Table, more int) {
	var others []string
	for i := range set.Changes {
		c := &set.Changes[i]
		at := slices.IndexFunc(tables, func(t Table) bool { return t.Name == c.Table })
		switch {
		case at >= 0:
		case len(tables) < maxTables:
			tables = append(tables, Table{Name: c.Table, Rows: []string{}})
			at = len(tables) - 1
		default:
			if !slices.Contains(others, c.Table) {
				others = append(others, c.Table)
			}
			continue
		}
		m.count(&tables[at], c)
	}
	return tables, len(others)
}

func (m *Marks) count(t *Table, c *change.Change) {
	switch c.Kind {
	case change.Insert:
		t.Inserted++
	case change.Update:
		t.Updated++
	case change.Delete:
		t.Deleted++
	default:
		t.Everything = true
		return
	}
	if len(t.Rows) == maxRows {
		return
	}
	if mark := m.row(c); mark != "" && !slices.Contains(t.Rows, mark) {
		t.Rows = append(t.Rows, mark)
	}
}

// row is the mark of a row by the column id, or else its first: a change does
// not say which is its key.
func (m *Marks) row(c *change.Change) string {
	image, at := c.New, max(slices.Index(c.Columns, "id"), 0)
	if image == nil {
		image = c.Old
	}
	if at >= len(image) || image[at] == nil || image[at] == change.Unknown {
		return ""
	}
	return m.Of("row of "+c.Table, fmt.Sprint(image[at]))
}
