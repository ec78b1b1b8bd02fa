package watch

import (
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// Terminal returns the screen that a file is, nil where it is none; keys are
// read from in.
func Terminal(out, in *os.File) Screen {
	if !term.IsTerminal(int(out.Fd())) {
		return nil
	}
	return &terminal{out: out, in: in}
}

type terminal struct{ out, in *os.File }

func (t *terminal) Size() (wide, high int) {
	wide, high, err := term.GetSize(int(t.out.Fd()))
	if err != nil || wide <= 0 || high <= 0 {
		return 80, 24
	}
	return wide, high
}

// What takes a screen over, so that what stood there comes back, and hides the
// cursor.
const (
	enter = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
	leave = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
)

func (t *terminal) Begin(quit func()) (end func(), err error) {
	restore := func() {}
	if fd := int(t.in.Fd()); term.IsTerminal(fd) {
		before, err := term.MakeRaw(fd)
		if err != nil {
			return nil, err
		}
		restore = func() { _ = term.Restore(fd, before) } // nothing else can be done
		go quitKeys(t.in, quit)
	}
	if _, err := io.WriteString(t.out, enter); err != nil {
		restore()
		return nil, err
	}
	var once sync.Once
	return func() {
		once.Do(func() {
			_, _ = io.WriteString(t.out, leave) // the terminal is gone, or back
			restore()
		})
	}, nil
}

// quitKeys reads keys until one says that it is enough: q, Ctrl-C, Ctrl-D.
func quitKeys(in io.Reader, quit func()) {
	key := make([]byte, 1)
	for {
		n, err := in.Read(key)
		if err != nil {
			return
		}
		if n == 1 && (key[0] == 'q' || key[0] == 'Q' || key[0] == 3 || key[0] == 4) {
			quit()
			return
		}
	}
}
