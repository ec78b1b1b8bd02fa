package sqlite

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
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
	indexFile
	words [2 * headerSize / 4]uint32
}

// indexFile is an open -shm file.
type indexFile struct {
	file   *os.File
	shared shared
}

const headerSize = 48

// open files of the process, by no key that Go could compare: device and inode
// are compared by os.SameFile. None is closed while the file has a name, since
// that would drop the locks that SQLite holds on it for the whole process.
var indexFiles struct {
	mu    sync.Mutex
	files []indexFile
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
		if have, err := f.file.Stat(); err == nil && os.SameFile(have, info) {
			return &walIndex{indexFile: f}, nil
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: the shared wal-index: %w", err)
	}
	opened := indexFile{f, mapShared(f)}
	indexFiles.files = append(indexFiles.files, opened)
	return &walIndex{indexFile: opened}, nil
}

// sweepIndexFiles closes the files that no longer have a name: SQLite removed
// them when the last connection of all processes was closed.
func sweepIndexFiles() {
	kept := indexFiles.files[:0]
	for _, f := range indexFiles.files {
		if info, err := f.file.Stat(); err == nil && unlinked(info) {
			_ = f.file.Close()
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
		if !w.load() {
			return header{}, false
		}
		first, second := w.words[:headerSize/4], w.words[headerSize/4:]
		if slices.Equal(first, second) && isInit(first) {
			return header{
				commits: first[2], frame: first[4],
				checksum: [2]uint32{first[6], first[7]},
				salt:     [2]uint32{first[8], first[9]},
			}, true
		}
	}
	return header{}, false
}

// isInit reports whether the header's byte 12 is set: it was ever written.
func isInit(header []uint32) bool {
	var word [4]byte
	binary.NativeEndian.PutUint32(word[:], header[3])
	return word[0] == 1
}

// load copies both headers, from memory where they are mapped.
func (w *walIndex) load() bool {
	if w.shared.load(&w.words) {
		return true
	}
	var buf [2 * headerSize]byte
	if n, _ := w.file.ReadAt(buf[:], 0); n != len(buf) {
		return false
	}
	for i := range w.words {
		w.words[i] = binary.NativeEndian.Uint32(buf[4*i:])
	}
	return true
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
