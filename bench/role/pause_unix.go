//go:build unix

package role

import "syscall"

// Pause has the role stand still until Resume: what is sent to it waits.
func (p *Process) Pause() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume has it go on.
func (p *Process) Resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }
