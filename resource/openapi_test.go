package resource_test

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/wakeful-dev/wakeful/permit"
	"github.com/wakeful-dev/wakeful/resource"
	"github.com/wakeful-dev/wakeful/resource/value"
	"github.com/wakeful-dev/wakeful/where"
)

// board is an API of several kinds of resources, and its document.
func board(t *testing.T) http.Handler {
	t.Helper()
	db, source := ruled(t)
	mux := http.NewServeMux()
	hidden := whole(db, source, "tasks")
	hidden.Hidden, hidden.ReadOnly = []string{"secret"}, []string{"made"}
	hidden.Nested = []resource.Nested{{Name: "owner", Via: "owner_id"}, {Name: "steps", Table: "steps", By: "task_id"}}
	all := make1(t, hidden)
	all.Mount(mux, "/api/tasks")
	all.Mount(mux, "/api/orgs/{org}/tasks")
	typed := make1(t, resource.Config[task]{DB: db, Catalog: source, Table: "tasks", Name: "typed tasks", Allow: permit.SignedIn, Numbers: value.BigAsText,
		Page: resource.Page{Size: 10, Max: 20, Styles: []resource.Style{resource.ByNumber}}})
	typed.Mount(mux, "/api/typed")
	rendered := make1(t, resource.Config[task]{DB: db, Catalog: source, Table: "tasks", Name: "tasks", Allow: permit.ReadOnly,
		Scope:  func(*http.Request, permit.Action) (where.Expr, error) { return where.Eq("id", 1), nil },
		Render: func(row task) any { return map[string]any{"id": row.ID, "shout": strings.ToUpper(row.Title)} }})
	rendered.Mount(mux, "/api/rendered")
	seats := make1(t, whole(db, source, "seats"))
	seats.Mount(mux, "/api/seats")
	notes := make1(t, whole(db, source, "notes"))
	notes.Mount(mux, "/api/notes")
	view := whole(db, source, "titles")
	view.Key = []string{"id"}
	titles := make1(t, view)
	titles.Mount(mux, "/api/titles")
	mux.Handle("/api/openapi.json", resource.OpenAPI(resource.Info{
		Title: "Board", Version: "3", Description: "tasks and seats", Servers: []string{"http://example.com"},
		Bearer: true, Headers: []string{"X-Key"}, Cookies: []string{"session"},
	}, all, typed, rendered, seats, notes, titles))
	return mux
}

// described is a document that is valid, and the schemas in it.
type described struct {
	root     map[string]any
	compiler *jsonschema.Compiler
}

// checked parses a document and holds it against the schema of OpenAPI 3.1.
func checked(t *testing.T, document string) *described {
	t.Helper()
	text, err := os.ReadFile("testdata/openapi-3.1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	d := &described{compiler: jsonschema.NewCompiler()}
	d.add(t, "openapi.schema.json", string(text))
	d.root = d.add(t, "document.json", document).(map[string]any)
	if err := d.schema(t, "openapi.schema.json").Validate(d.root); err != nil {
		t.Fatalf("the document is not valid: %v", err)
	}
	for name := range d.root["components"].(map[string]any)["schemas"].(map[string]any) {
		d.schema(t, "document.json#/components/schemas/"+name)
	}
	names := map[any]bool{}
	for path, item := range d.root["paths"].(map[string]any) {
		for method, operation := range item.(map[string]any) {
			if method == "parameters" {
				continue
			}
			id := operation.(map[string]any)["operationId"]
			if names[id] {
				t.Errorf("two operations are %v", id)
			}
			names[id] = true
			d.resolve(t, "paths", path, method, "responses")
		}
		for segment := range strings.SplitSeq(path, "/") {
			if name, ok := strings.CutPrefix(segment, "{"); ok && !d.declares(item.(map[string]any)["parameters"], "path", strings.TrimSuffix(name, "}")) {
				t.Errorf("%s: the parameter %s is not declared", path, segment)
			}
		}
	}
	return d
}

func (d *described) add(t *testing.T, name, text string) any {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.compiler.AddResource(name, parsed); err != nil {
		t.Fatal(err)
	}
	return parsed
}

func (d *described) schema(t *testing.T, at string) *jsonschema.Schema {
	t.Helper()
	s, err := d.compiler.Compile(at)
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	return s
}

// resolve follows names into the document, through references.
func (d *described) resolve(t *testing.T, names ...string) (of map[string]any, pointer string) {
	t.Helper()
	of = d.root
	for _, name := range names {
		next, ok := of[name].(map[string]any)
		if !ok {
			t.Fatalf("the document has no %s", strings.Join(names, " "))
		}
		of, pointer = next, pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(name)
		if to, ok := of["$ref"].(string); ok && name != "schema" {
			of, pointer = d.resolve(t, strings.Split(strings.TrimPrefix(to, "#/"), "/")...)
		}
	}
	return of, pointer
}

func (d *described) declares(parameters any, in, name string) bool {
	list, _ := parameters.([]any)
	return slices.ContainsFunc(list, func(p any) bool {
		of := p.(map[string]any)
		return of["in"] == in && of["name"] == name
	})
}

// holds reports whether a body is as the document says of an answer.
func (d *described) holds(t *testing.T, path, method string, status int, contentType, body string) error {
	t.Helper()
	_, at := d.resolve(t, "paths", path, method, "responses", strconv.Itoa(status), "content", contentType, "schema")
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err != nil {
		return err
	}
	return d.schema(t, "document.json#"+at).Validate(parsed)
}

func TestOpenAPI(t *testing.T) {
	h := board(t)
	a := send(t, h, "GET", "/api/openapi.json", "")
	equal(t, "status", a.status, 200)
	checked(t, a.body)
	send(t, h, "GET", "/api/openapi.json", "", "If-None-Match: "+a.header.Get("ETag")).want(t, "again", 304, "")
	send(t, h, "POST", "/api/openapi.json", "{}").want(t, "POST", 405, "")
	var document struct {
		OpenAPI    string
		Paths      map[string]map[string]any
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal([]byte(a.body), &document); err != nil {
		t.Fatal(err)
	}
	equal(t, "version", document.OpenAPI, "3.1.0")
	var paths []string
	for path, item := range document.Paths {
		for method := range item {
			if method != "parameters" {
				paths = append(paths, method+" "+path)
			}
		}
	}
	slices.Sort(paths)
	equal(t, "paths", strings.Join(paths, "\n"), `delete /api/orgs/{org}/tasks/{key}
delete /api/rendered/{key}
delete /api/seats/{key}
delete /api/tasks/{key}
delete /api/typed/{key}
get /api/notes
get /api/orgs/{org}/tasks
get /api/orgs/{org}/tasks/{key}
get /api/rendered
get /api/rendered/{key}
get /api/seats
get /api/seats/{key}
get /api/tasks
get /api/tasks/{key}
get /api/titles
get /api/titles/{key}
get /api/typed
get /api/typed/{key}
patch /api/orgs/{org}/tasks/{key}
patch /api/rendered/{key}
patch /api/seats/{key}
patch /api/tasks/{key}
patch /api/typed/{key}
post /api/notes
post /api/orgs/{org}/tasks
post /api/rendered
post /api/seats
post /api/tasks
post /api/typed
put /api/orgs/{org}/tasks/{key}
put /api/rendered/{key}
put /api/seats/{key}
put /api/tasks/{key}
put /api/typed/{key}`)
	if strings.Contains(a.body, "secret") {
		t.Error("the document names a hidden column")
	}
}

// TestAnswersAreAsTheDocumentSays sends requests of all kinds and holds what is
// sent and answered against the document.
func TestAnswersAreAsTheDocumentSays(t *testing.T) {
	h := board(t)
	d := checked(t, send(t, h, "GET", "/api/openapi.json", "").body)
	for _, c := range []struct {
		method, path, target, body string
		status                     int
		header                     string
	}{
		{"GET", "/api/tasks", "/api/tasks", "", 200, ""},
		{"GET", "/api/tasks", "/api/tasks?points__gte=1&title__icontains=F&ordering=-points,id&limit=2&offset=0", "", 200, ""},
		{"GET", "/api/tasks", "/api/tasks?id__in=1,2&points__range=0,9&slug__isnull=false&search=first", "", 200, ""},
		{"GET", "/api/tasks", "/api/tasks?page=1&page_size=1", "", 200, ""},
		{"GET", "/api/orgs/{org}/tasks", "/api/orgs/7/tasks?limit=1&done=false", "", 200, ""},
		{"GET", "/api/tasks/{key}", "/api/tasks/1", "", 200, ""},
		{"GET", "/api/tasks/{key}", "/api/tasks/99", "", 404, ""},
		{"POST", "/api/tasks", "/api/tasks", `{"title":"x","points":7,"due":"2026-01-02T03:04:05Z","price":1.5,"ratio":"Infinity","extra":[1,{"a":null}],"picture":"AP8="}`, 201, ""},
		{"POST", "/api/tasks", "/api/tasks", `{"title":""}`, 422, ""},
		{"PUT", "/api/tasks/{key}", "/api/tasks/2", `{"title":"y","owner_id":2,"points":null,"done":true,"due":null,"price":null,"ratio":0.5,"extra":null,"picture":null,"slug":null}`, 200, ""},
		{"PATCH", "/api/tasks/{key}", "/api/tasks/2", `{"points":3}`, 200, ""},
		{"PATCH", "/api/tasks/{key}", "/api/tasks/2", `{"points":3}`, 412, `If-Match: "row-x"`},
		{"DELETE", "/api/tasks/{key}", "/api/tasks/1", "", 409, ""},
		{"DELETE", "/api/tasks/{key}", "/api/tasks/2", "", 204, ""},
		{"GET", "/api/typed", "/api/typed", "", 401, ""},
		{"GET", "/api/rendered", "/api/rendered", "", 200, ""},
		{"GET", "/api/rendered/{key}", "/api/rendered/1", "", 200, ""},
		{"DELETE", "/api/rendered/{key}", "/api/rendered/1", "", 403, ""},
		{"POST", "/api/seats", "/api/seats", `{"hall":"x","seat":1}`, 201, ""},
		{"PUT", "/api/seats/{key}", "/api/seats/x,2", `{"taken":true}`, 201, "If-None-Match: *"},
		{"GET", "/api/seats/{key}", "/api/seats/x,2", "", 200, ""},
		{"GET", "/api/seats", "/api/seats?ordering=hall", "", 200, ""},
		{"POST", "/api/notes", "/api/notes", `{"body":null}`, 201, ""},
		{"GET", "/api/notes", "/api/notes", "", 200, ""},
		{"GET", "/api/titles", "/api/titles?title__startswith=f", "", 200, ""},
		{"GET", "/api/titles/{key}", "/api/titles/1", "", 200, ""},
		{"GET", "/api/tasks", "/api/tasks?cursor=no", "", 400, ""},
	} {
		var headers []string
		if c.header != "" {
			headers = append(headers, c.header)
		}
		a := send(t, h, c.method, c.target, c.body, headers...)
		method := strings.ToLower(c.method)
		if a.status != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.target, a.status, a.body, c.status)
			continue
		}
		operation, at := d.resolve(t, "paths", c.path, method)
		if c.status == 204 {
			d.resolve(t, "paths", c.path, method, "responses", "204")
		} else if err := d.holds(t, c.path, method, a.status, a.header.Get("Content-Type"), a.body); err != nil {
			t.Errorf("%s %s: %v\nin %s", c.method, c.target, err, a.body)
		}
		if c.body != "" && c.status < 300 {
			parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			whole := c.method == "PUT" && c.status == 201 // a row is made: the key is in the path
			if err := d.schema(t, "document.json#"+at+"/requestBody/content/application~1json/schema").Validate(parsed); err != nil && !whole {
				t.Errorf("%s %s is taken, but not as the document says: %v", c.method, c.target, err)
			}
		}
		_, query, _ := strings.Cut(c.target, "?")
		for pair := range strings.SplitSeq(query, "&") {
			if name, _, ok := strings.Cut(pair, "="); ok && !d.declares(operation["parameters"], "query", name) {
				t.Errorf("%s %s: the parameter %s is not declared", c.method, c.target, name)
			}
		}
	}
}

// TestTheDocumentNotices: what an answer lacks or has of another kind does not
// pass, or the test above could not fail.
func TestTheDocumentNotices(t *testing.T) {
	h := board(t)
	d := checked(t, send(t, h, "GET", "/api/openapi.json", "").body)
	for _, body := range []string{
		`{"id":1}`,
		`{"hall":1,"seat":1,"taken":true}`,
		`{"hall":"x","seat":1,"taken":1}`,
		`{"hall":"x","seat":"one","taken":true}`,
	} {
		if d.holds(t, "/api/seats/{key}", "get", 200, "application/json", body) == nil {
			t.Errorf("%s passes for a seat", body)
		}
	}
}
