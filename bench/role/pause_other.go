//go:build !unix

package role

import "errors"

var errNoPause = errors.New("role: processes stand still on Unix only")

// Pause has the role stand still until Resume: what is sent to it waits.
func (p *Process) Pause() error { return errNoPause }

// Resume has it go on.
func (p *Process) Resume() error { return errNoPause }
