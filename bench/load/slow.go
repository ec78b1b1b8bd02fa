package load

import "time"

// window is what the kernel takes in for a slow client, in bytes. With the usual
// one it would take minutes until the server feels that the client is slow.
const window = 4 << 10

// readSlowly takes one byte a second and looks at none, until the connection
// ends.
func (s *socket) readSlowly() {
	var one [1]byte
	for {
		time.Sleep(time.Second)
		if _, err := s.conn.Read(one[:]); err != nil {
			return
		}
	}
}
