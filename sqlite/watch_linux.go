package sqlite

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

// watcher waits for the kernel to tell that the log was written, or that the
// database file lost its name.
type watcher struct {
	file *os.File
	path string // of the database
	buf  [4096]byte
	stop func() bool
}

// watch begins to watch the files of a database, until ctx ends.
func watch(ctx context.Context, path string) (*watcher, error) {
	fd, err := syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	w := &watcher{file: os.NewFile(uintptr(fd), "inotify"), path: path}
	for name, mask := range map[string]uint32{
		path + "-wal": syscall.IN_MODIFY,
		path:          syscall.IN_ATTRIB | syscall.IN_MOVE_SELF | syscall.IN_DELETE_SELF,
	} {
		if _, err := syscall.InotifyAddWatch(fd, name, mask); err != nil {
			_ = w.file.Close()
			return nil, fmt.Errorf("inotify: %s: %w", name, err)
		}
	}
	w.stop = context.AfterFunc(ctx, func() { _ = w.file.Close() })
	return w, nil
}

// wait reports whether something was told before the time was over.
func (w *watcher) wait(patience time.Duration) bool {
	if err := w.file.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return false
	}
	n, err := w.file.Read(w.buf[:])
	return err == nil && n > 0
}

// hear says whether to be told that the log was written. Being told costs who
// writes it a tenth of a commit. Where it fails, the file is on its way out.
func (w *watcher) hear(yes bool) {
	mask := uint32(syscall.IN_DELETE_SELF)
	if yes {
		mask = syscall.IN_MODIFY
	}
	raw, err := w.file.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _, _ = syscall.InotifyAddWatch(int(fd), w.path+"-wal", mask) })
}

func (w *watcher) close() {
	w.stop()
	_ = w.file.Close()
}
