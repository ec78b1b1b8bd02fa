package resource

import (
	"net/http"
	"slices"
	"strings"

	"github.com/wakeful-dev/wakeful/schema"
)

func parameter(name, description string, of object) object {
	return object{"name": name, "in": "query", "description": description, "schema": of}
}

// commas is a parameter of several values with commas between them.
func commas(name, description string, of object) object {
	p := parameter(name, description, of)
	p["style"], p["explode"] = "form", false
	return p
}

// listPath is what the list takes.
func (s *described) listPath() object {
	shown := reference("schemas", s.name+"_page")
	if s.unobserved == "" {
		shown = object{"anyOf": []any{shown, reference("schemas", s.name+"_observed")}}
	}
	item := object{"get": object{
		"operationId": "list",
		"summary":     "List " + s.Name,
		"tags":        []any{s.Name},
		"parameters":  append(append(s.filterParameters(), s.controlParameters()...), s.observeParameter()...),
		"responses":   answers(http.StatusOK, content("a page of the list", shown), 400, 401, 403, 422, 503),
	}}
	if s.table.View {
		return item
	}
	made := content("the row as it was made", reference("schemas", s.name))
	made["headers"] = object{"ETag": headerOf("stands for the row as it is"), "Location": headerOf("where the row is")}
	item["post"] = object{
		"operationId": "create",
		"summary":     "Make a row",
		"tags":        []any{s.Name},
		"requestBody": bodyOf(s.name + "_new"),
		"responses":   answers(http.StatusCreated, made, 400, 401, 403, 409, 412, 413, 415, 422, 503),
	}
	return item
}

// onePath is what a row takes.
func (s *described) onePath() object {
	shown := content("the row", reference("schemas", s.name))
	if s.unobserved == "" {
		shown = content("the row", object{"anyOf": []any{reference("schemas", s.name), reference("schemas", s.name+"_observed")}})
	}
	shown["headers"] = object{"ETag": headerOf("stands for the row as it is")}
	read := answers(http.StatusOK, shown, 400, 401, 403, 404, 422, 503)
	read["304"] = object{"description": "the row is as If-None-Match says"}
	item := object{"get": object{
		"operationId": "get",
		"summary":     "Read one row",
		"tags":        []any{s.Name},
		"parameters":  append(s.observeParameter(), conditional("If-None-Match", "answer only if the row is another one")),
		"responses":   read,
	}}
	if s.table.View {
		return item
	}
	written := content("the row as it is now", reference("schemas", s.name))
	written["headers"] = object{"ETag": headerOf("stands for the row as it is")}
	match := conditional("If-Match", "write only if the row is still the one with this ETag")
	for method, about := range map[string][3]string{
		"put":   {"replace", "Replace all that can be written of a row", s.name + "_whole"},
		"patch": {"update", "Alter what the body names", s.name + "_part"},
	} {
		operation := object{
			"operationId": about[0],
			"summary":     about[1],
			"tags":        []any{s.Name},
			"parameters":  []any{match},
			"requestBody": bodyOf(about[2]),
			"responses":   answers(http.StatusOK, written, 400, 401, 403, 404, 409, 412, 413, 415, 422, 503),
		}
		if method == "put" {
			operation["parameters"] = []any{match, conditional("If-None-Match", "*: make the row, which must not exist")}
			operation["responses"].(object)["201"] = written
		}
		item[method] = operation
	}
	item["delete"] = object{
		"operationId": "delete",
		"summary":     "Delete a row",
		"tags":        []any{s.Name},
		"parameters":  []any{match},
		"responses":   answers(http.StatusNoContent, object{"description": "it is gone"}, 401, 403, 404, 409, 412, 503),
	}
	return item
}

func content(description string, of object) object {
	return object{"description": description, "content": object{"application/json": object{"schema": of}}}
}

func headerOf(description string) object {
	return object{"description": description, "schema": object{"type": "string"}}
}

func bodyOf(name string) object {
	return object{"required": true, "content": object{mediaType: object{"schema": reference("schemas", name)}}}
}

func conditional(name, description string) object {
	return object{"name": name, "in": "header", "description": description, "schema": object{"type": "string"}}
}

func (s *described) keyParameter() object {
	description := "the key of a row: " + strings.Join(s.keyNames(), ", ")
	if len(s.key) > 1 {
		description = "the key of a row: " + strings.Join(s.keyNames(), ", ") + ", each percent-encoded and joined by commas"
	}
	return object{"name": "key", "in": "path", "required": true, "description": description, "schema": object{"type": "string"}}
}

func (s *described) observeParameter() []any {
	if s.unobserved != "" {
		return []any{}
	}
	return []any{parameter("observe", "the session that is to follow this from now on", object{"type": "string", "pattern": "^[A-Za-z0-9_-]{1,100}$"})}
}

// filterParameters are the filters, each with its lookups.
func (s *described) filterParameters() []any {
	parameters := []any{}
	controls := s.controls()
	for _, name := range s.known {
		f := s.filters[name]
		one := columnSchema(&f.column, false, s.Numbers)
		for _, k := range f.lookups {
			parameters = append(parameters, lookupParameter(parameterName(controls, name, k), name, k, one))
		}
	}
	return parameters
}

// parameterName is what a URL calls a lookup of a filter.
func parameterName(controls []string, name string, k Lookup) string {
	if k == Exact && !slices.Contains(controls, name) {
		return name
	}
	return name + "__" + string(k)
}

var lookupMeanings = map[Lookup]string{
	Exact: "equals", Ne: "does not equal", Gt: "is more than", Gte: "is at least", Lt: "is less than", Lte: "is at most",
	In: "is one of", Range: "is from the first to the second", IsNull: "is NULL",
	Contains: "contains", IContains: "contains, in either case,", StartsWith: "begins with", IStartsWith: "begins, in either case, with",
	EndsWith: "ends with", IEndsWith: "ends, in either case, with", IExact: "equals, in either case,",
}

func lookupParameter(name, column string, k Lookup, one object) object {
	about := column + " " + lookupMeanings[k]
	switch k {
	case In:
		return commas(name, about, object{"type": "array", "items": one, "minItems": 1, "maxItems": maxIn})
	case Range:
		return commas(name, about, object{"type": "array", "items": one, "minItems": 2, "maxItems": 2})
	case IsNull:
		return parameter(name, about, object{"type": "boolean"})
	case Exact, Ne, Gt, Gte, Lt, Lte:
		return parameter(name, about, one)
	}
	return parameter(name, about, columnSchema(&schema.Column{Type: schema.Text}, false, 0))
}

// controlParameters are ordering, search and those of pages.
func (s *described) controlParameters() []any {
	var parameters []any
	for _, name := range s.controls() {
		switch name {
		case "ordering":
			parameters = append(parameters, s.orderingParameters()...)
		case "search":
			parameters = append(parameters, parameter(name, "words, each of which is in one of "+strings.Join(s.search, ", "), object{"type": "string"}))
		case "limit", "page_size":
			parameters = append(parameters, parameter(name, "the most items of a page", object{"type": "integer", "minimum": 1, "maximum": s.Page.Max, "default": s.Page.Size}))
		case "offset":
			parameters = append(parameters, parameter(name, "how many rows to leave out", object{"type": "integer", "minimum": 0, "default": 0}))
		case "page":
			parameters = append(parameters, parameter(name, "the number of a page", object{"type": "integer", "minimum": 1}))
		case "cursor":
			parameters = append(parameters, parameter(name, "where the page begins: from next or previous of another", object{"type": "string"}))
		}
	}
	return parameters
}

func (s *described) orderingParameters() []any {
	if len(s.byOrder) == 0 {
		return nil
	}
	var names []any
	for _, name := range s.byOrder {
		names = append(names, name, "-"+name)
	}
	return []any{commas("ordering", "columns to order by; - descends", object{"type": "array", "items": object{"type": "string", "enum": names}})}
}
