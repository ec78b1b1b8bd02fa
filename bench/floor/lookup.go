package floor

import (
	"fmt"
	"math/rand/v2"

	"github.com/wakeful-dev/wakeful/bench/index"
	"github.com/wakeful-dev/wakeful/bench/role"
)

// lookup is a Go map from a value to the observers that wait for it: who knows
// beforehand that all conditions compare the same integer column need do no
// more than ask it. It knows no ranges.
type lookup struct {
	observers map[int64][]int32
	values    []int64
	hits      int
	next      int
}

func lookupVerbs() map[string]role.Verb {
	l := &lookup{}
	return map[string]role.Verb{"fill": role.Do(l.fill), "look": role.Do(l.look), "walk": role.Do(walk)}
}

func (l *lookup) fill(e index.Entries) (any, error) {
	l.hits, l.next = e.Hits, 0
	l.observers = make(map[int64][]int32, e.N/e.Hits)
	for i := range e.N {
		n := int64(i / e.Hits)
		l.observers[n] = append(l.observers[n], int32(i))
	}
	l.values = make([]int64, 1<<17)
	for i := range l.values {
		l.values[i] = rand.Int64N(int64(e.N / e.Hits))
	}
	return role.None{}, nil
}

// look answers with the nanoseconds that all took together. Each change has an
// old and a new value.
func (l *lookup) look(r index.Looks) (any, error) {
	hits := 0
	visit := func(int32) { hits++ }
	start := role.Now()
	for range r.N {
		before, after := l.values[l.next], l.values[l.next]
		for _, o := range l.observers[before] {
			visit(o)
		}
		if after != before {
			for _, o := range l.observers[after] {
				visit(o)
			}
		}
		if l.next++; l.next == len(l.values) {
			l.next = 0
		}
	}
	took := role.Now() - start
	if hits != r.N*l.hits {
		return nil, fmt.Errorf("%d changes hit %d, want %d each", r.N, hits, l.hits)
	}
	return took, nil
}

// walk answers with the nanoseconds that it takes to look at each byte of the
// statements once: none can be read without.
func walk(r index.Reads) (any, error) {
	texts := index.Texts(r.N)
	sum := 0
	start := role.Now()
	for _, text := range texts {
		for i := range len(text) {
			sum += int(text[i])
		}
	}
	took := role.Now() - start
	if sum == 0 {
		return nil, fmt.Errorf("no text")
	}
	return took, nil
}
