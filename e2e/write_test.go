package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/checker"
)

// transact commits one random transaction and returns its number in the log.
func transact(ctx context.Context, db *sql.DB, random *rand.Rand) (n int64, err error) {
	tx, err := begin(ctx, db)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() //nolint:errcheck // nothing to roll back after a commit
	if n, err = checker.Begin(ctx, tx); err != nil {
		return 0, err
	}
	for range 1 + random.IntN(4) {
		if err := change1(ctx, tx, random); err != nil {
			return 0, err
		}
	}
	if err := checker.End(ctx, tx); err != nil {
		return 0, err
	}
	return n, tx.Commit()
}

// rollback begins a random transaction and does not commit it.
func rollback(ctx context.Context, db *sql.DB, random *rand.Rand) error {
	tx, err := begin(ctx, db)
	if err != nil {
		return err
	}
	if tx.numbered { // writers do not wait for each other in the order of their first statements
		if _, err := checker.Begin(ctx, tx); err != nil {
			_ = tx.Rollback() // the first error says it
			return err
		}
	}
	for range 1 + random.IntN(4) {
		if err := change1(ctx, tx, random); err != nil {
			_ = tx.Rollback() // the first error says it
			return err
		}
	}
	return tx.Rollback()
}

var (
	stages = []string{"open", "open", "done", "it's late"}
	tags   = []string{"red", "a/b", "ä ö", "100%"}
)

const maxPosts = 40

// transaction is one of either database.
type transaction struct {
	*sql.Tx
	numbered bool // PostgreSQL's $1
}

func begin(ctx context.Context, db *sql.DB) (*transaction, error) {
	tx, err := db.BeginTx(ctx, nil)
	return &transaction{tx, numbered(db)}, err
}

// ExecContext runs a statement that is written as SQLite has it.
func (t *transaction) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	if t.numbered {
		text = number(text)
	}
	return t.Tx.ExecContext(ctx, text, args...)
}

// step is one random change: SQL and its arguments.
type step func(*rand.Rand) (string, []any)

func one(text string, arguments ...func(*rand.Rand) any) step {
	return func(r *rand.Rand) (string, []any) {
		values := make([]any, len(arguments))
		for i, argument := range arguments {
			values[i] = argument(r)
		}
		return text, values
	}
}

func upTo(n int) func(*rand.Rand) any { return func(r *rand.Rand) any { return 1 + r.IntN(n) } }

func of(list []string) func(*rand.Rand) any {
	return func(r *rand.Rand) any { return list[r.IntN(len(list))] }
}

func title(r *rand.Rand) any { return fmt.Sprintf("<%c&%d>", 'a'+r.IntN(6), r.IntN(3)) }

var (
	post   = upTo(maxPosts)
	score  = upTo(5)
	author = upTo(4)
)

// steps are the changes that happen, likely ones several times.
var steps = []step{
	one("INSERT INTO post (id, author, title, score, state) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET title = excluded.title", post, author, title, score, of(stages)),
	one("INSERT INTO post (id, author, title, score, state) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET title = excluded.title", upTo(5), author, title, score, of(stages)),
	one("INSERT INTO post (author, title, score, state) SELECT CAST(? AS INTEGER), CAST(? AS TEXT), CAST(? AS INTEGER), CAST(? AS TEXT) WHERE (SELECT count(*) FROM post) < 45", author, title, score, of(stages)),
	one("UPDATE post SET score = ? WHERE id = ?", score, post),
	one("UPDATE post SET score = ? WHERE id = ?", score, post),
	one("UPDATE post SET state = ? WHERE id = ?", of(stages), post),
	one("UPDATE post SET title = ? WHERE id = ?", title, post),
	one("UPDATE post SET author = ? WHERE id = ?", author, post),
	one("UPDATE post SET note = CASE WHEN note IS NULL THEN ? END WHERE id = ?", title, post),
	one("DELETE FROM post WHERE id = ?", post),
	one("DELETE FROM post WHERE id = ?", post),
	one("DELETE FROM post WHERE id > 40 AND score = ?", score),
	one("UPDATE post SET score = 1 + (score + ?) % 5 WHERE author = ?", score, author),
	one("REPLACE INTO post (id, author, title, score, state) VALUES (?, ?, ?, ?, ?)", post, author, title, score, of(stages)),
	one("INSERT INTO tag SELECT id, CAST(? AS TEXT), CAST(? AS DOUBLE PRECISION) FROM post WHERE id = ? ON CONFLICT (post, name) DO UPDATE SET weight = excluded.weight", of(tags), score, post),
	one("INSERT INTO tag SELECT id, CAST(? AS TEXT), score / 2.0 FROM post WHERE author = ? ON CONFLICT DO NOTHING", of(tags), author),
	one("DELETE FROM tag WHERE post = ?", post),
	one("DELETE FROM tag WHERE name = ? AND weight > 2", of(tags)),
	one("UPDATE tag SET weight = weight + 0.1 WHERE name = ? AND post < ?", of(tags), post),
	one("UPDATE author SET name = CASE id WHEN 1 THEN 'Ada' WHEN 2 THEN 'Bob' ELSE ? END WHERE id = ?", title, author),
	one("INSERT INTO label VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET uses = 1 + (label.uses + 1) % 4", title),
	one("INSERT INTO label VALUES ('<a&0>', 1) ON CONFLICT (name) DO UPDATE SET uses = 1 + label.uses % 4"), // turns /either
	one("DELETE FROM label WHERE name = ?", title),
	one("INSERT INTO noise (n) VALUES (?)", score),
	one("DELETE FROM noise WHERE id % 7 = ?", score),
	one("UPDATE post SET title = title WHERE id = ?", post),
	one("UPDATE account SET balance = balance + CASE id WHEN 1 THEN -7 ELSE 7 END WHERE id IN (1, 2)"),
	one("UPDATE account SET balance = balance + CASE id WHEN 2 THEN -3 ELSE 3 END WHERE id IN (2, 3)"),
}

// change1 does one random thing: a step, two keys that change places, or a
// savepoint that comes to nothing.
func change1(ctx context.Context, tx *transaction, random *rand.Rand) error {
	switch random.IntN(25) {
	case 0:
		return swap(ctx, tx, random)
	case 1:
		return undone(ctx, tx, random)
	}
	text, values := steps[random.IntN(len(steps))](random)
	if _, err := tx.ExecContext(ctx, text, values...); err != nil {
		return fmt.Errorf("%s %v: %w", text, values, err)
	}
	return nil
}

// swap lets two posts change ids.
func swap(ctx context.Context, tx *transaction, random *rand.Rand) error {
	a, b := 1+random.IntN(maxPosts), 1+random.IntN(maxPosts)
	for _, ids := range [][2]int{{a, -1}, {b, a}, {-1, b}} {
		if a == b {
			return nil
		}
		if _, err := tx.ExecContext(ctx, "UPDATE post SET id = ? WHERE id = ?", ids[1], ids[0]); err != nil {
			return err
		}
	}
	return nil
}

// undone rolls a savepoint back.
func undone(ctx context.Context, tx *transaction, random *rand.Rand) error {
	text, values := steps[random.IntN(len(steps))](random)
	for _, statement := range []struct {
		text string
		args []any
	}{{"SAVEPOINT s", nil}, {text, values}, {"ROLLBACK TO s", nil}, {"RELEASE s", nil}} {
		if _, err := tx.ExecContext(ctx, statement.text, statement.args...); err != nil {
			return fmt.Errorf("%s: %w", statement.text, err)
		}
	}
	return nil
}

// written is what the application's own write route answers.
type written struct{ N int64 }

// writeRoute lets clients write through the application: POST /write?seed=7.
func writeRoute(db *sql.DB) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var seed uint64
		fmt.Sscan(r.URL.Query().Get("seed"), &seed)
		n, err := transact(r.Context(), db, rand.New(rand.NewPCG(seed, 1)))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(written{n}) // the client is gone
	}
}

// write writes through the application, and tells the checker what was answered.
func write(ctx context.Context, server string, seed uint64, c *checker.Checker) (change.Position, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s/write?seed=%d", server, seed), nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	var answer written
	if err := json.Unmarshal(body, &answer); err != nil || response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("write: status %d: %s", response.StatusCode, body)
	}
	position := change.Position(response.Header.Get(wakeful.PositionHeader))
	if position == "" {
		return "", fmt.Errorf("write: no %s", wakeful.PositionHeader)
	}
	c.Committed(position, answer.N)
	return position, nil
}
