package demo

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"
)

// The number of tickets that the writer keeps the board between.
const (
	fewTickets  = 14
	manyTickets = 26
)

// recheck is how soon a paused writer sees that it may go on.
const recheck = 250 * time.Millisecond

var newTitles = []string{
	"Shorter confirmation mails", "Sort by last change", "Icons for colour-blind people",
	"Paste many lines at once", "A quieter notification sound", "Show what is being uploaded",
	"Print without the menu", "Merge two accounts", "Copy a link to this view", "Explain empty lists",
	"Keep drafts for a week", "Weekly summary on Mondays", "Allow longer names", "Drag files onto the page",
	"Warn before leaving a form", "Fewer steps to sign up", "Autosave every change", "Attach a drawing",
	"Follow a ticket", "Names in any alphabet",
}

// Run keeps the board moving until ctx is done, at the pace that its table
// writer says, and returns nil.
func (b *Board) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		wait := recheck
		err := b.within(ctx, func(tx transaction) error {
			p, err := readPace(ctx, tx)
			if err != nil || !p.Running {
				return err
			}
			wait = time.Duration(float64(time.Second) / p.PerSecond)
			return b.act(ctx, tx)
		})
		if refused := (*refusal)(nil); err != nil && ctx.Err() == nil && !errors.As(err, &refused) {
			b.logger.WarnContext(ctx, "the writer could not write", "error", err)
		}
		timer.Reset(wait)
	}
}

// act does one thing that people do to boards.
func (b *Board) act(ctx context.Context, tx transaction) error {
	var tickets, id int64
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM tickets`).Scan(&tickets); err != nil {
		return err
	}
	dice := rand.IntN(100)
	if tickets < fewTickets || tickets < manyTickets && dice < 8 {
		_, err := insertTicket(ctx, tx, rand.Int64N(3)+1, rand.Int64N(5)+1, newTitles[rand.IntN(len(newTitles))])
		return err
	}
	if tickets >= manyTickets || dice < 14 {
		return b.onTicket(ctx, tx, `status = 'done'`, removeTicket)
	}
	if err := tx.QueryRowContext(ctx, `SELECT id FROM people ORDER BY random() LIMIT 1`).Scan(&id); err != nil {
		return err
	}
	switch {
	case dice < 50:
		return b.onTicket(ctx, tx, `status <> 'done'`, addVote)
	case dice < 65:
		return b.onTicket(ctx, tx, `status <> 'done'`, func(ctx context.Context, tx transaction, t *row) error {
			return assign(ctx, tx, t, id)
		})
	case dice < 80:
		return b.onTicket(ctx, tx, `true`, func(ctx context.Context, tx transaction, t *row) error {
			return changePlaces(ctx, tx, t, `place < ? ORDER BY place DESC`)
		})
	default:
		return b.onTicket(ctx, tx, `status <> 'done'`, func(ctx context.Context, tx transaction, t *row) error {
			return setStatus(ctx, tx, t, map[string]string{"todo": "doing", "doing": "done"}[t.Status])
		})
	}
}

// onTicket does something to one ticket, picked at random.
func (b *Board) onTicket(ctx context.Context, tx transaction, where string, do func(context.Context, transaction, *row) error) error {
	var id int64
	err := tx.QueryRowContext(ctx, `SELECT id FROM tickets WHERE `+where+` ORDER BY random() LIMIT 1`).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	t, err := findTicket(ctx, tx, id)
	if err != nil {
		return err
	}
	return do(ctx, tx, t)
}
