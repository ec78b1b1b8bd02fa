package demo

import (
	"context"
	"fmt"
)

// The people and projects that a new board has. Ids count from 1.
var (
	peopleNames  = []string{"Ada", "Barbara", "Edsger", "Grace", "Ken"}
	projectNames = []string{"Harbour", "Lantern", "Tide"}
	statuses     = []string{"todo", "doing", "done"}
)

var firstTickets = []struct {
	project int
	status  string
	title   string
	votes   int
}{
	{1, "todo", "Say why a login failed", 4},
	{1, "todo", "Remember the chosen language", 2},
	{1, "todo", "Undo after deleting a file", 7},
	{1, "todo", "Export a month as CSV", 1},
	{1, "doing", "Search forgets its filters", 5},
	{1, "doing", "Keyboard shortcuts for the list", 3},
	{1, "done", "Faster first page", 6},
	{2, "todo", "Dark colours at night", 8},
	{2, "todo", "Pinch to zoom the map", 3},
	{2, "doing", "Photos turn the wrong way", 4},
	{2, "doing", "Work without a network", 9},
	{2, "done", "Bigger buttons", 2},
	{3, "todo", "Page through long results", 3},
	{3, "todo", "Say which field is wrong", 5},
	{3, "todo", "Limit requests per key", 2},
	{3, "doing", "Times with their zone", 4},
	{3, "done", "Describe errors as documents", 6},
}

// prepare makes the tables, and fills them where nobody is in them yet.
func (b *Board) prepare() error {
	ctx := context.Background()
	if _, err := b.db.ExecContext(ctx, b.schema); err != nil {
		return fmt.Errorf("demo: make tables: %w", err)
	}
	return b.within(ctx, func(tx transaction) error {
		var people int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM people`).Scan(&people); err != nil || people > 0 {
			return err
		}
		return fill(ctx, tx)
	})
}

func fill(ctx context.Context, tx transaction) error {
	for _, name := range peopleNames {
		if _, err := tx.ExecContext(ctx, `INSERT INTO people (name) VALUES (?)`, name); err != nil {
			return err
		}
	}
	for _, name := range projectNames {
		if _, err := tx.ExecContext(ctx, `INSERT INTO projects (name) VALUES (?)`, name); err != nil {
			return err
		}
	}
	for i, t := range firstTickets {
		_, err := tx.ExecContext(ctx,
			`INSERT INTO tickets (project_id, assignee_id, status, title, votes, place) VALUES (?, ?, ?, ?, ?, ?)`,
			t.project, i%len(peopleNames)+1, t.status, t.title, t.votes, i+1)
		if err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO writer (id, running, per_second) VALUES (1, true, 1)`); err != nil {
		return err
	}
	return note(ctx, tx, "The board was made")
}
