package gateway

import (
	"iter"
	"slices"
)

// subs are the subscriptions of a session, by observer. Most sessions follow a
// few lists: a map would be larger than all else that such a session is.
type subs struct {
	list []*sub
	by   map[string]*sub // the same, where they are more than few
}

// few is up to how many subscriptions are looked through.
const few = 8

// of returns the subscription to an observer, nil for none.
func (l *subs) of(observer string) *sub {
	if l.by != nil {
		return l.by[observer]
	}
	for _, sub := range l.list {
		if sub.feed.observer == observer {
			return sub
		}
	}
	return nil
}

func (l *subs) len() int { return len(l.list) }

// put adds a subscription to an observer that there is none to.
func (l *subs) put(added *sub) {
	l.list = append(l.list, added)
	if l.by == nil && len(l.list) > few {
		l.by = make(map[string]*sub, len(l.list))
		for _, sub := range l.list {
			l.by[sub.feed.observer] = sub
		}
	}
	if l.by != nil {
		l.by[added.feed.observer] = added
	}
}

// drop takes the subscription to an observer out, if there is one.
func (l *subs) drop(observer string) {
	for i, sub := range l.list {
		if sub.feed.observer == observer {
			last := len(l.list) - 1
			l.list[i], l.list[last] = l.list[last], nil
			if l.list = l.list[:last]; last == 0 {
				l.list, l.by = nil, nil
			}
			delete(l.by, observer)
			return
		}
	}
}

// all yields the subscriptions and their observers. None may come or go
// meanwhile.
func (l *subs) all() iter.Seq2[string, *sub] {
	return func(yield func(string, *sub) bool) {
		for _, sub := range l.list {
			if !yield(sub.feed.observer, sub) {
				return
			}
		}
	}
}

// observers returns their observers, sorted.
func (l *subs) observers() []string {
	names := make([]string, 0, len(l.list))
	for name := range l.all() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
