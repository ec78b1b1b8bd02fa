package role

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// patience bounds one call: the longest takes a few seconds.
const patience = 90 * time.Second

// Process is a role that runs. It takes one call at a time.
type Process struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	to   *json.Encoder
	from *json.Decoder
}

// Start runs this program again with the arguments, as a role of that name.
// What it writes to standard error goes to ours.
func Start(name string, args ...string) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("role: %w", err)
	}
	cmd := exec.Command(self, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("role: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("role: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("role: start %s: %w", name, err)
	}
	return &Process{name: name, cmd: cmd, in: in, to: json.NewEncoder(in), from: json.NewDecoder(out)}, nil
}

// Call has the role do something and decodes its answer into result, which may
// be nil. A role that does not answer in time is ended.
func (p *Process) Call(verb string, args, result any) error {
	overdue := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer overdue.Stop()
	raw, err := json.Marshal(args)
	if err != nil {
		return fmt.Errorf("role: %w", err)
	}
	if err := p.to.Encode(call{Verb: verb, Args: raw}); err != nil {
		return fmt.Errorf("role: %s has ended: %w", p.name, err)
	}
	var got struct {
		Result json.RawMessage
		Error  string
	}
	switch err := p.from.Decode(&got); {
	case err != nil:
		return fmt.Errorf("role: %s did not answer %s: %w", p.name, verb, err)
	case got.Error != "":
		return fmt.Errorf("role: %s: %w", p.name, errors.New(got.Error))
	case result == nil:
		return nil
	}
	if err := json.Unmarshal(got.Result, result); err != nil {
		return fmt.Errorf("role: %s answered %s: %w", p.name, verb, err)
	}
	return nil
}

// Stop ends the role and waits for it.
func (p *Process) Stop() error {
	_ = p.in.Close() // it ends when its input does
	overdue := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer overdue.Stop()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("role: %s: %w", p.name, err)
	}
	return nil
}
