package app

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/bench/role"
	"github.com/wakeful-dev/wakeful/postgres"
)

// FillPostgres makes the tables that Fill, FillGoods and FillWares make. Updates
// come with the whole row before.
func FillPostgres(ctx context.Context, d Database) error {
	pool, err := pgxpool.New(ctx, d.URL)
	if err != nil {
		return err
	}
	defer pool.Close()
	wares := `CREATE INDEX ware_owner ON ware (owner, score DESC, id)`
	if d.Wares.ByScore {
		wares = `CREATE INDEX ware_score ON ware (score DESC, id)`
	}
	for _, text := range []string{
		`CREATE TABLE item (id BIGINT PRIMARY KEY, name TEXT NOT NULL, score BIGINT NOT NULL)`,
		fmt.Sprintf(`INSERT INTO item SELECT id, 'the item with number ' || id, id FROM generate_series(1, %d) id`, Rows),
		`CREATE TABLE note (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body TEXT NOT NULL, stars BIGINT NOT NULL)`,
		`CREATE TABLE good (id BIGINT PRIMARY KEY, owner BIGINT NOT NULL, price BIGINT NOT NULL, name TEXT NOT NULL, score BIGINT NOT NULL)`,
		`CREATE INDEX good_owner ON good (owner)`,
		`CREATE INDEX good_price ON good (price)`,
		fmt.Sprintf(`INSERT INTO good SELECT id, (id - 1) / %[1]d + 1, 10 * ((id - 1) / %[1]d + 1), 'the good with number ' || id, id FROM generate_series(1, %[2]d) id`,
			max(d.Goods.Each, 1), d.Goods.Rows),
		`CREATE TABLE ware (id BIGINT PRIMARY KEY, owner BIGINT NOT NULL, name TEXT NOT NULL, score BIGINT NOT NULL)`,
		wares,
		fmt.Sprintf(`INSERT INTO ware SELECT id, (id - 1) / %d + 1, 'the ware with number ' || id, id * 7919 %% %d * %d FROM generate_series(1::bigint, %d) id`,
			max(d.Wares.Each, 1), places, Step, d.Wares.Rows),
		`ALTER TABLE item REPLICA IDENTITY FULL`,
		`ALTER TABLE good REPLICA IDENTITY FULL`,
		`ALTER TABLE ware REPLICA IDENTITY FULL`,
		`ANALYZE`,
	} {
		if _, err := pool.Exec(ctx, text); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return nil
}

// openPostgres opens the live app over a PostgreSQL database.
func (a *app) openPostgres(d Database) (any, error) {
	if err := FillPostgres(context.Background(), d); err != nil {
		return nil, err
	}
	db, source, err := postgres.Open(d.URL)
	if err != nil {
		return nil, err
	}
	db.SetMaxIdleConns(pool)
	a.handlers.DB, a.handlers.Mark, a.handlers.dollar = db, wakeful.Observable("id"), true
	if a.live, err = wakeful.New(wakeful.Config{Source: source, Memory: d.Memory, Limits: wakeful.Limits{Sessions: -1, Items: d.Items}}); err != nil {
		return nil, err
	}
	go func() { _ = a.live.Run(context.Background()) }() // ends with the process
	mux := a.handlers.Mux()
	if d.Wares.Rows > 0 {
		if err := declare(mux, db, source, d); err != nil {
			return nil, err
		}
	}
	return listen(a.live.Wrap(mux))
}

// dollars caches statements as PostgreSQL takes them.
var dollars sync.Map

// dollared is a statement whose arguments are numbered.
func dollared(text string) string {
	if known, ok := dollars.Load(text); ok {
		return known.(string)
	}
	parts := strings.Split(text, "?")
	var b strings.Builder
	for i, part := range parts {
		if b.WriteString(part); i < len(parts)-1 {
			b.WriteString("$" + strconv.Itoa(i+1))
		}
	}
	dollars.Store(text, b.String())
	return b.String()
}

// Commits asks another program to commit: N changes in transactions of Each, over
// some connections. Those of goods alter the score of one row, any of the first
// Among; where that is 0 notes are written, which nobody reads.
type Commits struct {
	N     int `json:"n"`
	Each  int `json:"each"`
	Among int `json:"among"`
}

// PostgresWriterVerbs returns what another program that uses the database can do.
func PostgresWriterVerbs() map[string]role.Verb {
	var pool *pgxpool.Pool
	return map[string]role.Verb{
		"open": role.Do(func(d Database) (any, error) {
			config, err := pgxpool.ParseConfig(d.URL)
			if err != nil {
				return nil, err
			}
			config.ConnConfig.RuntimeParams["synchronous_commit"] = "off"
			pool, err = pgxpool.NewWithConfig(context.Background(), config)
			return role.None{}, err
		}),
		"commit": role.Do(func(c Commits) (any, error) { return c.run(pool) }),
	}
}

// writers is how many connections commit at a time.
const writers = 4

func (c Commits) run(pool *pgxpool.Pool) (Took, error) {
	start := role.Now()
	var all sync.WaitGroup
	errs := make(chan error, writers)
	for w := range writers {
		all.Go(func() {
			for i := w; i < c.N/c.Each; i += writers {
				if err := c.one(pool, i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		return Took{}, err
	default:
		return Took{role.Now() - start}, nil
	}
}

func (c Commits) one(pool *pgxpool.Pool, i int) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if c.Among > 0 {
		_, err = pool.Exec(ctx, `UPDATE good SET score = score + 1 WHERE id = $1`, int64(i)*7919%int64(c.Among)+1)
	} else {
		_, err = pool.Exec(ctx, `INSERT INTO note (body, stars) SELECT 'a note of no great length', n FROM generate_series(1, $1::bigint) n`, int64(c.Each))
	}
	return err
}
