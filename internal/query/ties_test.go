package query

import (
	"strings"
	"testing"
)

func TestTies(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT * FROM issue ORDER BY price":                                     "equal in price may stand in any order, unless an index is unique; end ORDER BY with id",
		"SELECT * FROM issue WHERE owner = 1 ORDER BY owner, Title DESC":         "equal in owner, Title may",
		"SELECT * FROM issue ORDER BY title COLLATE BINARY LIMIT 3":              "equal in Title may",
		"SELECT * FROM issue i ORDER BY i.price, i.id":                           "",
		"SELECT * FROM issue ORDER BY rowid":                                     "",
		"SELECT * FROM issue":                                                    "",
		"SELECT * FROM issue WHERE id = 3 ORDER BY price":                        "",
		"SELECT * FROM issue WHERE id IN (3, 4) ORDER BY price":                  "equal in price",
		"SELECT * FROM issue WHERE id = 3 OR owner = 1 ORDER BY price":           "equal in price",
		"SELECT id AS price FROM issue ORDER BY price":                           "",
		"SELECT id FROM issue ORDER BY 1":                                        "",
		"SELECT id FROM issue ORDER BY price + 1":                                "",
		"SELECT owner FROM issue GROUP BY owner ORDER BY owner":                  "",
		"SELECT DISTINCT owner FROM issue ORDER BY owner":                        "",
		"SELECT count(*) FROM issue ORDER BY owner":                              "",
		"SELECT * FROM issue JOIN person ON person.id = owner ORDER BY price":    "",
		"SELECT * FROM (SELECT * FROM issue ORDER BY price)":                     "",
		"SELECT * FROM busy ORDER BY owner":                                      "",
		"SELECT id FROM issue UNION SELECT id FROM issue ORDER BY id":            "",
		"SELECT * FROM mine ORDER BY who":                                        "rows of issue that are equal in owner",
		"WITH c AS (SELECT id, owner FROM issue) SELECT * FROM c ORDER BY owner": "rows of issue that are equal in owner",
	} {
		q, _ := read(text)
		if q.Opaque != "" || (want == "") != (q.Ties == "") || !strings.Contains(q.Ties, want) {
			t.Errorf("%s\n got %q %s\nwant %q", text, q.Ties, q.Opaque, want)
		}
	}
}
