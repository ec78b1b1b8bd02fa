package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/wakeful-dev/wakeful/wire"
)

// Info is what an OpenAPI document says of an API beside its resources.
type Info struct {
	// Title and Version of the API. Default: "API", "1".
	Title, Version, Description string
	// Servers are the addresses of the API, where they are not that of the
	// document.
	Servers []string
	// Bearer: a token in the header Authorization says who calls. Headers and
	// Cookies name what else may say it.
	Bearer           bool
	Headers, Cookies []string
}

// Described is a resource that a document can tell of.
type Described interface {
	describe(ctx context.Context) (*layout, []string, error)
}

// describe returns what the resource is now, and where it is mounted.
func (e *endpoint) describe(ctx context.Context) (*layout, []string, error) {
	l, problem := e.now(ctx)
	if problem != nil {
		return nil, nil, problem
	}
	return l, e.mounts.list(), nil
}

// OpenAPI serves the OpenAPI 3.1 document of all that is mounted of the
// resources, as it is at the moment of the request:
//
//	mux.Handle("GET /api/openapi.json", resource.OpenAPI(resource.Info{Title: "Board"}, posts, authors))
func OpenAPI(info Info, resources ...Described) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			wire.NewProblem(http.StatusMethodNotAllowed, wire.CodeMethodNotAllowed, "the document can only be read").Write(w)
			return
		}
		document, err := Document(r.Context(), info, resources...)
		if err != nil {
			Fail(w, err)
			return
		}
		tag := tagOf(document)
		header := w.Header()
		header.Set("ETag", tag)
		header.Set("Cache-Control", "no-cache")
		if unchanged(r, tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		header.Set("Content-Type", "application/json")
		header.Set("Content-Length", strconv.Itoa(len(document)))
		_, _ = w.Write(document) // a client that is gone is nobody to tell
	})
}

// object is a JSON object of the document; its members are written in the order
// of their names.
type object = map[string]any

// Document makes the document that OpenAPI serves.
func Document(ctx context.Context, info Info, resources ...Described) ([]byte, error) {
	d := &document{paths: object{}, schemas: object{"Problem": problemSchema}, operations: map[string]bool{}}
	var tags []any
	for _, r := range resources {
		l, prefixes, err := r.describe(ctx)
		if err != nil {
			return nil, err
		}
		d.add(l, prefixes)
		tags = append(tags, object{"name": l.Name})
	}
	schemes, required := info.security()
	whole := object{
		"openapi":    "3.1.0",
		"info":       info.object(),
		"paths":      d.paths,
		"components": object{"schemas": d.schemas, "responses": problems(), "securitySchemes": schemes},
	}
	if len(required) > 0 {
		whole["security"] = required
	}
	if len(tags) > 0 {
		whole["tags"] = tags
	}
	if len(info.Servers) > 0 {
		var servers []any
		for _, url := range info.Servers {
			servers = append(servers, object{"url": url})
		}
		whole["servers"] = servers
	}
	return json.Marshal(whole)
}

func (i Info) object() object {
	o := object{"title": i.Title, "version": i.Version}
	if i.Title == "" {
		o["title"] = "API"
	}
	if i.Version == "" {
		o["version"] = "1"
	}
	if i.Description != "" {
		o["description"] = i.Description
	}
	return o
}

// security returns the ways to say who calls. Nobody needs to: which calls are
// for anybody, the permits say.
func (i Info) security() (schemes object, required []any) {
	schemes = object{}
	add := func(name string, scheme object) {
		schemes[name] = scheme
		required = append(required, object{name: []any{}})
	}
	if i.Bearer {
		add("bearer", object{"type": "http", "scheme": "bearer"})
	}
	for _, name := range i.Headers {
		add("header_"+componentName(name), object{"type": "apiKey", "in": "header", "name": name})
	}
	for _, name := range i.Cookies {
		add("cookie_"+componentName(name), object{"type": "apiKey", "in": "cookie", "name": name})
	}
	if required != nil {
		required = append(required, object{})
	}
	return schemes, required
}

// document is an OpenAPI document in the making.
type document struct {
	paths, schemas object
	operations     map[string]bool
}

func (d *document) add(l *layout, prefixes []string) {
	name := componentName(l.Name)
	for i := 2; d.schemas[name] != nil; i++ {
		name = componentName(l.Name) + "_" + strconv.Itoa(i)
	}
	s := &described{layout: l, name: name}
	s.addSchemas(d.schemas)
	for _, prefix := range prefixes {
		around := pathParameters(prefix)
		list := s.listPath()
		list["parameters"] = around
		d.put(name, orRoot(prefix), list)
		if len(l.key) > 0 {
			one := s.onePath()
			one["parameters"] = append(slices.Clip(around), s.keyParameter())
			d.put(name, prefix+"/{key}", one)
		}
	}
}

func orRoot(prefix string) string {
	if prefix == "" {
		return "/"
	}
	return prefix
}

// put notes what a path takes, each operation with a name of its own.
func (d *document) put(name, path string, item object) {
	for _, method := range []string{"get", "post", "put", "patch", "delete"} {
		operation, ok := item[method].(object)
		if !ok {
			continue
		}
		verb := operation["operationId"].(string)
		id := verb + "_" + name
		for i := 2; d.operations[id]; i++ {
			id = verb + "_" + name + "_" + strconv.Itoa(i)
		}
		d.operations[id] = true
		operation["operationId"] = id
	}
	d.paths[path] = item
}

// pathParameters are those that a mount's prefix has.
func pathParameters(prefix string) []any {
	parameters := []any{}
	for segment := range strings.SplitSeq(prefix, "/") {
		if strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}") {
			parameters = append(parameters, object{
				"name": strings.Trim(segment, "{}"), "in": "path", "required": true, "schema": object{"type": "string"},
			})
		}
	}
	return parameters
}

// componentName is a name as OpenAPI has them.
func componentName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, name)
}

var problemSchema = object{
	"type":     "object",
	"required": []any{"status", "code", "title"},
	"properties": object{
		"status": object{"type": "integer"},
		"code":   object{"type": "string", "description": "a stable word that a program can branch on"},
		"title":  object{"type": "string"},
		"detail": object{"type": "string"},
		"errors": object{
			"type":                 "object",
			"description":          "what is wrong with each field or parameter",
			"additionalProperties": object{"type": "array", "items": object{"type": "string"}},
		},
		"known": object{"type": "array", "items": object{"type": "string"}, "description": "what could have been said"},
	},
}

// meanings are what the statuses of problems say.
var meanings = map[int]string{
	400: "the parameters or the body are wrong; all that is wrong is listed",
	401: "sign in first",
	403: "not allowed, or the row would be outside of what the caller sees",
	404: "there is no such row, or the caller does not see it",
	409: "another row has the same unique values, or rows of others refer to it",
	412: "the row is another one than If-Match says, or exists already",
	413: "the body is too large",
	415: "the body is not JSON",
	422: "the database's rules do not allow it, or the list cannot be observed",
	503: "the database is busy or away; try again",
}

func problems() object {
	responses := object{}
	for status, meaning := range meanings {
		responses["problem_"+strconv.Itoa(status)] = object{
			"description": meaning,
			"content":     object{"application/problem+json": object{"schema": reference("schemas", "Problem")}},
		}
	}
	return responses
}

// answers are the responses of an operation: that of success, and problems.
func answers(status int, success object, problems ...int) object {
	all := object{strconv.Itoa(status): success}
	for _, p := range problems {
		all[strconv.Itoa(p)] = reference("responses", "problem_"+strconv.Itoa(p))
	}
	return all
}

func reference(kind, name string) object {
	return object{"$ref": fmt.Sprintf("#/components/%s/%s", kind, name)}
}
