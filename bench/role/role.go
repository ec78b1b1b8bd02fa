// Package role runs the parts of a benchmark as processes of their own, so
// that a server, its floor and the load on them share no heap, no scheduler
// and no garbage collector.
//
// The benchmark starts its own binary again with the name of a role. The two
// talk in lines of JSON over the pipes between them: one call, one answer. A
// role ends when its standard input does, so none outlives the benchmark.
//
// Pipeline: bench → [role] → app, floor, load.
package role

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Verb is something that a role can do. It gets the arguments of the call and
// returns what is to be answered, both as JSON.
type Verb func(args json.RawMessage) (any, error)

// Do makes a Verb of a function with typed arguments.
func Do[A any](f func(A) (any, error)) Verb {
	return func(raw json.RawMessage) (any, error) {
		var args A
		if err := json.Unmarshal(raw, &args); err != nil {
			return nil, fmt.Errorf("role: arguments: %w", err)
		}
		return f(args)
	}
}

// None stands for no arguments and for no result.
type None struct{}

type call struct {
	Verb string          `json:"verb"`
	Args json.RawMessage `json:"args"`
}

type answer struct {
	Result any    `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Serve answers calls, one at a time, until in ends.
func Serve(in io.Reader, out io.Writer, verbs map[string]Verb) error {
	lines := json.NewDecoder(bufio.NewReader(in))
	answers := json.NewEncoder(out)
	for {
		var c call
		if err := lines.Decode(&c); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("role: %w", err)
		}
		if err := answers.Encode(run(verbs[c.Verb], &c)); err != nil {
			return fmt.Errorf("role: %w", err)
		}
	}
}

func run(verb Verb, c *call) answer {
	if verb == nil {
		return answer{Error: fmt.Sprintf("role: no verb %q", c.Verb)}
	}
	result, err := verb(c.Args)
	if err != nil {
		return answer{Error: fmt.Sprintf("%s: %v", c.Verb, err)}
	}
	return answer{Result: result}
}
