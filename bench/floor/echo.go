package floor

import (
	"bufio"
	"bytes"
	"io"
	"net"

	"github.com/gobwas/ws"
	"github.com/wakeful-dev/wakeful/bench/role"
)

func echoVerbs() map[string]role.Verb {
	return map[string]role.Verb{"open": role.Do(func(role.None) (any, error) {
		l, err := listen()
		if err != nil {
			return nil, err
		}
		go echoAll(l)
		return Opened{Addr: l.Addr().String()}, nil
	})}
}

func echoAll(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go echo(conn)
	}
}

// echo sends each frame back. One read and one write on a goroutine that waits
// for nothing else, into buffers that are kept: no WebSocket answers with fewer
// system calls or wake-ups.
func echo(conn net.Conn) {
	defer conn.Close()
	if _, err := ws.Upgrade(conn); err != nil {
		return
	}
	in := bufio.NewReader(conn)
	var out bytes.Buffer
	var payload []byte
	for {
		header, err := ws.ReadHeader(in)
		if err != nil {
			return
		}
		if int(header.Length) > len(payload) {
			payload = make([]byte, header.Length)
		}
		payload := payload[:header.Length]
		if _, err := io.ReadFull(in, payload); err != nil {
			return
		}
		ws.Cipher(payload, header.Mask, 0)
		out.Reset()
		_ = ws.WriteHeader(&out, ws.Header{Fin: true, OpCode: header.OpCode, Length: header.Length}) // a Buffer takes all
		out.Write(payload)
		if _, err := conn.Write(out.Bytes()); err != nil {
			return
		}
	}
}
