package app

import (
	"database/sql"

	"github.com/wakeful-dev/wakeful/bench/role"
)

// Batch asks for writes: N rows.
type Batch struct {
	N int `json:"n"`
}

// Took answers with the time that something took, in nanoseconds.
type Took struct {
	Nanoseconds int64 `json:"nanoseconds"`
}

const insert = `INSERT INTO note (body, stars) VALUES (?, ?)`

// Autocommit inserts rows, each in a transaction of its own.
func Autocommit(db *sql.DB, n int) (Took, error) {
	start := role.Now()
	for i := range n {
		if _, err := db.Exec(insert, "a note of no great length", i); err != nil {
			return Took{}, err
		}
	}
	return Took{role.Now() - start}, nil
}

// Bulk inserts rows in one transaction with a prepared statement.
func Bulk(db *sql.DB, n int) (Took, error) {
	start := role.Now()
	tx, err := db.Begin()
	if err != nil {
		return Took{}, err
	}
	defer tx.Rollback() // after Commit: nothing left to undo
	statement, err := tx.Prepare(insert)
	if err != nil {
		return Took{}, err
	}
	defer statement.Close()
	for i := range n {
		if _, err := statement.Exec("a note of no great length", i); err != nil {
			return Took{}, err
		}
	}
	if err := tx.Commit(); err != nil {
		return Took{}, err
	}
	return Took{role.Now() - start}, nil
}
