package bus

import "github.com/wakeful-dev/wakeful/wire"

// beside is what Go keeps beside the content of a message, about.
const beside = 256

// sizeOf is about what a body keeps in memory that nobody else does. The items
// of a snapshot are those of the observer's list.
func sizeOf(body Body) int {
	n := beside
	switch m := body.(type) {
	case *Round:
		n += sizeOfChanges(m.Changes) + beside*(len(m.Closed)+len(m.Doubted))
	case *Observed:
		switch {
		case m.Snapshot != nil:
			n += 48*m.Snapshot.Items.Len() + len(m.Snapshot.Meta)
		case m.Resumed != nil:
			n += sizeOfChanges(m.Resumed.Changes)
		case m.Response != nil:
			n += len(m.Response.Body)
		}
	case *Observe:
		n += len(m.Request.URL) + len(m.Scope)
		for name, values := range m.Request.Header {
			n += len(name)
			for _, value := range values {
				n += len(value)
			}
		}
	}
	return n
}

func sizeOfChanges(changes []*wire.Changes) int {
	n := 0
	for _, c := range changes {
		n += beside + len(c.Meta)
		for i := range c.Ops {
			n += 100 + len(c.Ops[i].Key) + len(c.Ops[i].Data)
		}
	}
	return n
}
