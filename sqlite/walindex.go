package sqlite

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"
)

// header is what the wal-index says about the newest commit. SQLite's own
// readers begin with it: two equal headers are one state of the database.
type header struct {
	commits  uint32 // counts up by one for each commit, of any process
	frame    uint32 // the last frame of that commit, 0 after the log restarted
	checksum [2]uint32
	salt     [2]uint32
}

// same reports that no commit lies between the two headers. The log may have
// been restarted, which changes the salt and the frame alone; a recovery after
// a crash counts from 0 again, which the checksum gives away.
func (h header) same(g header) bool {
	return h.commits == g.commits && h.checksum == g.checksum
}

// walIndex reads the header from the -shm file. Calls must not overlap.
type walIndex struct {
	file *os.File
	buf  [2 * headerSize]byte
}

const headerSize = 48

// open files of the process, by no key that Go could compare: device and inode
// are compared by os.SameFile. None is closed while the file has a name, since
// that would drop the locks that SQLite holds on it for the whole process.
var indexFiles struct {
	mu    sync.Mutex
	files []*os.File
}

func openWALIndex(path string) (*walIndex, error) {
	indexFiles.mu.Lock()
	defer indexFiles.mu.Unlock()
	sweepIndexFiles()
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: the shared wal-index: %w", err)
	}
	for _, f := range indexFiles.files {
		if have, err := f.Stat(); err == nil && os.SameFile(have, info) {
			return &walIndex{file: f}, nil
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: the shared wal-index: %w", err)
	}
	indexFiles.files = append(indexFiles.files, f)
	return &walIndex{file: f}, nil
}

// sweepIndexFiles closes the files that no longer have a name: SQLite removed
// them when the last connection of all processes was closed.
func sweepIndexFiles() {
	kept := indexFiles.files[:0]
	for _, f := range indexFiles.files {
		if info, err := f.Stat(); err == nil && unlinked(info) {
			_ = f.Close()
			continue
		}
		kept = append(kept, f)
	}
	clear(indexFiles.files[len(kept):])
	indexFiles.files = kept
}

// read returns the header, ok false when there is none that can be trusted:
// the file cannot be read, or a process died while it wrote the header, which
// the next reader of SQLite repairs.
func (w *walIndex) read() (h header, ok bool) {
	for range 100 {
		if n, _ := w.file.ReadAt(w.buf[:], 0); n != len(w.buf) {
			return header{}, false
		}
		first, second := w.buf[:headerSize], w.buf[headerSize:]
		if string(first) == string(second) && first[12] == 1 {
			word := func(at int) uint32 { return binary.NativeEndian.Uint32(first[at:]) }
			return header{
				commits: word(8), frame: word(16),
				checksum: [2]uint32{word(24), word(28)},
				salt:     [2]uint32{word(32), word(36)},
			}, true
		}
	}
	return header{}, false
}

// isFile reports whether the path still names the file that is read.
func (w *walIndex) isFile(path string) bool {
	have, err := w.file.Stat()
	if err != nil {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && os.SameFile(have, info)
}
