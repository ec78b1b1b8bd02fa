package app

import (
	"cmp"
	"database/sql"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"

	"github.com/wakeful-dev/wakeful/bench/role"
)

// Slide asks for writes each of which hits a window of the wares by score: a row
// that stands in it gets another score, in half of the cases one of the window,
// else any. The last one stays in the window, with the score Base+N-1 below its
// place.
type Slide struct {
	N      int   `json:"n"`
	Offset int   `json:"offset"`
	Limit  int   `json:"limit"`
	Base   int64 `json:"base"`
}

// slide is one that was thought out: which rows hit the window depends on all
// writes before.
type slide struct {
	writes []placed
}

// placed is a ware and its score.
type placed struct {
	id    int
	score int64
}

func (p placed) before(q placed) int {
	return cmp.Or(cmp.Compare(q.score, p.score), cmp.Compare(p.id, q.id))
}

// prepare thinks the writes out, and writes nothing.
func (s *slide) prepare(db *sql.DB, asked Slide) error {
	rows, err := db.Query(`SELECT id, score FROM ware ORDER BY score DESC, id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var all []placed
	for rows.Next() {
		var p placed
		if err := rows.Scan(&p.id, &p.score); err != nil {
			return err
		}
		all = append(all, p)
	}
	if len(all) < asked.Offset+asked.Limit {
		return errors.New("the window lies behind the last row")
	}
	s.writes = make([]placed, 0, asked.N)
	random := rand.New(rand.NewPCG(uint64(asked.Base), uint64(asked.N)))
	for i := range asked.N {
		from := asked.Offset + random.IntN(asked.Limit)
		to := asked.Offset + 1 + random.IntN(asked.Limit-2)
		if i < asked.N-1 && random.IntN(2) == 0 {
			to = random.IntN(len(all))
		}
		one := placed{all[from].id, all[to].score/Step*Step + asked.Base + int64(i)}
		all = slices.Delete(all, from, from+1)
		at, _ := slices.BinarySearchFunc(all, one, placed.before)
		all = slices.Insert(all, at, one)
		s.writes = append(s.writes, one)
	}
	return rows.Err()
}

// Last answers "prepare" with the score that the last write sets.
type Last struct {
	Score int64 `json:"score"`
}

func (s *slide) last() Last { return Last{s.writes[len(s.writes)-1].score} }

// run writes, and lets others run after each write: on one core they get to it
// as it happens.
func (s *slide) run(db *sql.DB, statement string) (*Churned, error) {
	write, err := db.Prepare(statement)
	if err != nil {
		return nil, err
	}
	defer write.Close()
	got := &Churned{Start: role.Now()}
	for _, w := range s.writes {
		if _, err := write.Exec(w.score, w.id); err != nil {
			return nil, err
		}
		runtime.Gosched()
	}
	got.End = role.Now()
	return got, nil
}
