package bus_test

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/bus/bustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestInProcess(t *testing.T) {
	bustest.Run(t, func(*testing.T) bus.Bus { return bus.New() })
}

func TestEncoded(t *testing.T) {
	bustest.Run(t, func(*testing.T) bus.Bus { return bus.Encoded(bus.New()) })
}

func TestFull(t *testing.T) {
	b := bus.New()
	open := make(chan struct{})
	leave, err := b.Join("b", func(bus.Message) { <-open })
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		if err := b.Send("b", bus.Message{}); err != nil {
			if !errors.Is(err, bus.ErrFull) || n < 1<<16 {
				t.Errorf("Send number %d: %v; want ErrFull after 65,536", n, err)
			}
			break
		}
	}
	close(open)
	leave()
}

func TestDecodeErrors(t *testing.T) {
	for _, text := range []string{"", "{", "[]", `{"type":"dance"}`, `{"type":"observe","body":3}`, `{"number":-1}`} {
		if m, err := bus.Decode([]byte(text)); err == nil {
			t.Errorf("Decode(%s) = %#v, want an error", text, m)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range bustest.Messages() {
		text, err := bus.Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := bus.Decode(text)
		if err != nil {
			return
		}
		again, err := bus.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bus.Decode(again); err != nil {
			t.Errorf("%s: %v", again, err)
		}
	})
}
