package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"sync"

	"github.com/gobwas/ws"
)

// socket is one WebSocket. A goroutine of its own reads it.
type socket struct {
	crowd *crowd
	index int  // among its crowd
	first bool // it keeps the frames that it gets
	conn  net.Conn
	mu    sync.Mutex // one frame at a time is written
}

// errUnfinished says that more bytes are needed.
var errUnfinished = errors.New("load: unfinished frame")

// write sends one masked frame.
func (s *socket) write(frame ws.Frame) error {
	data, err := ws.CompileFrame(ws.MaskFrameInPlace(frame))
	if err != nil {
		return err
	}
	return s.writeBytes(data)
}

func (s *socket) writeBytes(data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.conn.Write(data)
	return err
}

// read takes frames until the connection ends. early is what came with the
// handshake.
func (s *socket) read(early []byte) {
	buf := make([]byte, 2048)
	n := copy(buf, early)
	for {
		used, need, err := s.take(buf[:n])
		if err != nil {
			return
		}
		n = copy(buf, buf[used:n])
		if need > len(buf) {
			buf = append(buf, make([]byte, need-len(buf))...)
		}
		got, err := s.conn.Read(buf[n:])
		if err != nil {
			return
		}
		n += got
	}
}

// take handles the whole frames at the front of data. need is the size of the
// unfinished one behind them.
func (s *socket) take(data []byte) (used, need int, err error) {
	for {
		opcode, payload, size, err := frame(data[used:])
		if err != nil {
			return used, size, nil
		}
		switch opcode {
		case ws.OpText:
			s.crowd.text(s, payload)
		case ws.OpPing:
			if err := s.write(ws.NewPongFrame(bytes.Clone(payload))); err != nil {
				return used, 0, err
			}
		case ws.OpClose:
			s.crowd.closedBy(payload)
			return used, 0, net.ErrClosed
		}
		used += size
	}
}

// frame cuts the first frame of a server. Where it is unfinished, size is what
// it needs at least.
func frame(data []byte) (opcode ws.OpCode, payload []byte, size int, err error) {
	if len(data) < 2 {
		return 0, nil, 2, errUnfinished
	}
	head, length := 2, int(data[1]&0x7f)
	switch length {
	case 126:
		if head = 4; len(data) < head {
			return 0, nil, head, errUnfinished
		}
		length = int(binary.BigEndian.Uint16(data[2:]))
	case 127:
		if head = 10; len(data) < head {
			return 0, nil, head, errUnfinished
		}
		length = int(binary.BigEndian.Uint64(data[2:]))
	}
	if size = head + length; len(data) < size {
		return 0, nil, size, errUnfinished
	}
	return ws.OpCode(data[0] & 0x0f), data[head:size], size, nil
}
