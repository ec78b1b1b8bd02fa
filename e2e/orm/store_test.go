package orm

import (
	"context"
	"database/sql"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// item is a row as all of them have it.
type item struct {
	ID   int64  `json:"id" sql:"id" gorm:"primaryKey" bun:",pk"`
	Shop int64  `json:"-" sql:"shop"`
	Name string `json:"name" sql:"name"`
}

func (item) TableName() string { return "items" }

// store is an app's way to its rows.
type store interface {
	// list reads the items of a shop.
	list(ctx context.Context, shop int64) ([]item, error)
	// both reads them twice in one transaction.
	both(ctx context.Context, shop int64) (first, second []item, err error)
	add(ctx context.Context, i item) error
}

// over is a store on a handle of database/sql.
var over = map[string]func(db *sql.DB) (store, error){
	"gorm": func(db *sql.DB) (store, error) {
		g, err := gorm.Open(gormpostgres.New(gormpostgres.Config{Conn: db}), &gorm.Config{Logger: logger.Discard})
		return gormStore{g}, err
	},
	"gorm, prepared": func(db *sql.DB) (store, error) {
		g, err := gorm.Open(gormpostgres.New(gormpostgres.Config{Conn: db}), &gorm.Config{Logger: logger.Discard, PrepareStmt: true})
		return gormStore{g}, err
	},
	"bun":  func(db *sql.DB) (store, error) { return bunStore{bun.NewDB(db, pgdialect.New())}, nil },
	"ent":  func(db *sql.DB) (store, error) { return entStore{entsql.OpenDB(dialect.Postgres, db)}, nil },
	"sqlc": func(db *sql.DB) (store, error) { return sqlcStore{db, &queries{db}}, nil },
}

type gormStore struct{ db *gorm.DB }

func (s gormStore) list(ctx context.Context, shop int64) (items []item, err error) {
	return items, s.db.WithContext(ctx).Where("shop = ?", shop).Order("id").Find(&items).Error
}

func (s gormStore) both(ctx context.Context, shop int64) (first, second []item, err error) {
	err = s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if first, err = (gormStore{tx}).list(ctx, shop); err == nil {
			second, err = gormStore{tx}.list(ctx, shop)
		}
		return err
	})
	return first, second, err
}

func (s gormStore) add(ctx context.Context, i item) error {
	return s.db.WithContext(ctx).Create(&i).Error
}

type bunStore struct{ db bun.IDB }

func (s bunStore) list(ctx context.Context, shop int64) (items []item, err error) {
	err = s.db.NewSelect().Model(&items).Where("shop = ?", shop).Order("id").Scan(ctx)
	return items, err
}

func (s bunStore) both(ctx context.Context, shop int64) (first, second []item, err error) {
	err = s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if first, err = (bunStore{tx}).list(ctx, shop); err == nil {
			second, err = bunStore{tx}.list(ctx, shop)
		}
		return err
	})
	return first, second, err
}

func (s bunStore) add(ctx context.Context, i item) error {
	_, err := s.db.NewInsert().Model(&i).Exec(ctx)
	return err
}

type entStore struct{ dialect.Driver }

func (s entStore) read(ctx context.Context, in dialect.ExecQuerier, shop int64) (items []item, err error) {
	text, args := entsql.Dialect(dialect.Postgres).Select("id", "shop", "name").From(entsql.Table("items")).
		Where(entsql.EQ("shop", shop)).OrderBy("id").Query()
	rows := &entsql.Rows{}
	if err := in.Query(ctx, text, args, rows); err != nil {
		return nil, err
	}
	defer rows.Close()
	return items, entsql.ScanSlice(rows, &items)
}

func (s entStore) list(ctx context.Context, shop int64) ([]item, error) {
	return s.read(ctx, s.Driver, shop)
}

func (s entStore) both(ctx context.Context, shop int64) (first, second []item, err error) {
	tx, err := s.Tx(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer tx.Rollback()
	if first, err = s.read(ctx, tx, shop); err == nil {
		second, err = s.read(ctx, tx, shop)
	}
	return first, second, err
}

func (s entStore) add(ctx context.Context, i item) error {
	text, args := entsql.Dialect(dialect.Postgres).Insert("items").Columns("id", "shop", "name").Values(i.ID, i.Shop, i.Name).Query()
	return s.Exec(ctx, text, args, nil)
}

// What follows is in the form that sqlc generates for database/sql.

type dbtx interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	PrepareContext(context.Context, string) (*sql.Stmt, error)
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

type queries struct{ db dbtx }

func (q *queries) WithTx(tx *sql.Tx) *queries { return &queries{db: tx} }

const listItems = `-- name: ListItems :many
SELECT id, shop, name FROM items
WHERE shop = $1
ORDER BY id
`

func (q *queries) ListItems(ctx context.Context, shop int64) ([]item, error) {
	rows, err := q.db.QueryContext(ctx, listItems, shop)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	items := []item{}
	for rows.Next() {
		var i item
		if err := rows.Scan(&i.ID, &i.Shop, &i.Name); err != nil {
			return nil, err
		}
		items = append(items, i)
	}
	if err := rows.Close(); err != nil {
		return nil, err
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return items, nil
}

const addItem = `-- name: AddItem :exec
INSERT INTO items (id, shop, name) VALUES ($1, $2, $3)
`

type sqlcStore struct {
	db *sql.DB
	*queries
}

func (s sqlcStore) list(ctx context.Context, shop int64) ([]item, error) {
	return s.ListItems(ctx, shop)
}

func (s sqlcStore) both(ctx context.Context, shop int64) (first, second []item, err error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	defer tx.Rollback()
	q := s.WithTx(tx)
	if first, err = q.ListItems(ctx, shop); err == nil {
		second, err = q.ListItems(ctx, shop)
	}
	return first, second, err
}

func (s sqlcStore) add(ctx context.Context, i item) error {
	_, err := s.queries.db.ExecContext(ctx, addItem, i.ID, i.Shop, i.Name)
	return err
}

// pgxStore is in the form that sqlc generates for pgx.
type pgxStore struct{ pool *pgxpool.Pool }

type pgxDBTX interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}

func pgxList(ctx context.Context, db pgxDBTX, shop int64) ([]item, error) {
	rows, err := db.Query(ctx, listItems, shop)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	items := []item{}
	for rows.Next() {
		var i item
		if err := rows.Scan(&i.ID, &i.Shop, &i.Name); err != nil {
			return nil, err
		}
		items = append(items, i)
	}
	return items, rows.Err()
}

func (s pgxStore) list(ctx context.Context, shop int64) ([]item, error) {
	return pgxList(ctx, s.pool, shop)
}

func (s pgxStore) both(ctx context.Context, shop int64) (first, second []item, err error) {
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if first, err = pgxList(ctx, tx, shop); err == nil {
			second, err = pgxList(ctx, tx, shop)
		}
		return err
	})
	return first, second, err
}

func (s pgxStore) add(ctx context.Context, i item) error {
	_, err := s.pool.Exec(ctx, addItem, i.ID, i.Shop, i.Name)
	return err
}
