package sqlite

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/readset"
)

const benchSchema = `CREATE TABLE post (id INTEGER PRIMARY KEY, title TEXT, body TEXT, score INTEGER, author INTEGER, at REAL)`

const benchInsert = `INSERT INTO post (title, body, score, author, at) VALUES (?, ?, ?, ?, ?)`

var benchArgs = []any{"a title of some length", "a body that is a good deal longer than the title, as bodies are, and that goes on for a while", 17, 4711, 2.5}

// handles runs a benchmark with the driver alone, and with this package.
func handles(b *testing.B, run func(*testing.B, *sql.DB)) {
	b.Run("bare", func(b *testing.B) {
		c := Config{}
		db, err := sql.Open("sqlite", c.dsn(filepath.Join(b.TempDir(), "bench.db")))
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		mustExec(b, db, benchSchema)
		run(b, db)
	})
	b.Run("captured", func(b *testing.B) {
		db, _ := open(b, benchSchema)
		run(b, db)
	})
	b.Run("captured and streamed", func(b *testing.B) {
		db, s := open(b, benchSchema)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		stream := s.Stream(ctx, "")
		go func() {
			defer close(done)
			for range stream {
			}
		}()
		run(b, db)
		cancel()
		<-done
	})
}

func BenchmarkAutocommit(b *testing.B) {
	handles(b, func(b *testing.B, db *sql.DB) {
		insert, err := db.Prepare(benchInsert)
		if err != nil {
			b.Fatal(err)
		}
		defer insert.Close()
		for b.Loop() {
			if _, err := insert.Exec(benchArgs...); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkBulk1000(b *testing.B) {
	handles(b, func(b *testing.B, db *sql.DB) {
		for b.Loop() {
			tx, err := db.Begin()
			if err != nil {
				b.Fatal(err)
			}
			insert, err := tx.Prepare(benchInsert)
			if err != nil {
				b.Fatal(err)
			}
			for range 1000 {
				if _, err := insert.Exec(benchArgs...); err != nil {
					b.Fatal(err)
				}
			}
			if err := tx.Commit(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkPointSelect(b *testing.B) {
	handles(b, func(b *testing.B, db *sql.DB) {
		mustExec(b, db, benchInsert, benchArgs...)
		b.ResetTimer()
		for b.Loop() {
			var title string
			if err := db.QueryRow("SELECT title FROM post WHERE id = ?", 1).Scan(&title); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkEvaluation pins a snapshot and reads a row in it.
func BenchmarkEvaluation(b *testing.B) {
	db, s := open(b, benchSchema)
	mustExec(b, db, benchInsert, benchArgs...)
	b.ResetTimer()
	for b.Loop() {
		snapshot, err := s.Pin(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		ctx := readset.NewContext(context.Background(), &readset.Set{Snapshot: snapshot})
		var title string
		if err := db.QueryRowContext(ctx, "SELECT title FROM post WHERE id = ?", 1).Scan(&title); err != nil {
			b.Fatal(err)
		}
		if err := snapshot.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWake measures from before a commit until a reader of the stream has
// its changeset.
func BenchmarkWake(b *testing.B) {
	db, s := open(b, benchSchema)
	insert, err := db.Prepare(benchInsert)
	if err != nil {
		b.Fatal(err)
	}
	defer insert.Close()
	ctx, cancel := context.WithCancel(context.Background())
	sets := make(chan change.Changeset)
	stream := s.Stream(ctx, "")
	go func() {
		defer close(sets)
		for set := range stream {
			select {
			case sets <- set:
			case <-ctx.Done():
			}
		}
	}()
	for b.Loop() {
		if _, err := insert.Exec(benchArgs...); err != nil {
			b.Fatal(err)
		}
		<-sets
	}
	cancel()
	for range sets {
	}
}
