package typescript

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// document is what of an OpenAPI document counts here.
type document struct {
	OpenAPI    string          `json:"openapi"`
	Paths      map[string]path `json:"paths"`
	Components struct {
		Schemas map[string]*schema `json:"schemas"`
	} `json:"components"`
}

type path struct {
	Get, Post, Put, Patch *operation
}

type operation struct {
	Summary    string
	Parameters []parameter
	Body       body            `json:"requestBody"`
	Responses  map[string]body `json:"responses"`
}

type parameter struct {
	Name, In, Description string
	Schema                *schema
}

type body struct {
	Content map[string]struct{ Schema *schema }
}

// schema is a JSON Schema as OpenAPI 3.1 has them.
type schema struct {
	Ref             string             `json:"$ref"`
	Type            words              `json:"type"`
	Enum            []json.RawMessage  `json:"enum"`
	Format          string             `json:"format"`
	ContentEncoding string             `json:"contentEncoding"`
	Properties      map[string]*schema `json:"properties"`
	Required        []string           `json:"required"`
	Items           *schema            `json:"items"`
	MinItems        int                `json:"minItems"`
	MaxItems        int                `json:"maxItems"`
	AnyOf           []*schema          `json:"anyOf"`
	OneOf           []*schema          `json:"oneOf"`
	AllOf           []*schema          `json:"allOf"`
	Additional      json.RawMessage    `json:"additionalProperties"`
	ReadOnly        bool               `json:"readOnly"`
	Description     string             `json:"description"`
}

// words is a text, or a list of them.
type words []string

func (w *words) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		*w = words{""}
		return json.Unmarshal(text, &(*w)[0])
	}
	return json.Unmarshal(text, (*[]string)(w))
}

// read reads a document.
func read(text []byte) (*document, error) {
	d := &document{}
	if err := json.Unmarshal(text, d); err != nil {
		if trimmed := strings.TrimSpace(string(text)); strings.HasPrefix(trimmed, "<") {
			return nil, errors.New("it is HTML and no OpenAPI document")
		}
		return nil, fmt.Errorf("it is no OpenAPI document: %w", err)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.") {
		return nil, errors.New("it is no OpenAPI 3 document: it has no member openapi that begins with 3")
	}
	return d, nil
}

const schemaPrefix = "#/components/schemas/"

// named is the name of the component that a schema refers to, "" for none.
func (s *schema) named() string {
	if s == nil {
		return ""
	}
	name, ok := strings.CutPrefix(s.Ref, schemaPrefix)
	if !ok {
		return ""
	}
	return name
}

// of follows a reference.
func (d *document) of(s *schema) *schema {
	if name := s.named(); name != "" && d.Components.Schemas[name] != nil {
		return d.Components.Schemas[name]
	}
	return s
}

// answer is the JSON that an operation answers with when it goes well.
func (o *operation) answer() *schema {
	for _, status := range []string{"200", "201"} {
		if s := o.Responses[status].Content["application/json"].Schema; s != nil {
			return s
		}
	}
	return nil
}

func (b body) schema() *schema { return b.Content["application/json"].Schema }

// rowOf is the schema of an item of what a GET answers: of a list, of a page's
// results, or of one thing. Answers to who observes are left out.
func (d *document) rowOf(s *schema) *schema {
	if s == nil {
		return nil
	}
	for _, one := range append(slices.Clone(s.AnyOf), s) {
		at := d.of(one)
		if _, observed := at.Properties["observer"]; observed || len(at.AnyOf) > 0 {
			continue
		}
		if results := at.Properties["results"]; results != nil && results.Items != nil {
			return results.Items
		}
		if at.Items != nil {
			return at.Items
		}
		return one
	}
	return nil
}

// observable reports whether a GET can be followed.
func (o *operation) observable() bool {
	return o != nil && slices.ContainsFunc(o.Parameters, func(p parameter) bool { return p.In == "query" && p.Name == "observe" })
}
