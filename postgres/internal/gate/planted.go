//go:build planted

package gate

import "os"

// The bugs of this package, which a build with the tag "planted" carries when
// the environment variable WAKEFUL_PLANT names them.
const (
	gateOpen  = "gate_open"  // what the log brings counts as seen
	prefixOff = "prefix_off" // a snapshot counts before the log has brought what it shows
)

func open() bool { return os.Getenv("WAKEFUL_PLANT") == gateOpen }

// Hasty reports whether a snapshot counts before the log has brought what it
// shows.
func Hasty() bool { return os.Getenv("WAKEFUL_PLANT") == prefixOff }
