package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
)

// What can be done to the board, in somebody's transaction: by a visitor's
// hand or by the writer.

// row is a ticket as the table has it.
type row struct {
	ID         int64  `json:"id"`
	ProjectID  int64  `json:"project_id"`
	AssigneeID int64  `json:"assignee_id"`
	Status     string `json:"status"`
	Title      string `json:"title"`
	Votes      int    `json:"votes"`
	Place      int64  `json:"place"`
}

func findTicket(ctx context.Context, tx transaction, id int64) (*row, error) {
	var t row
	err := tx.QueryRowContext(ctx,
		`SELECT id, project_id, assignee_id, status, title, votes, place FROM tickets WHERE id = ?`, id).
		Scan(&t.ID, &t.ProjectID, &t.AssigneeID, &t.Status, &t.Title, &t.Votes, &t.Place)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse(http.StatusNotFound, "there is no such ticket")
	}
	return &t, err
}

func insertTicket(ctx context.Context, tx transaction, project, assignee int64, title string) (*row, error) {
	t := row{ProjectID: project, AssigneeID: assignee, Status: "todo", Title: title}
	err := tx.QueryRowContext(ctx, `
		INSERT INTO tickets (project_id, assignee_id, status, title, place)
		SELECT ?, ?, 'todo', ?, coalesce(min(place), 0) - 1 FROM tickets
		RETURNING id, place`, project, assignee, title).Scan(&t.ID, &t.Place)
	if err != nil {
		return nil, err
	}
	return &t, note(ctx, tx, "“%s” was added", title)
}

// setStatus also stores the title and assignee, and puts the ticket on top of
// its new column.
func setStatus(ctx context.Context, tx transaction, t *row, status string) error {
	err := tx.QueryRowContext(ctx, `
		UPDATE tickets SET title = ?, assignee_id = ?, status = ?,
			place = CASE WHEN status = ? THEN place ELSE (SELECT min(place) - 1 FROM tickets) END
		WHERE id = ?
		RETURNING place`, t.Title, t.AssigneeID, status, status, t.ID).Scan(&t.Place)
	if err != nil {
		return err
	}
	t.Status = status
	return note(ctx, tx, "“%s” is %s", t.Title, map[string]string{"todo": "to do again", "doing": "being worked on", "done": "done"}[status])
}

func addVote(ctx context.Context, tx transaction, t *row) error {
	if _, err := tx.ExecContext(ctx, `UPDATE tickets SET votes = votes + 1 WHERE id = ?`, t.ID); err != nil {
		return err
	}
	t.Votes++
	return note(ctx, tx, "“%s” got a vote", t.Title)
}

func assign(ctx context.Context, tx transaction, t *row, person int64) error {
	if _, err := tx.ExecContext(ctx, `UPDATE tickets SET assignee_id = ? WHERE id = ?`, person, t.ID); err != nil {
		return err
	}
	var name string
	if err := tx.QueryRowContext(ctx, `SELECT name FROM people WHERE id = ?`, person).Scan(&name); err != nil {
		return err
	}
	return note(ctx, tx, "%s took “%s”", name, t.Title)
}

// changePlaces swaps a ticket with the next one of its column. Two rows change
// in one transaction: nobody ever sees one without the other.
func changePlaces(ctx context.Context, tx transaction, t *row, next string) error {
	var id, place int64
	err := tx.QueryRowContext(ctx,
		`SELECT id, place FROM tickets WHERE project_id = ? AND status = ? AND `+next+` LIMIT 1`,
		t.ProjectID, t.Status, t.Place).Scan(&id, &place)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // already there
	}
	if err != nil {
		return err
	}
	for _, swap := range [][2]int64{{t.ID, place}, {id, t.Place}} {
		if _, err := tx.ExecContext(ctx, `UPDATE tickets SET place = ? WHERE id = ?`, swap[1], swap[0]); err != nil {
			return err
		}
	}
	t.Place = place
	return note(ctx, tx, "“%s” was moved", t.Title)
}

func removeTicket(ctx context.Context, tx transaction, t *row) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM tickets WHERE id = ?`, t.ID); err != nil {
		return err
	}
	return note(ctx, tx, "“%s” was removed", t.Title)
}

// note adds a line to the activity, of which it keeps the last hundred.
func note(ctx context.Context, tx transaction, format string, args ...any) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO activity (what) VALUES (?)`, fmt.Sprintf(format, args...)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM activity WHERE id <= (SELECT max(id) FROM activity) - 100`)
	return err
}

func readPace(ctx context.Context, tx transaction) (pace, error) {
	var p pace
	err := tx.QueryRowContext(ctx, `SELECT id, running, per_second FROM writer`).Scan(&p.ID, &p.Running, &p.PerSecond)
	return p, err
}
