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
	if b := f.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (f *frame) uint16() uint16 {
	if b := f.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (f *frame) uint32() uint32 {
	if b := f.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (f *frame) uint64() uint64 {
	if b := f.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
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
