package pgoutput

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// frame is what is left of one to read. After the first error all reads return
// zeros.
type frame struct {
	kind byte
	rest []byte
	err  error
}

func (f *frame) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf("pgoutput: frame %q: %s", f.kind, fmt.Sprintf(format, args...))
		f.rest = nil
	}
}

// bytes takes n bytes, which stay the caller's of Take.
func (f *frame) bytes(n int) []byte {
	if n < 0 || n > len(f.rest) {
		f.fail("it ends too early")
		return nil
	}
	taken := f.rest[:n:n]
	f.rest = f.rest[n:]
	return taken
}

func (f *frame) byte() byte {
	if len(f.rest) < 1 {
		f.fail("it ends too early")
		return 0
	}
	b := f.rest[0]
	f.rest = f.rest[1:]
	return b
}

func (f *frame) uint16() uint16 {
	if len(f.rest) < 2 {
		f.fail("it ends too early")
		return 0
	}
	n := binary.BigEndian.Uint16(f.rest)
	f.rest = f.rest[2:]
	return n
}

func (f *frame) uint32() uint32 {
	if len(f.rest) < 4 {
		f.fail("it ends too early")
		return 0
	}
	n := binary.BigEndian.Uint32(f.rest)
	f.rest = f.rest[4:]
	return n
}

func (f *frame) uint64() uint64 {
	if len(f.rest) < 8 {
		f.fail("it ends too early")
		return 0
	}
	n := binary.BigEndian.Uint64(f.rest)
	f.rest = f.rest[8:]
	return n
}

// text takes what stands before the next zero byte.
func (f *frame) text() string {
	n := bytes.IndexByte(f.rest, 0)
	if n < 0 {
		f.fail("it ends too early")
		return ""
	}
	text := string(f.rest[:n])
	f.rest = f.rest[n+1:]
	return text
}
