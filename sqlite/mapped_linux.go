package sqlite

import (
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// shared is the beginning of the wal-index in memory, as SQLite itself has it:
// looking at it costs no system call. The mapping of a page is kept as long as
// the process lives, because nobody can know who still looks at it.
type shared struct{ words *[2 * headerSize / 4]uint32 }

// mapShared maps the file; without a mapping the file is read.
func mapShared(f *os.File) shared {
	info, err := f.Stat()
	if err != nil || info.Size() < 2*headerSize {
		return shared{}
	}
	page, err := unix.Mmap(int(f.Fd()), 0, os.Getpagesize(), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return shared{}
	}
	return shared{(*[2 * headerSize / 4]uint32)(unsafe.Pointer(&page[0]))}
}

// load copies the two headers, the first one first: a writer writes them in the
// other order.
func (s shared) load(words *[2 * headerSize / 4]uint32) bool {
	if s.words == nil {
		return false
	}
	for i := range words {
		words[i] = atomic.LoadUint32(&s.words[i])
	}
	return true
}
