package postgres

import (
	"crypto/tls"
	"net"
	"syscall"
)

// hush returns what sets from how many bytes on the kernel says that a connection
// can be read, nil where that cannot be done. Else who looks away is woken all the
// same, for nothing.
func hush(conn net.Conn) func(bytes int) {
	if over, ok := conn.(*tls.Conn); ok {
		conn = over.NetConn()
	}
	on, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := on.SyscallConn()
	if err != nil {
		return nil
	}
	return func(bytes int) {
		_ = raw.Control(func(fd uintptr) { // where it fails, the next read says what is wrong
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, bytes)
		})
	}
}
