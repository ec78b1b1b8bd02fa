package app

import (
	"database/sql"
	"fmt"
	"net/url"
)

// pool is how many connections each handle keeps, the bare one too: the load
// uses no more at once.
const pool = 8

// OpenBare opens a database with the driver alone, and with the settings that
// sqlite.Open makes.
func OpenBare(path string) (*sql.DB, error) {
	pragmas := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)"}}
	db, err := sql.Open("sqlite", "file:"+path+"?"+pragmas.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxIdleConns(pool)
	return db, nil
}

// OwnedRows is how many rows each owner has.
const OwnedRows = 10

// Fill makes the tables, with Rows rows to list, and OwnedRows of each owner.
func Fill(db *sql.DB, owners int) error {
	for _, text := range []string{
		`CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, score INTEGER NOT NULL)`,
		`CREATE TABLE owned (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, name TEXT NOT NULL, score INTEGER NOT NULL)`,
		`CREATE INDEX owned_owner ON owned (owner)`,
		`CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT NOT NULL, stars INTEGER NOT NULL)`,
	} {
		if _, err := db.Exec(text); err != nil {
			return err
		}
	}
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit: nothing left to undo
	for id := 1; id <= Rows; id++ {
		if _, err := tx.Exec(`INSERT INTO item (id, name, score) VALUES (?, ?, ?)`, id, fmt.Sprintf("the item with number %d", id), id); err != nil {
			return err
		}
	}
	for id := 1; id <= owners*OwnedRows; id++ {
		owner := (id-1)/OwnedRows + 1
		if _, err := tx.Exec(`INSERT INTO owned (id, owner, name, score) VALUES (?, ?, ?, ?)`, id, owner, fmt.Sprintf("the item with number %d", id), id); err != nil {
			return err
		}
	}
	return tx.Commit()
}
