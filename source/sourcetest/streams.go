package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/source"
)

// testResumeAfterPosition streams again from each position that a first stream
// yielded.
func testResumeAfterPosition(t *testing.T, h *Harness) {
	start := h.Source.Position()
	f := follow(t, h.Source, start)
	for id := int64(1); id <= 5; id++ {
		h.insert(t, id, fmt.Sprint("name ", id))
	}
	sets := f.until(t, h, 5)
	f.stop()
	f.end(t)
	for i, after := range sets {
		if i == len(sets)-1 {
			break
		}
		again := follow(t, h.Source, after.Position)
		for _, want := range sets[i+1:] {
			got := again.next(t)
			if got.Position != want.Position || len(got.Changes) != len(want.Changes) {
				t.Fatalf("after %s came %s, want %s", after.Position, got.Position, want.Position)
			}
		}
		again.stop()
		again.end(t)
	}
}

func testStreamFromNow(t *testing.T, h *Harness) {
	h.insert(t, 1, "before")
	f := follow(t, h.Source, "")
	for id := int64(2); ; id++ {
		h.insert(t, id, "after") // until the stream has begun
		select {
		case set := <-f.sets:
			if silent(&set) {
				continue
			}
			rows := map[int64]string{}
			if err := h.replay(rows, &set); err != nil {
				t.Fatal(err)
			}
			if _, there := rows[1]; there && !h.Lags || len(rows) == 0 {
				t.Errorf("a stream from now on begins with %v", rows)
			}
			return
		case err := <-f.err:
			t.Fatalf("the stream ended: %v", err)
		default:
		}
	}
}

func testStreamAgainAfterBreak(t *testing.T, h *Harness) {
	start := h.Source.Position()
	h.insert(t, 1, "a")
	h.insert(t, 2, "b")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for round := range 3 {
		rows := map[int64]string{}
		for set, err := range h.Source.Stream(ctx, start) {
			if err == nil {
				err = h.replay(rows, &set)
			}
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			if rows[2] == "b" {
				break
			}
		}
		if rows[1] != "a" {
			t.Errorf("round %d: the stream told %v", round, rows)
		}
	}
}

func testCancelEndsStream(t *testing.T, h *Harness) {
	f := follow(t, h.Source, h.Source.Position())
	h.insert(t, 1, "a")
	f.next(t) // the stream runs, and waits
	f.stop()
	if err := f.end(t); !errors.Is(err, context.Canceled) {
		t.Errorf("a stream that waits ended with %v, want %v", err, context.Canceled)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for set, err := range h.Source.Stream(ctx, h.Source.Position()) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a stream that is done before it begins yields %v, %v", set, err)
		}
	}
}

func testOtherHistory(t *testing.T, h *Harness) {
	h.insert(t, 1, "a")
	here := h.Source.Position()
	if _, err := change.ParsePosition(here.String()); err != nil {
		t.Fatalf("a position of the source: %v", err)
	}
	other := strings.Map(func(r rune) rune {
		if r == 'x' {
			return 'y'
		}
		return 'x'
	}, here.History())
	for _, after := range []change.Position{
		change.Position(other) + here[change.HistoryLen:],
		change.Position(other + "1"),
	} {
		if err := follow(t, h.Source, after).end(t); !errors.Is(err, source.ErrPositionGone) {
			t.Errorf("a stream after %s ended with %v, want %v", after, err, source.ErrPositionGone)
		}
	}
}

func testTrimmedLog(t *testing.T, h *Harness) {
	if h.Trim == nil {
		t.Skip("SKIPPED: the harness cannot trim the log")
	}
	start := h.Source.Position()
	h.insert(t, 1, "a")
	h.insert(t, 2, "b")
	h.Trim(t)
	if err := follow(t, h.Source, start).end(t); !errors.Is(err, source.ErrPositionGone) {
		t.Errorf("a stream after a position that is gone ended with %v, want %v", err, source.ErrPositionGone)
	}
	f := follow(t, h.Source, h.Source.Position())
	h.insert(t, 3, "c")
	set, rows := f.next(t), map[int64]string{}
	if err := h.replay(rows, &set); err != nil || rows[3] != "c" || len(rows) != 1 {
		t.Errorf("the stream after the newest position goes on with %v, %v", rows, err)
	}
}

func testPositionsOnlyGrow(t *testing.T, h *Harness) {
	f := follow(t, h.Source, h.Source.Position())
	last := h.Source.Position()
	for id := int64(1); id <= 10; id++ {
		h.insert(t, id, "a")
		set := f.next(t)
		now := h.Source.Position()
		if !now.Reaches(set.Position) || !now.Reaches(last) {
			t.Fatalf("Position is %s after %s, and %s was streamed", now, last, set.Position)
		}
		if len(now) != len(set.Position) || !now.SameHistory(set.Position) {
			t.Fatalf("positions %s and %s differ in length or history", now, set.Position)
		}
		last = now
	}
}
