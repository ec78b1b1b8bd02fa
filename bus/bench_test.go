package bus_test

import (
	"context"
	"testing"

	"github.com/wakeful-dev/wakeful/bus"
)

// BenchmarkInProcess is the way from Send to handle and back.
func BenchmarkInProcess(b *testing.B) {
	members := bus.New()
	back := make(chan struct{}, 1)
	leaveA, err := members.Join("a", func(bus.Message) { back <- struct{}{} })
	if err != nil {
		b.Fatal(err)
	}
	defer leaveA()
	leaveZ, err := members.Join("z", func(m bus.Message) { _ = members.Send("a", m) })
	if err != nil {
		b.Fatal(err)
	}
	defer leaveZ()
	body := &bus.Round{}
	b.ReportAllocs()
	for b.Loop() {
		_ = members.Send("z", bus.Message{From: "a", Body: body})
		<-back
	}
}

// pair is two running links on a bus.
func pair(b *testing.B, members bus.Bus, handleA, handleZ func(*bus.Link)) (a, z *bus.Link) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	newLink := func(name string, handle func(*bus.Link)) *bus.Link {
		var link *bus.Link
		link, err := bus.NewLink(bus.LinkConfig{Bus: members, Name: name,
			Handle: func(string, string, bus.Body) { handle(link) }, Log: 1 << 16})
		if err != nil {
			b.Fatal(err)
		}
		return link
	}
	a, z = newLink("a", handleA), newLink("z", handleZ)
	ended := make(chan error, 2)
	for _, link := range []*bus.Link{a, z} {
		go func() { ended <- link.Run(ctx) }()
	}
	b.Cleanup(func() {
		cancel()
		<-ended
		<-ended
	})
	return a, z
}

// BenchmarkLinkRoundTrip is the way from Send to Handle and back.
func BenchmarkLinkRoundTrip(b *testing.B) {
	for name, members := range map[string]bus.Bus{"plain": bus.New(), "encoded": bus.Encoded(bus.New())} {
		b.Run(name, func(b *testing.B) {
			body := &bus.Round{}
			back := make(chan struct{}, 1)
			a, _ := pair(b, members,
				func(*bus.Link) { back <- struct{}{} },
				func(z *bus.Link) { _ = z.Send("a", body) })
			b.ReportAllocs()
			for b.Loop() {
				_ = a.Send("z", body)
				<-back
			}
		})
	}
}

// BenchmarkLinkStream is one direction, as fast as the receiver takes it.
func BenchmarkLinkStream(b *testing.B) {
	const ahead = 1024
	body := &bus.Round{}
	room := make(chan struct{}, ahead)
	a, _ := pair(b, bus.New(), func(*bus.Link) {}, func(*bus.Link) { <-room })
	b.ReportAllocs()
	for b.Loop() {
		room <- struct{}{}
		_ = a.Send("z", body)
	}
}
