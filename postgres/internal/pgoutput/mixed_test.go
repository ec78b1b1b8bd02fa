package pgoutput

import (
	"fmt"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
)

// TestMixed: where a partition logs other old values than the table says, what
// is not known is not taken for NULL, nor for unchanged. It also shows that it
// would be without Config.Mixed.
func TestMixed(t *testing.T) {
	for _, setUp := range []string{"ALTER TABLE parted REPLICA IDENTITY FULL", "ALTER TABLE part REPLICA IDENTITY USING INDEX part_n_key"} {
		t.Run(setUp, func(t *testing.T) {
			db := decode(t, "CREATE TABLE parted (id int PRIMARY KEY, n int NOT NULL, name text) PARTITION BY RANGE (id)",
				"CREATE TABLE part PARTITION OF parted (UNIQUE (n)) FOR VALUES FROM (0) TO (100)", setUp)
			db.Exec(t, "INSERT INTO parted VALUES (1, 10, 'a')", "UPDATE parted SET name = 'b'", "UPDATE parted SET id = 2",
				"UPDATE parted SET n = 20", "DELETE FROM parted")
			frames := db.frames(t)
			if wrong := claims(t, frames, true); len(wrong) > 0 {
				t.Errorf("wrong old values: %q", wrong)
			}
			if claims(t, frames, false) == nil {
				t.Error("no value is wrong without Mixed: the test tests nothing")
			}
		})
	}
}

// claims lists the old values that are not what the row was.
func claims(t *testing.T, frames [][]byte, mixed bool) (wrong []string) {
	t.Helper()
	d := New(Config{Mixed: func(string) bool { return mixed }})
	row := make([]any, 3)
	for _, f := range frames {
		tx := feed(t, d, f)
		if tx == nil {
			continue
		}
		for _, c := range tx.Changes {
			for i, value := range c.Old {
				if value != change.Unknown && value != row[i] {
					wrong = append(wrong, fmt.Sprintf("%s: %s was %v, not %v", c.Kind, c.Columns[i], row[i], value))
				}
			}
			copy(row, c.New)
		}
	}
	return wrong
}
