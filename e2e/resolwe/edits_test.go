package resolwe

import (
	"fmt"
	"math/rand/v2"
)

// editor makes random transactions: rows come, go, change and move, one or many
// at a time.
type editor struct {
	random *rand.Rand
	made   int
}

func newEditor(seed uint64) *editor {
	return &editor{random: rand.New(rand.NewPCG(seed, 17))}
}

// transaction returns the statements of the next one.
func (e *editor) transaction() []string {
	e.made++
	statements := make([]string, 1+e.random.IntN(3))
	for i := range statements {
		statements[i] = e.statement()
	}
	return statements
}

func (e *editor) statement() string {
	n := e.random.IntN
	// Any ticket, none included: by its rank, since ids are not dense.
	some := func(k int) string {
		return fmt.Sprintf("(SELECT id FROM tickets ORDER BY (id * %d) %% 101, id LIMIT %d)", 1+n(100), k)
	}
	switch n(11) {
	case 0, 1, 2:
		return fmt.Sprintf(`INSERT INTO tickets (project, title, open, score, place, assignee)
			VALUES (%d, 'made %d', %d, %d, %d, %d)`, 1+n(2), e.made, n(2), n(12), n(30), 1+n(3))
	case 3, 4:
		return "DELETE FROM tickets WHERE (SELECT count(*) FROM tickets) > 12 AND id IN " + some(1+n(3))
	case 5:
		return fmt.Sprintf("UPDATE tickets SET title = 'named %d' WHERE id IN %s", e.made, some(1+n(2)))
	case 6:
		return "UPDATE tickets SET open = 1 - open WHERE id IN " + some(1+n(3))
	case 7:
		return fmt.Sprintf("UPDATE tickets SET score = (score * 7 + %d) %% 12 WHERE id IN %s", n(12), some(1+n(6)))
	case 8:
		return fmt.Sprintf("UPDATE tickets SET place = (place * %d + %d) %% 31", 1+n(30), n(31)) // moves them all
	case 9:
		return fmt.Sprintf("UPDATE people SET name = '%c%d' WHERE id = %d", 'A'+n(26), e.made, 1+n(3))
	default:
		return fmt.Sprintf("UPDATE tickets SET project = 3 - project, assignee = %d WHERE id IN %s", 1+n(3), some(1+n(2)))
	}
}
