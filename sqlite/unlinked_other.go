//go:build !unix

package sqlite

import "os"

// unlinked is never known: a file cannot be removed here while it is open.
func unlinked(os.FileInfo) bool { return false }
