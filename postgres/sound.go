//go:build !planted

package postgres

// keyInPart reports whether a part of a key stands for all of it: never.
func keyInPart() bool { return false }

// keysLeft reports whether rows are left out where a result is not taken to its
// end: never.
func keysLeft() bool { return false }
