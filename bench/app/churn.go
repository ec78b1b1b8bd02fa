package app

import (
	"database/sql"
	"time"

	"github.com/wakeful-dev/wakeful/bench/role"
)

// Churn asks for writes from within the process: N of them, each of one row in
// a transaction of its own, over the first Rows wares in turn. Who reads what
// they bring knows them by the same rule.
type Churn struct {
	N    int   `json:"n"`
	Rows int   `json:"rows"`
	Base int64 `json:"base"` // of the scores, below Step
	// Rate is how many a second are due, 0 for as many as can be.
	Rate int `json:"rate,omitempty"`
}

// Row is the id of the ware that a write changes. Each comes once in Rows.
func (c *Churn) Row(i int) int { return 1 + i%c.Rows*c.stride()%c.Rows }

// stride scatters the writes: one that shares no factor with Rows.
func (c *Churn) stride() int {
	for _, prime := range []int{7919, 104_729, 1} {
		if c.Rows%prime != 0 {
			return prime
		}
	}
	return 1
}

// Score is what a write sets: anywhere among all scores, and no two alike.
func (c *Churn) Score(i int) int64 { return int64(i)*104_729%places*Step + c.Base + int64(i) }

// Write is which write a score comes from, -1 where it is none of them.
func (c *Churn) Write(score int64) int {
	i := int(score%Step - c.Base)
	if i < 0 || i >= c.N {
		return -1
	}
	return i
}

// Churned answers with when what was done: role.Now.
type Churned struct {
	Start     int64   `json:"start"`
	End       int64   `json:"end"`
	Committed []int64 `json:"committed,omitempty"` // where there is a rate
	Late      []int64 `json:"late,omitempty"`      // by how much each began after it was due
}

// Run writes by a statement, which is ScoreWare as the database takes it. after is
// called when a commit has returned; nil for none.
func (c *Churn) Run(db *sql.DB, statement string, after func(id int, score int64)) (*Churned, error) {
	write, err := db.Prepare(statement)
	if err != nil {
		return nil, err
	}
	defer write.Close()
	got := &Churned{Start: role.Now()}
	for i := range c.N {
		if c.Rate > 0 {
			due := got.Start + int64(i)*int64(time.Second)/int64(c.Rate)
			time.Sleep(time.Duration(due - role.Now()))
			got.Late = append(got.Late, max(0, role.Now()-due))
		}
		id, score := c.Row(i), c.Score(i)
		if _, err := write.Exec(score, id); err != nil {
			return nil, err
		}
		if c.Rate > 0 {
			got.Committed = append(got.Committed, role.Now())
		}
		if after != nil {
			after(id, score)
		}
	}
	got.End = role.Now()
	return got, nil
}

// Shift asks for one transaction that changes the first N wares: in the order
// of the writes of the Churn with that N and Base, but in one statement.
type Shift struct {
	N    int   `json:"n"`
	Base int64 `json:"base"`
}

// Run answers with when the transaction began, and when its commit had
// returned. Row id is left with its place, and with Base+id-1 below it.
func (s *Shift) Run(db *sql.DB) (*Churned, error) {
	got := &Churned{Start: role.Now()}
	_, err := db.Exec(`UPDATE ware SET score = score / ? * ? + ? + id - 1 WHERE id <= ?`, int64(Step), int64(Step), s.Base, s.N)
	got.End = role.Now()
	return got, err
}
