package resource_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/sqlite"
	"github.com/wakeful-dev/wakeful/where"
)

// rules are tables that refuse things.
const rules = `
CREATE TABLE owners (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE tasks (
	id INTEGER PRIMARY KEY,
	title TEXT NOT NULL CHECK (length(title) > 0),
	owner_id INTEGER NOT NULL DEFAULT 1 REFERENCES owners (id),
	points INTEGER CONSTRAINT fair_points CHECK (points BETWEEN 0 AND 100),
	done BOOLEAN NOT NULL DEFAULT FALSE,
	due TIMESTAMP,
	price DECIMAL(10, 2),
	ratio REAL,
	extra JSON,
	picture BLOB,
	made TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
	secret TEXT NOT NULL DEFAULT 'hidden' UNIQUE ON CONFLICT ABORT,
	double INTEGER AS (points * 2),
	slug TEXT,
	UNIQUE (owner_id, slug)
);
CREATE TABLE steps (id INTEGER PRIMARY KEY, task_id INTEGER NOT NULL REFERENCES tasks (id), what TEXT);
CREATE TABLE seats (hall TEXT, seat INTEGER, taken BOOLEAN NOT NULL DEFAULT 0, PRIMARY KEY (hall, seat)) WITHOUT ROWID;
CREATE TABLE notes (body TEXT);
CREATE TABLE late (id INTEGER PRIMARY KEY, owner_id INTEGER REFERENCES owners (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE moody (id INTEGER PRIMARY KEY, n INTEGER);
CREATE TRIGGER moody_no BEFORE INSERT ON moody WHEN NEW.n = 13 BEGIN SELECT RAISE(ABORT, 'thirteen is unlucky'); END;
CREATE TRIGGER moody_ignore BEFORE INSERT ON moody WHEN NEW.n = 14 BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER moody_twice AFTER INSERT ON moody WHEN NEW.n = 15 BEGIN UPDATE moody SET n = 30 WHERE id = NEW.id; END;
CREATE VIEW titles AS SELECT id, title FROM tasks;
INSERT INTO owners VALUES (1, 'ann'), (2, 'bob');
INSERT INTO tasks (id, title, owner_id, points, secret, slug, made) VALUES (1, 'first', 1, 5, 's1', 'a', '2026-01-01 00:00:00'), (2, 'second', 2, NULL, 's2', 'b', '2026-01-01 00:00:00');
INSERT INTO steps VALUES (1, 1, 'begin');
INSERT INTO seats VALUES ('a,b', 1, 0);
`

// ruled opens a database with the rules in it.
func ruled(t testing.TB) (*sql.DB, *sqlite.Source) {
	t.Helper()
	db, source, err := sqlite.Config{Path: filepath.Join(t.TempDir(), "app.db"), BusyTimeout: 50 * time.Millisecond}.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.Exec(rules); err != nil {
		t.Fatal(err)
	}
	return db, source
}

// tasks serves the table tasks as most tests want it.
func tasks(t testing.TB, db *sql.DB, source *sqlite.Source) http.Handler {
	cfg := whole(db, source, "tasks")
	cfg.Hidden = []string{"secret"}
	cfg.ReadOnly = []string{"made"}
	return mounted(t, cfg, "/tasks")
}

// answer is what a request was answered with.
type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request with a JSON body; headers are "Name: value".
func send(t testing.TB, h http.Handler, method, target, body string, headers ...string) answer {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		name, text, _ := strings.Cut(header, ": ")
		r.Header.Set(name, text)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

func (a answer) want(t testing.TB, what string, status int, body string) {
	t.Helper()
	if a.status != status || body != "" && a.body != body {
		t.Errorf("%s: got %d %s\nwant %d %s", what, a.status, a.body, status, body)
	}
}

func one(t testing.TB, db *sql.DB, query string) string {
	t.Helper()
	var text sql.NullString
	if err := db.QueryRow(query).Scan(&text); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return text.String
}

func TestCreate(t *testing.T) {
	db, source := ruled(t)
	h := tasks(t, db, source)
	a := send(t, h, "POST", "/tasks", `{"title": "third", "owner_id": 2, "points": 7, "done": true, "due": "2026-02-03T04:05:06+01:00",
		"price": 12.50, "ratio": 0.1, "extra": {"b": [1, 2.0], "a": null}, "picture": "AP8=", "slug": null}`)
	made := `"` + strings.Replace(one(t, db, `SELECT +made FROM tasks WHERE id = 3`), " ", "T", 1) + `.000000Z"`
	want := `{"id":3,"title":"third","owner_id":2,"points":7,"done":true,"due":"2026-02-03T03:05:06.000000Z",` +
		`"price":12.5,"ratio":0.1,"extra":{"b":[1,2.0],"a":null},"picture":"AP8=","made":` + made + `,"double":14,"slug":null}`
	a.want(t, "create", 201, want)
	equal(t, "Location", a.header.Get("Location"), "/tasks/3")
	equal(t, "stored due", one(t, db, `SELECT due || typeof(due) FROM tasks WHERE id = 3`), "2026-02-03 03:05:06text")
	equal(t, "stored types", one(t, db, `SELECT typeof(done) || typeof(price) || typeof(extra) || typeof(picture) || secret FROM tasks WHERE id = 3`), "integerrealtextblobhidden")
	read := send(t, h, "GET", a.header.Get("Location"), "")
	read.want(t, "read", 200, want)
	equal(t, "ETag", read.header.Get("ETag"), a.header.Get("ETag"))
	if !strings.HasPrefix(a.header.Get("ETag"), `"row-`) {
		t.Errorf("ETag %s", a.header.Get("ETag"))
	}
	send(t, h, "GET", "/tasks/3", "", "If-None-Match: "+a.header.Get("ETag")).want(t, "read again", 304, "")
	send(t, h, "POST", "/tasks/", `{"id": 77, "title": "own key"}`).want(t, "own key", 409, "") // hidden is unique
	if _, err := db.Exec(`UPDATE tasks SET secret = 's3' WHERE id = 3`); err != nil {
		t.Fatal(err)
	}
	a = send(t, h, "POST", "/tasks/", `{"id": 77, "title": "own key"}`)
	equal(t, "Location of an own key", a.header.Get("Location"), "/tasks/77")
}

func TestCreateDefaults(t *testing.T) {
	db, source := ruled(t)
	h := mounted(t, whole(db, source, "notes"), "/notes")
	a := send(t, h, "POST", "/notes", `{}`)
	a.want(t, "a row of defaults", 201, `{"body":null}`)
	equal(t, "headers of a row without a key", a.header.Get("Location")+a.header.Get("ETag"), "")
	send(t, h, "POST", "/notes", `{"body": "x"}`).want(t, "a row without a key", 201, `{"body":"x"}`)
	h = mounted(t, whole(db, source, "moody"), "/moody")
	send(t, h, "POST", "/moody", `{"n": 15}`).want(t, "what a trigger makes of it", 201, `{"id":1,"n":30}`)
}

func TestReplaceAndPatch(t *testing.T) {
	db, source := ruled(t)
	h := tasks(t, db, source)
	before := send(t, h, "GET", "/tasks/1", "")
	a := send(t, h, "PUT", "/tasks/1", before.body)
	a.want(t, "put what was read", 200, before.body)
	equal(t, "its ETag", a.header.Get("ETag"), before.header.Get("ETag"))
	send(t, h, "PATCH", "/tasks/1", `{}`).want(t, "patch nothing", 200, before.body)
	send(t, h, "PATCH", "/tasks/1", `{"points": null, "title": "new"}`).want(t, "patch", 200,
		strings.NewReplacer(`"points":5`, `"points":null`, `"title":"first"`, `"title":"new"`, `"double":10`, `"double":null`).Replace(before.body))
	send(t, h, "PUT", "/tasks/1", `{"title":"put","owner_id":2,"points":1,"done":true,"due":null,"price":1,"ratio":null,"extra":null,"picture":null,"slug":"z"}`).want(t, "put", 200,
		`{"id":1,"title":"put","owner_id":2,"points":1,"done":true,"due":null,"price":1,"ratio":null,"extra":null,"picture":null,"made":"2026-01-01T00:00:00.000000Z","double":2,"slug":"z"}`)
	send(t, h, "PUT", "/tasks/9", before.body).want(t, "put what is not there", 404, "")
	send(t, h, "PATCH", "/tasks/9", `{}`).want(t, "patch what is not there", 404, "")
}

func TestPutMakes(t *testing.T) {
	db, source := ruled(t)
	h := mounted(t, whole(db, source, "seats"), "/seats")
	a := send(t, h, "PUT", "/seats/a%2Cb,2", `{"taken": true}`, "If-None-Match: *")
	a.want(t, "make", 201, `{"hall":"a,b","seat":2,"taken":true}`)
	equal(t, "Location", a.header.Get("Location"), "/seats/a%2Cb,2")
	send(t, h, "PUT", "/seats/a%2Cb,2", `{"taken": true}`, "If-None-Match: *").want(t, "make again", 412, "")
	send(t, h, "PUT", "/seats/a%2Cb,3", `{"seat": 4}`, "If-None-Match: *").want(t, "two keys", 400, "")
	send(t, h, "PUT", "/seats/a%2Cb,3", `{"seat": 3}`, "If-None-Match: *").want(t, "one key twice", 201, "")
	send(t, h, "POST", "/seats", `{"hall": "a,b", "seat": 3}`, "If-None-Match: *").want(t, "post what exists", 412, "")
	send(t, h, "PATCH", "/seats/a%2Cb,3", `{"taken": true}`, "If-None-Match: *").want(t, "patch only what is not there", 412, "")
	send(t, h, "DELETE", "/seats/a%2Cb,3", ``).want(t, "delete", 204, "")
	a = send(t, h, "POST", "/seats", `{"hall": "a/b", "seat": 9}`)
	equal(t, "Location of two parts", a.header.Get("Location"), "/seats/a%2Fb,9")
	send(t, h, "GET", a.header.Get("Location"), "").want(t, "which leads there", 200, `{"hall":"a/b","seat":9,"taken":false}`)
}

func TestDelete(t *testing.T) {
	db, source := ruled(t)
	h := tasks(t, db, source)
	send(t, h, "DELETE", "/tasks/2", "", `If-Match: "row-another"`).want(t, "another one", 412, "")
	a := send(t, h, "DELETE", "/tasks/2", "")
	a.want(t, "delete", 204, "")
	equal(t, "body", a.body, "")
	send(t, h, "DELETE", "/tasks/2", "").want(t, "delete again", 404, "")
	send(t, h, "DELETE", "/tasks/1", "").want(t, "what others refer to", 409,
		`{"status":409,"code":"referenced","title":"Conflict","detail":"rows of steps (task_id) refer to it"}`)
	equal(t, "rows left", one(t, db, `SELECT count(*) FROM tasks`), "1")
}

// TestBadBodies has each way in which a body can be wrong, and what is said.
func TestBadBodies(t *testing.T) {
	db, source := ruled(t)
	h := tasks(t, db, source)
	whole := `,"owner_id":1,"points":1,"done":true,"due":null,"price":1,"ratio":null,"extra":null,"picture":null,"slug":"z"}`
	for _, c := range []struct {
		name, method, target, body string
		header                     string
		status                     int
		want                       string // part of the answer
	}{
		{"no JSON", "POST", "/tasks", `title=x`, "", 400, `"code":"bad_body"`},
		{"an array", "POST", "/tasks", `[{"title": "x"}]`, "", 400, `want one JSON object: it is something else`},
		{"cut off", "POST", "/tasks", `{"title": "x"`, "", 400, `want one JSON object: it ends too early`},
		{"nothing", "POST", "/tasks", ` `, "", 400, `it ends too early`},
		{"two objects", "POST", "/tasks", `{"title": "x"} {}`, "", 400, `something follows it`},
		{"one name twice", "POST", "/tasks", `{"title": "x", "title": "y"}`, "", 400, `duplicate object member name \"title\"`},
		{"not UTF-8", "POST", "/tasks", "{\"title\": \"\xff\"}", "", 400, `invalid UTF-8`},
		{"a form", "POST", "/tasks", `title=x`, "Content-Type: application/x-www-form-urlencoded", 415, `want Content-Type: application/json`},
		{"no type", "POST", "/tasks", `{"title": "x"}`, "Content-Type: ", 415, `"code":"unsupported_media_type"`},
		{"another charset", "POST", "/tasks", `{"title": "x"}`, "Content-Type: application/json; charset=latin1", 415, `UTF-8`},
		{"compressed", "POST", "/tasks", `{"title": "x"}`, "Content-Encoding: gzip", 415, `without a Content-Encoding`},
		{"too large", "POST", "/tasks", `{"title": "` + strings.Repeat("x", 1<<20) + `"}`, "", 413, `the body may have 1048576 bytes`},
		{"missing", "POST", "/tasks", `{}`, "", 400, `"errors":{"title":["is missing, and it has no default"]},"known":["id","title","owner_id","points","done","due","price","ratio","extra","picture","slug"]`},
		{"unknown", "POST", "/tasks", `{"title": "x", "colour": 1}`, "", 400, `"errors":{"colour":["there is no such field"]},"known":["id","title",`},
		{"hidden", "POST", "/tasks", `{"title": "x", "secret": "y"}`, "", 400, `"errors":{"secret":["there is no such field"]}`},
		{"read-only", "POST", "/tasks", `{"title": "x", "made": "2026-01-01"}`, "", 400, `"errors":{"made":["cannot be written: leave it out, or as it is"]}}`},
		{"generated", "PATCH", "/tasks/1", `{"double": 11}`, "", 400, `"errors":{"double":["cannot be written: leave it out, or as it is"]}}`},
		{"the key", "PATCH", "/tasks/1", `{"id": 2}`, "", 400, `"errors":{"id":["is part of the key, which stays as long as the row is"]}}`},
		{"null", "PATCH", "/tasks/1", `{"title": null}`, "", 400, `"errors":{"title":["null is not taken"]}}`},
		{"NaN", "PATCH", "/tasks/1", `{"ratio": "NaN"}`, "", 400, `"errors":{"ratio":["the database has no place for NaN"]}}`},
		{"all at once", "POST", "/tasks", `{"points": "many", "done": 1, "due": "soon", "price": 1.23456789012345678, "ratio": true, "picture": "?", "owner_id": 1.5}`, "", 400,
			`"errors":{"done":["true or false is wanted"],"due":["a time is wanted, as \"2026-01-02T03:04:05Z\"; without a zone it is UTC"],"owner_id":["an integer is wanted"],` +
				`"picture":["a string of base64 is wanted"],"points":["an integer is wanted"],"price":["a number that the column holds to the last digit is wanted: about 15 significant digits"],` +
				`"ratio":["a number is wanted, or NaN, Infinity or -Infinity"],"title":["is missing, and it has no default"]}`},
		{"a part", "PUT", "/tasks/1", `{"title": "x"}`, "", 400, `"points":["is missing: PUT replaces the whole row, PATCH alters what it names"]`},
		{"not null", "PUT", "/tasks/1", `{"title":null` + whole, "", 400, `"errors":{"title":["null is not taken"]}}`},
		{"unique", "POST", "/tasks", `{"title": "x", "slug": "a"}`, "", 409, `"code":"duplicate","title":"Conflict","detail":"owner_id: another row has the same owner_id and slug","errors":{"owner_id":["another row has the same owner_id and slug"],"slug":["another row has the same owner_id and slug"]}`},
		{"the same key", "POST", "/tasks", `{"title": "x", "id": 1}`, "", 409, `"errors":{"id":["another row has the same id"]}`},
		{"no such row", "PATCH", "/tasks/1", `{"owner_id": 9}`, "", 422, `"code":"constraint","title":"Unprocessable Entity","detail":"owner_id: there is no such row in owners","errors":{"owner_id":["there is no such row in owners"]}`},
		{"a check", "POST", "/tasks", `{"title": ""}`, "", 422, `"errors":{"title":["the check length(title) > 0 does not hold"]}`},
		{"a check by name", "POST", "/tasks", `{"title": "x", "points": 101}`, "", 422, `"detail":"the check fair_points does not hold"`},
		{"another tag", "PATCH", "/tasks/1", `{"points": 1}`, `If-Match: "row-other", "w-1-2"`, 412, `"code":"precondition_failed"`},
		{"a weak tag", "PATCH", "/tasks/1", `{"points": 1}`, `If-Match: W/"x"`, 412, ``},
		{"a key of another type", "PATCH", "/tasks/one", `{}`, "", 404, `"code":"not_found"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var headers []string
			if c.header != "" {
				headers = append(headers, c.header)
			}
			a := send(t, h, c.method, c.target, c.body, headers...)
			if a.status != c.status || !strings.Contains(a.body, c.want) {
				t.Errorf("%s %s %.80s: got %d %s\nwant %d %s", c.method, c.target, c.body, a.status, a.body, c.status, c.want)
			}
			equal(t, "Content-Type", a.header.Get("Content-Type"), "application/problem+json")
			if !json.Valid([]byte(a.body)) {
				t.Errorf("the problem is no JSON: %s", a.body)
			}
		})
	}
	equal(t, "rows", one(t, db, `SELECT group_concat(id || title || coalesce(points, '-')) FROM tasks`), "1first5,2second-")
}

func TestWhatTheDatabaseRefuses(t *testing.T) {
	db, source := ruled(t)
	h := mounted(t, whole(db, source, "moody"), "/moody")
	send(t, h, "POST", "/moody", `{"n": 13}`).want(t, "raised", 422, `{"status":422,"code":"constraint","title":"Unprocessable Entity","detail":"thirteen is unlucky"}`)
	send(t, h, "POST", "/moody", `{"n": 14}`).want(t, "ignored", 409, `{"status":409,"code":"constraint","title":"Conflict","detail":"a trigger of the table left it undone"}`)
	h = mounted(t, whole(db, source, "late"), "/late")
	send(t, h, "POST", "/late", `{"owner_id": 9}`).want(t, "at the commit", 422,
		`{"status":422,"code":"constraint","title":"Unprocessable Entity","detail":"owner_id: there is no such row in owners","errors":{"owner_id":["there is no such row in owners"]}}`)
	equal(t, "rows", one(t, db, `SELECT (SELECT count(*) FROM moody) + (SELECT count(*) FROM late)`), "0")
	send(t, h, "POST", "/late", `{"owner_id": 1}`).want(t, "after it", 201, `{"id":1,"owner_id":1}`)
}

// TestNothingIsReplaced: what a constraint says of rows that stand against a
// write does not take away rows that the writer may not even see.
func TestNothingIsReplaced(t *testing.T) {
	db, source := ruled(t)
	if _, err := db.Exec(`CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT UNIQUE On Conflict REPLACE, owner INTEGER);
		INSERT INTO names VALUES (1, 'mine', 1), (2, 'theirs', 2)`); err != nil {
		t.Fatal(err)
	}
	cfg := whole(db, source, "names")
	cfg.Scope = func(*http.Request, permit.Action) (where.Expr, error) { return where.Eq("owner", 1), nil }
	h := mounted(t, cfg, "/names")
	send(t, h, "POST", "/names", `{"name": "theirs", "owner": 1}`).want(t, "make", 409, "")
	send(t, h, "PATCH", "/names/1", `{"name": "theirs"}`).want(t, "alter", 409, "")
	equal(t, "names", one(t, db, `SELECT group_concat(id || name) FROM names`), "1mine,2theirs")
}

func TestViewsAreRead(t *testing.T) {
	db, source := ruled(t)
	cfg := whole(db, source, "titles")
	cfg.Key = []string{"id"}
	h := mounted(t, cfg, "/titles")
	for target, methods := range map[string][]string{"/titles": {"POST"}, "/titles/1": {"PUT", "PATCH", "DELETE"}} {
		for _, method := range methods {
			a := send(t, h, method, target, `{}`)
			a.want(t, method, 405, `{"status":405,"code":"method_not_allowed","title":"Method Not Allowed","detail":"`+method+` is not for this; there are OPTIONS, GET, HEAD"}`)
			equal(t, "Allow", a.header.Get("Allow"), "OPTIONS, GET, HEAD")
		}
	}
}

func TestBusy(t *testing.T) {
	db, source := ruled(t)
	h := tasks(t, db, source)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	a := send(t, h, "POST", "/tasks", `{"title": "x"}`)
	a.want(t, "another one writes", 503, `{"status":503,"code":"unavailable","title":"Service Unavailable","detail":"tasks cannot be answered at the moment"}`)
	equal(t, "Retry-After", a.header.Get("Retry-After"), "1")
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	send(t, h, "POST", "/tasks", `{"title": "x"}`).want(t, "afterwards", 201, "")
}

// TestConcurrentWrites: of writes to one row none is lost. With If-Match the
// slower one is told, without it a write is made of the row as it is then.
func TestConcurrentWrites(t *testing.T) {
	db, source := ruled(t)
	h := tasks(t, db, source)
	const writers, times = 8, 5
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for n := 0; n < times; {
				row := send(t, h, "GET", "/tasks/1", "")
				var task struct{ Points int }
				if err := json.Unmarshal([]byte(row.body), &task); err != nil {
					t.Error(err)
					return
				}
				a := send(t, h, "PATCH", "/tasks/1", fmt.Sprintf(`{"points": %d}`, task.Points+1), "If-Match: "+row.header.Get("ETag"))
				switch a.status {
				case 200:
					n++
				case 412:
				default:
					t.Errorf("%d %s", a.status, a.body)
					return
				}
			}
		})
	}
	all.Wait()
	equal(t, "points", one(t, db, `SELECT points FROM tasks WHERE id = 1`), fmt.Sprint(5+writers*times))
}

// TestConcurrentValidation: what Validate makes of a row, it makes of the row
// that is then written.
func TestConcurrentValidation(t *testing.T) {
	db, source := ruled(t)
	cfg := resource.Config[task]{DB: db, Catalog: source, Table: "tasks", Allow: permit.Public}
	cfg.Validate = func(_ context.Context, row *task) error {
		row.Points++
		return nil
	}
	h := mounted(t, cfg, "/tasks")
	var all sync.WaitGroup
	const writers, times = 6, 5
	for range writers {
		all.Go(func() {
			for range times {
				if a := send(t, h, "PATCH", "/tasks/1", `{}`); a.status != 200 {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
		})
	}
	all.Wait()
	equal(t, "points", one(t, db, `SELECT points FROM tasks WHERE id = 1`), fmt.Sprint(5+writers*times))
}

type task struct {
	ID     int64      `json:"id"`
	Title  string     `json:"title"`
	Owner  int32      `json:"owner" db:"owner_id"`
	Points int8       `json:"points"`
	Due    *time.Time `json:"due,omitempty"`
	Extra  map[string]any
	Made   time.Time `json:"made"`
}

func TestValidate(t *testing.T) {
	db, source := ruled(t)
	cfg := resource.Config[task]{DB: db, Catalog: source, Table: "tasks", ReadOnly: []string{"owner_id", "made"}, Allow: permit.Public}
	cfg.Validate = func(ctx context.Context, row *task) error {
		if row.Title == "bad" {
			return resource.Invalid{"title": {"is bad"}, "points": {"too"}}
		}
		if row.Title == "no" {
			return permit.Deny("not you")
		}
		if row.Title == "away" {
			return fmt.Errorf("the other service is away: %w", context.DeadlineExceeded)
		}
		if row.Due != nil && row.Due.Before(row.Made) {
			return resource.Invalid{"due": {"is before it was made"}}
		}
		row.Title = strings.TrimSpace(row.Title)
		row.Owner = 2
		return nil
	}
	h := mounted(t, cfg, "/tasks")
	send(t, h, "POST", "/tasks", `{"title": "bad"}`).want(t, "invalid", 400,
		`{"status":400,"code":"invalid_fields","title":"Bad Request","detail":"points: too","errors":{"points":["too"],"title":["is bad"]}}`)
	send(t, h, "POST", "/tasks", `{"title": "no"}`).want(t, "denied", 403, "")
	send(t, h, "POST", "/tasks", `{"title": "away"}`).want(t, "cannot tell", 503, "")
	a := send(t, h, "POST", "/tasks", `{"title": " x ", "points": 3, "Extra": {"k": [1.50]}}`)
	made := `"` + strings.Replace(one(t, db, `SELECT +made FROM tasks WHERE id = 3`), " ", "T", 1) + `.000000Z"`
	a.want(t, "made", 201, `{"id":3,"title":"x","owner":2,"points":3,"Extra":{"k":[1.5]},"made":`+made+`}`)
	send(t, h, "PATCH", "/tasks/1", `{"due": "2020-01-01T00:00:00Z"}`).want(t, "with the rest of the row", 400, "")
	send(t, h, "PATCH", "/tasks/1", `{"due": "2027-01-01T00:00:00Z"}`).want(t, "a time", 200,
		`{"id":1,"title":"first","owner":2,"points":5,"due":"2027-01-01T00:00:00.000000Z","Extra":null,"made":"2026-01-01T00:00:00.000000Z"}`)
	send(t, h, "PUT", "/tasks/1", `{"id":1,"title":"first","owner":2,"points":5,"Extra":null,"made":"2026-01-01T00:00:00.000000Z"}`).want(t, "without what is empty", 200,
		`{"id":1,"title":"first","owner":2,"points":5,"Extra":null,"made":"2026-01-01T00:00:00.000000Z"}`)
	send(t, h, "PATCH", "/tasks/1", `{"points": 128}`).want(t, "beyond the Go type", 400,
		`{"status":400,"code":"invalid_fields","title":"Bad Request","detail":"points: the number is beyond what the field holds","errors":{"points":["the number is beyond what the field holds"]}}`)
	send(t, h, "PATCH", "/tasks/1", `{"Extra": [1]}`).want(t, "another Go type", 400, "")
}

func TestValidateRecords(t *testing.T) {
	db, source := ruled(t)
	cfg := whole(db, source, "tasks")
	cfg.Hidden = []string{"secret"}
	cfg.Validate = func(_ context.Context, row *resource.Record) error {
		if row.Get("title") == "bad" {
			return resource.Invalid{"title": {"is bad"}}
		}
		row.Set("slug", fmt.Sprint(row.Get("title"), "-", row.Get("points")))
		row.Set("nothing", 1)
		return nil
	}
	h := mounted(t, cfg, "/tasks")
	send(t, h, "PATCH", "/tasks/1", `{"title": "bad"}`).want(t, "invalid", 400, "")
	send(t, h, "PATCH", "/tasks/1", `{"title": "good"}`).want(t, "valid", 200, "")
	equal(t, "slug", one(t, db, `SELECT slug FROM tasks WHERE id = 1`), "good-5")
	equal(t, "the rest", one(t, db, `SELECT title || points || owner_id || made || secret FROM tasks WHERE id = 1`), "good512026-01-01 00:00:00s1")
}

func TestAllowRow(t *testing.T) {
	db, source := ruled(t)
	var asked []string
	cfg := resource.Config[task]{DB: db, Catalog: source, Table: "tasks", Allow: permit.Public}
	cfg.AllowRow = func(_ *http.Request, action permit.Action, row task) error {
		asked = append(asked, fmt.Sprint(action, row.ID, row.Owner))
		if row.Owner != 1 {
			return permit.Deny("it is another one's")
		}
		return nil
	}
	h := mounted(t, cfg, "/tasks")
	send(t, h, "POST", "/tasks", `{"title": "x", "owner": 2}`).want(t, "make", 403, `{"status":403,"code":"forbidden","title":"Forbidden","detail":"it is another one's"}`)
	send(t, h, "PATCH", "/tasks/1", `{"title": "x"}`).want(t, "own", 200, "")
	send(t, h, "PATCH", "/tasks/2", `{"title": "x"}`).want(t, "another's", 403, "")
	send(t, h, "DELETE", "/tasks/2", ``).want(t, "delete another's", 403, "")
	send(t, h, "GET", "/tasks/2", ``).want(t, "read another's", 200, "")
	equal(t, "asked", asked, []string{"create0 2", "update1 1", "update2 2", "delete2 2"})
	equal(t, "rows", one(t, db, `SELECT group_concat(title) FROM tasks`), "x,second")
}

// TestWritesStayInScope: nobody can make a row, or make of a row one, that
// the same scope would not show.
func TestWritesStayInScope(t *testing.T) {
	db, source := ruled(t)
	cfg := whole(db, source, "tasks")
	cfg.Hidden = []string{"secret"}
	cfg.Scope = func(*http.Request, permit.Action) (where.Expr, error) { return where.Eq("owner_id", 1), nil }
	h := mounted(t, cfg, "/tasks")
	const outside = `{"status":403,"code":"out_of_scope","title":"Forbidden","detail":"the row would be one that is not yours to see"}`
	send(t, h, "POST", "/tasks", `{"title": "x", "owner_id": 2}`).want(t, "make", 403, outside)
	send(t, h, "PATCH", "/tasks/1", `{"owner_id": 2}`).want(t, "give away", 403, outside)
	send(t, h, "PATCH", "/tasks/2", `{"title": "x"}`).want(t, "another's", 404, "")
	send(t, h, "PUT", "/tasks/2", `{}`).want(t, "replace another's", 404, "")
	send(t, h, "DELETE", "/tasks/2", ``).want(t, "delete another's", 404, "")
	equal(t, "rows", one(t, db, `SELECT group_concat(title || owner_id) FROM tasks`), "first1,second2")
	send(t, h, "POST", "/tasks", `{"title": "x"}`).want(t, "own", 201, "")
	seats := whole(db, source, "seats")
	seats.Scope = func(_ *http.Request, action permit.Action) (where.Expr, error) {
		if action == permit.Create {
			return where.Eq("hall", "new"), nil
		}
		return where.All(), nil
	}
	h = mounted(t, seats, "/seats")
	send(t, h, "PUT", "/seats/old,1", `{}`, "If-None-Match: *").want(t, "make by PUT", 403, outside)
	send(t, h, "PUT", "/seats/new,1", `{}`, "If-None-Match: *").want(t, "make by PUT, own", 201, "")
	notes := whole(db, source, "notes")
	notes.Scope = func(*http.Request, permit.Action) (where.Expr, error) { return where.Eq("body", "mine"), nil }
	h = mounted(t, notes, "/notes")
	send(t, h, "POST", "/notes", `{"body": "yours"}`).want(t, "without a key", 403, outside)
	send(t, h, "POST", "/notes", `{"body": "mine"}`).want(t, "without a key, own", 201, `{"body":"mine"}`)
	equal(t, "notes", one(t, db, `SELECT group_concat(body) FROM notes`), "mine")
}

// TestPutTellsNothing: whether a row is there that a request does not see is
// told to who may make it.
func TestPutTellsNothing(t *testing.T) {
	db, source := ruled(t)
	cfg := whole(db, source, "seats")
	cfg.Allow = permit.Only(permit.Read, permit.Update)
	cfg.Scope = func(*http.Request, permit.Action) (where.Expr, error) { return where.Eq("hall", "mine"), nil }
	h := mounted(t, cfg, "/seats")
	send(t, h, "PUT", "/seats/a%2Cb,1", `{}`, "If-None-Match: *").want(t, "is there a row that is not mine", 403, "")
}

// TestKeysAreGiven: SQLite lets the columns of most keys be NULL; a row that
// nobody could name is not made.
func TestKeysAreGiven(t *testing.T) {
	db, source := ruled(t)
	if _, err := db.Exec(`CREATE TABLE words (word TEXT PRIMARY KEY, n INTEGER)`); err != nil {
		t.Fatal(err)
	}
	h := mounted(t, whole(db, source, "words"), "/words")
	send(t, h, "POST", "/words", `{"n": 1}`).want(t, "no key", 400,
		`{"status":400,"code":"invalid_fields","title":"Bad Request","detail":"word: is missing, and it has no default","errors":{"word":["is missing, and it has no default"]},"known":["word","n"]}`)
	send(t, h, "POST", "/words", `{"word": null}`).want(t, "null", 400,
		`{"status":400,"code":"invalid_fields","title":"Bad Request","detail":"word: null is not taken","errors":{"word":["null is not taken"]}}`)
	send(t, h, "POST", "/words", `{"word": "a"}`).want(t, "a key", 201, `{"word":"a","n":null}`)
}

func TestPermitByAction(t *testing.T) {
	db, source := ruled(t)
	cfg := whole(db, source, "seats")
	cfg.Allow = permit.Only(permit.Read, permit.Update)
	h := mounted(t, cfg, "/seats")
	send(t, h, "POST", "/seats", `{"hall": "x", "seat": 1}`).want(t, "create", 403, "")
	send(t, h, "PUT", "/seats/x,1", `{}`, "If-None-Match: *").want(t, "create by PUT", 403, "")
	send(t, h, "PATCH", "/seats/a%2Cb,1", `{"taken": true}`).want(t, "update", 200, "")
	send(t, h, "DELETE", "/seats/a%2Cb,1", ``).want(t, "delete", 403, "")
}

// TestNestedStayThere: what is nested comes back as it was, and is not written.
func TestNestedStayThere(t *testing.T) {
	db, source := ruled(t)
	cfg := whole(db, source, "tasks")
	cfg.Hidden = []string{"secret"}
	cfg.Nested = []resource.Nested{{Name: "owner", Via: "owner_id"}, {Name: "steps", Table: "steps", By: "task_id"}}
	h := mounted(t, cfg, "/tasks")
	row := send(t, h, "GET", "/tasks/1", "")
	a := send(t, h, "PUT", "/tasks/1", strings.Replace(row.body, "first", "put", 1))
	a.want(t, "put what was read", 200, strings.Replace(row.body, "first", "put", 1))
	send(t, h, "PATCH", "/tasks/1", `{"owner": {"id": 1, "name": "eve"}, "steps": []}`).want(t, "write what is nested", 400,
		`{"status":400,"code":"invalid_fields","title":"Bad Request","detail":"owner: cannot be written: leave it out, or as it is","errors":{"owner":["cannot be written: leave it out, or as it is"],"steps":["cannot be written: leave it out, or as it is"]}}`)
	a = send(t, h, "PATCH", "/tasks/1", `{"owner_id": 2}`)
	if !strings.Contains(a.body, `"owner":{"id":2,"name":"bob"}`) {
		t.Errorf("the answer has another owner nested: %s", a.body)
	}
}
