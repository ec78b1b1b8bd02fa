package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The writes. They commit and are done: whoever watches learns it from the
// database.

// refusal is an error that is the client's, with its status.
type refusal struct {
	status int
	text   string
}

func (e *refusal) Error() string { return e.text }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// write runs a handler's transaction and answers with what it returned.
func (b *Board) write(w http.ResponseWriter, r *http.Request, status int, do func(context.Context, transaction) (any, error)) {
	var answer any
	err := b.within(r.Context(), func(tx transaction) (err error) {
		answer, err = do(r.Context(), tx)
		return err
	})
	if refused := (*refusal)(nil); errors.As(err, &refused) {
		http.Error(w, refused.text, refused.status)
		return
	}
	if err != nil {
		b.fail(w, r, err)
		return
	}
	b.answer(w, r, status, answer)
}

// addTicket takes the form fields title, project (1) and assignee (1).
func (b *Board) addTicket(w http.ResponseWriter, r *http.Request) {
	b.write(w, r, http.StatusCreated, func(ctx context.Context, tx transaction) (any, error) {
		title, err := formTitle(r)
		if err != nil {
			return nil, err
		}
		project, err := formID(ctx, tx, r, "project", `SELECT count(*) FROM projects WHERE id = ?`)
		if err != nil {
			return nil, err
		}
		assignee, err := formID(ctx, tx, r, "assignee", `SELECT count(*) FROM people WHERE id = ?`)
		if err != nil {
			return nil, err
		}
		return insertTicket(ctx, tx, project, assignee, title)
	})
}

// editTicket takes any of the form fields title, status, assignee.
func (b *Board) editTicket(w http.ResponseWriter, r *http.Request) {
	b.write(w, r, http.StatusOK, func(ctx context.Context, tx transaction) (any, error) {
		t, err := findTicket(ctx, tx, number(r.PathValue("id")))
		if err != nil {
			return nil, err
		}
		if r.FormValue("title") != "" {
			if t.Title, err = formTitle(r); err != nil {
				return nil, err
			}
		}
		if r.FormValue("assignee") != "" {
			if t.AssigneeID, err = formID(ctx, tx, r, "assignee", `SELECT count(*) FROM people WHERE id = ?`); err != nil {
				return nil, err
			}
		}
		if status := r.FormValue("status"); status != "" {
			if !slices.Contains(statuses, status) {
				return nil, refuse(http.StatusBadRequest, "status is one of %s", strings.Join(statuses, ", "))
			}
			return t, setStatus(ctx, tx, t, status)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE tickets SET title = ?, assignee_id = ? WHERE id = ?`, t.Title, t.AssigneeID, t.ID); err != nil {
			return nil, err
		}
		return t, note(ctx, tx, "“%s” was edited", t.Title)
	})
}

func (b *Board) vote(w http.ResponseWriter, r *http.Request) {
	b.write(w, r, http.StatusOK, func(ctx context.Context, tx transaction) (any, error) {
		t, err := findTicket(ctx, tx, number(r.PathValue("id")))
		if err != nil {
			return nil, err
		}
		return t, addVote(ctx, tx, t)
	})
}

// move takes the form field by: up or down.
func (b *Board) move(w http.ResponseWriter, r *http.Request) {
	b.write(w, r, http.StatusOK, func(ctx context.Context, tx transaction) (any, error) {
		t, err := findTicket(ctx, tx, number(r.PathValue("id")))
		if err != nil {
			return nil, err
		}
		switch r.FormValue("by") {
		case "up":
			return t, changePlaces(ctx, tx, t, `place < ? ORDER BY place DESC`)
		case "down":
			return t, changePlaces(ctx, tx, t, `place > ? ORDER BY place`)
		}
		return nil, refuse(http.StatusBadRequest, "by is up or down")
	})
}

func (b *Board) deleteTicket(w http.ResponseWriter, r *http.Request) {
	b.write(w, r, http.StatusOK, func(ctx context.Context, tx transaction) (any, error) {
		t, err := findTicket(ctx, tx, number(r.PathValue("id")))
		if err != nil {
			return nil, err
		}
		return t, removeTicket(ctx, tx, t)
	})
}

// setWriter takes the form fields running (true, false) and per_second.
func (b *Board) setWriter(w http.ResponseWriter, r *http.Request) {
	b.write(w, r, http.StatusOK, func(ctx context.Context, tx transaction) (any, error) {
		p, err := readPace(ctx, tx)
		if err != nil {
			return nil, err
		}
		if v := r.FormValue("running"); v != "" {
			if p.Running, err = strconv.ParseBool(v); err != nil {
				return nil, refuse(http.StatusBadRequest, "running is true or false")
			}
		}
		if v := r.FormValue("per_second"); v != "" {
			if p.PerSecond, err = strconv.ParseFloat(v, 64); err != nil || !(p.PerSecond >= 0.1 && p.PerSecond <= 20) {
				return nil, refuse(http.StatusBadRequest, "per_second is a number from 0.1 to 20")
			}
		}
		_, err = tx.ExecContext(ctx, `UPDATE writer SET running = ?, per_second = ?`, p.Running, p.PerSecond)
		return p, err
	})
}

func formTitle(r *http.Request) (string, error) {
	title := strings.TrimSpace(r.FormValue("title"))
	if title == "" || len(title) > 120 {
		return "", refuse(http.StatusBadRequest, "title is 1 to 120 characters")
	}
	return title, nil
}

// formID reads the id of something that exists, 1 where the field is empty.
func formID(ctx context.Context, tx transaction, r *http.Request, field, exists string) (int64, error) {
	text := r.FormValue(field)
	if text == "" {
		return 1, nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, refuse(http.StatusBadRequest, "%s is a number", field)
	}
	var n int
	if err := tx.QueryRowContext(ctx, exists, id).Scan(&n); err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, refuse(http.StatusBadRequest, "there is no %s %d", field, id)
	}
	return id, nil
}
