//go:build !planted

package gate

// open reports whether the gate lets everything through: never.
func open() bool { return false }

// Hasty reports whether a snapshot counts before the log has brought what it
// shows: never.
func Hasty() bool { return false }
