//go:build !planted

package planted

// Is reports whether the bug is planted.
func Is(Bug) bool { return false }

// Sometimes reports whether the bug is planted and shows this time.
func Sometimes(Bug) bool { return false }
