// Package yamldoc reads YAML strictly: a key that nobody knows, a key that is
// there twice and a value of the wrong kind are errors that name the line and
// what could stand there.
//
// Pipeline: none; configuration files.
package yamldoc

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Node is a place in a document.
type Node struct {
	*yaml.Node
	// Path leads to it, as "tables.posts.read".
	Path string
}

// Parse returns the root of a document; ok is false where it is empty.
func Parse(text []byte) (root Node, ok bool, err error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return Node{}, false, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if document.Kind == 0 || len(document.Content) == 0 {
		return Node{}, false, nil
	}
	n := Node{Node: document.Content[0]}.resolved()
	return n, !n.Null(), nil
}

func (n Node) resolved() Node {
	for n.Kind == yaml.AliasNode {
		n.Node = n.Alias
	}
	return n
}

// Null reports whether there is no value.
func (n Node) Null() bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// Errorf is an error that names the line and the path.
func (n Node) Errorf(format string, args ...any) error {
	where := "line " + strconv.Itoa(n.Line) + ": "
	if n.Path != "" {
		where += n.Path + ": "
	}
	return errors.New(where + fmt.Sprintf(format, args...))
}

// Entry is a key of a mapping with its value.
type Entry struct {
	Key   Node // a text
	Value Node
}

// Entries returns what a mapping has, in its order.
func (n Node) Entries() ([]Entry, error) {
	if n.Kind != yaml.MappingNode {
		return nil, n.Errorf("want keys with values, got %s", n.kind())
	}
	var entries []Entry
	var errs []error
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := Node{Node: n.Content[i], Path: n.Path}.resolved()
		if key.Kind != yaml.ScalarNode || key.Null() {
			errs = append(errs, key.Errorf("want a name as the key, got %s", key.kind()))
			continue
		}
		if line, twice := lines[key.Value]; twice {
			errs = append(errs, key.Errorf("%q is there twice, first in line %d", key.Value, line))
			continue
		}
		lines[key.Value] = key.Line
		path := key.Value
		if n.Path != "" {
			path = n.Path + "." + path
		}
		entries = append(entries, Entry{Key: key, Value: Node{Node: n.Content[i+1], Path: path}.resolved()})
	}
	return entries, errors.Join(errs...)
}

// Each calls for each key of a mapping the function that is known for it. What
// is unknown is an error that lists the known.
func (n Node) Each(known map[string]func(Node) error) error {
	entries, err := n.Entries()
	errs := []error{err}
	for _, e := range entries {
		read := known[e.Key.Value]
		if read == nil {
			errs = append(errs, e.Key.Errorf("unknown key %q; there are %s", e.Key.Value, listed(known)))
			continue
		}
		errs = append(errs, read(e.Value))
	}
	return errors.Join(errs...)
}

func listed(known map[string]func(Node) error) string {
	var names []string
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// Text returns a text, a number or a boolean as it was written.
func (n Node) Text() (string, error) {
	if n.Kind != yaml.ScalarNode || n.Null() {
		return "", n.Errorf("want a text, got %s", n.kind())
	}
	return n.Value, nil
}

// Number returns a positive integer.
func (n Node) Number() (int, error) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!int" {
		if number, err := strconv.Atoi(n.Value); err == nil && number > 0 {
			return number, nil
		}
	}
	return 0, n.Errorf("want a number above 0, got %s", n.kind())
}

// List returns the elements of a list; a single value is a list of one.
func (n Node) List() ([]Node, error) {
	if n.Kind == yaml.ScalarNode && !n.Null() {
		return []Node{n}, nil
	}
	if n.Kind != yaml.SequenceNode {
		return nil, n.Errorf("want a list, got %s", n.kind())
	}
	list := make([]Node, len(n.Content))
	for i, element := range n.Content {
		list[i] = Node{Node: element, Path: n.Path}.resolved()
	}
	return list, nil
}

// Texts returns a list of texts.
func (n Node) Texts() ([]string, error) {
	list, err := n.List()
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(list))
	for i, element := range list {
		if texts[i], err = element.Text(); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// kind says what a node is, for an error.
func (n Node) kind() string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	}
	if n.Null() {
		return "nothing"
	}
	return strconv.Quote(n.Value)
}
