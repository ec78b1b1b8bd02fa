package demo

import (
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// The lists. Nothing in them knows that somebody may watch.

type project struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	Open int    `json:"open"`
}

func (b *Board) projects(w http.ResponseWriter, r *http.Request) {
	list(b, w, r, func(rows *sql.Rows, p *project) error {
		return rows.Scan(&p.ID, &p.Name, &p.Open)
	}, `
		SELECT p.id, p.name, count(t.id)
		FROM projects p
		LEFT JOIN tickets t ON t.project_id = p.id AND t.status <> 'done'
		GROUP BY p.id
		ORDER BY p.name, p.id`)
}

type person struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

func (b *Board) people(w http.ResponseWriter, r *http.Request) {
	list(b, w, r, func(rows *sql.Rows, p *person) error {
		return rows.Scan(&p.ID, &p.Name)
	}, `SELECT id, name FROM people ORDER BY name, id`)
}

type ticket struct {
	ID         int64  `json:"id"`
	Title      string `json:"title"`
	Status     string `json:"status"`
	Votes      int    `json:"votes"`
	ProjectID  int64  `json:"project_id"`
	Project    string `json:"project"`
	AssigneeID int64  `json:"assignee_id"`
	Assignee   string `json:"assignee"`
}

func scanTicket(rows *sql.Rows, t *ticket) error {
	return rows.Scan(&t.ID, &t.Title, &t.Status, &t.Votes, &t.ProjectID, &t.Project, &t.AssigneeID, &t.Assignee)
}

const selectTickets = `
	SELECT t.id, t.title, t.status, t.votes, p.id, p.name, a.id, a.name
	FROM tickets t
	JOIN projects p ON p.id = t.project_id
	JOIN people a ON a.id = t.assignee_id `

// tickets is filtered by ?project=, ?status= and ?assignee=; status=open
// means all but done.
func (b *Board) tickets(w http.ResponseWriter, r *http.Request) {
	where, args := `WHERE true`, []any{}
	q := r.URL.Query()
	if q.Get("project") != "" {
		where, args = where+` AND t.project_id = ?`, append(args, number(q.Get("project")))
	}
	if q.Get("assignee") != "" {
		where, args = where+` AND t.assignee_id = ?`, append(args, number(q.Get("assignee")))
	}
	switch v := q.Get("status"); v {
	case "":
	case "open":
		where += ` AND t.status <> 'done'`
	default:
		where, args = where+` AND t.status = ?`, append(args, v)
	}
	list(b, w, r, scanTicket, selectTickets+where+` ORDER BY t.place, t.id`, args...)
}

// number is an id as a URL has it; 0, which nothing has, where it is none.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// top is the five open tickets with the most votes.
func (b *Board) top(w http.ResponseWriter, r *http.Request) {
	list(b, w, r, scanTicket, selectTickets+`WHERE t.status <> 'done' ORDER BY t.votes DESC, t.id LIMIT 5`)
}

type count struct {
	Status  string `json:"status"`
	Tickets int    `json:"tickets"`
	Votes   int    `json:"votes"`
}

// counts adds up the tickets of ?project= by status.
func (b *Board) counts(w http.ResponseWriter, r *http.Request) {
	list(b, w, r, func(rows *sql.Rows, c *count) error {
		return rows.Scan(&c.Status, &c.Tickets, &c.Votes)
	}, `
		WITH s (status, place) AS (VALUES ('todo', 1), ('doing', 2), ('done', 3))
		SELECT s.status, count(t.id), coalesce(sum(t.votes), 0)
		FROM s
		LEFT JOIN tickets t ON t.status = s.status AND t.project_id = ?
		GROUP BY s.status, s.place
		ORDER BY s.place`, number(r.URL.Query().Get("project")))
}

type entry struct {
	ID   int64  `json:"id"`
	What string `json:"what"`
}

func (b *Board) activity(w http.ResponseWriter, r *http.Request) {
	list(b, w, r, func(rows *sql.Rows, e *entry) error {
		return rows.Scan(&e.ID, &e.What)
	}, `SELECT id, what FROM activity ORDER BY id DESC LIMIT 8`)
}

type pace struct {
	ID        int64   `json:"id"`
	Running   bool    `json:"running"`
	PerSecond float64 `json:"per_second"`
}

func (b *Board) writer(w http.ResponseWriter, r *http.Request) {
	list(b, w, r, func(rows *sql.Rows, p *pace) error {
		return rows.Scan(&p.ID, &p.Running, &p.PerSecond)
	}, `SELECT id, running, per_second FROM writer`)
}

// list answers with the rows of a query as a JSON array.
func list[Row any](b *Board, w http.ResponseWriter, r *http.Request, scan func(*sql.Rows, *Row) error, query string, args ...any) {
	rows, err := b.db.QueryContext(r.Context(), b.text(query), args...)
	if err != nil {
		b.fail(w, r, err)
		return
	}
	all := []Row{}
	for rows.Next() {
		var row Row
		if err = scan(rows, &row); err != nil {
			break
		}
		all = append(all, row)
	}
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
		b.fail(w, r, err)
		return
	}
	b.answer(w, r, http.StatusOK, all)
}

// answer writes a value as JSON.
func (b *Board) answer(w http.ResponseWriter, r *http.Request, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		b.logger.DebugContext(r.Context(), "answer not written", "path", r.URL.Path, "error", err)
	}
}

// fail answers that something went wrong here, and logs what.
func (b *Board) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		b.logger.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	http.Error(w, "something went wrong", http.StatusInternalServerError)
}
