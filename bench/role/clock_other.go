//go:build !linux

package role

import "time"

// Now is the time in nanoseconds on a clock that all processes of this machine
// share. Here that is the wall clock: do not set it during a run.
func Now() int64 { return time.Now().UnixNano() }

// Spent stands for the processor time that this process has used. Here that is
// the time that has gone, which is more.
func Spent() int64 { return Now() }
