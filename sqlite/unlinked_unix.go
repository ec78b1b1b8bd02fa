//go:build unix

package sqlite

import (
	"os"
	"syscall"
)

// unlinked reports that the file no longer has a name.
func unlinked(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 0
}
