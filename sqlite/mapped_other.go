//go:build !linux

package sqlite

import "os"

// shared is not used here: the file is read.
type shared struct{}

func mapShared(*os.File) shared { return shared{} }

func (shared) load(*[2 * headerSize / 4]uint32) bool { return false }
