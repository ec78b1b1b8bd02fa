package follow

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// frame is any frame of a version 2 server.
type frame struct {
	Type string          `json:"type"`
	ID   json.RawMessage `json:"id"`
	state
	Replaces string   `json:"replaces"`
	Ops      []op     `json:"ops"`
	Whole    bool     `json:"whole"`
	Behind   []string `json:"behind"`
	Code     string   `json:"code"`
	Detail   string   `json:"detail"`
	// Observers are in the hello of an event stream.
	Observers []string `json:"observers"`
}

// EndError is why a server closed an observer, or refused a frame.
type EndError struct{ Code, Detail string }

func (e *EndError) Error() string { return "follow: " + e.Code + ": " + e.Detail }

// take handles one frame.
func (c *Client) take(text []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.turn()
	defer c.forgetAnswered()
	var f frame
	if err := json.Unmarshal(text, &f); err != nil {
		c.fault(fmt.Errorf("follow: frame: %w: %.200s", err, text))
		return
	}
	if (f.Type == "hello") == c.greeted {
		c.fault(fmt.Errorf("follow: %s while hello is %t", f.Type, c.greeted))
	}
	switch f.Type {
	case "hello":
		c.greeted = true
		c.named(&f)
	case "subscribed":
		c.subscribed(&f)
	case "changes", "snapshot":
		c.stream(&f)
	case "progress":
		c.progress(&f)
	case "stale":
		c.stale = true
	case "closed":
		c.closed(&f)
	case "error":
		c.refused(&f)
	}
}

func (f *frame) call() string { return keyText(string(f.ID)) }

// subscribed says that frames of an observer may come now.
func (c *Client) subscribed(f *frame) {
	made := c.calls[f.call()]
	if n, err := strconv.Atoi(f.call()); made == nil && (err != nil || n > c.lastID) {
		c.fault(fmt.Errorf("follow: subscribed answers %s, which was not asked", f.ID))
		return
	} else if made == nil {
		made = &call{} // a list was closed meanwhile, and that was the answer
	}
	list := c.lists[f.Observer]
	if made.url != "" {
		c.unanswered--
		made.begun = true
		if list == nil {
			list = c.renewed(made.url, f.Observer)
		}
		if list == nil {
			list = &List{URL: made.url, Observer: f.Observer, PrimaryKey: f.PrimaryKey}
			c.lists[f.Observer] = list
			delete(c.gone, f.Observer)
		}
		if list.answered {
			made.done = true
			return
		}
		// The snapshot makes it done; what came before this is older.
		delete(c.held, f.Observer)
		list.sent = false
		return
	}
	made.resumed(f.Observer)
	made.resumed(f.Replaces)
	if old := c.lists[f.Replaces]; old != nil {
		delete(c.lists, f.Replaces)
		old.Observer = f.Observer
		c.lists[f.Observer], list = old, old
	}
	if list == nil {
		c.fault(fmt.Errorf("follow: subscribed to %s, which is not held", f.Observer))
		return
	}
	// What was on its way before the server took the resume comes again.
	list.answered, list.sent, list.Ended = true, false, false
	delete(c.held, f.Observer)
}

// resumed notes the answer for one list of a resume.
func (c *call) resumed(observer string) {
	delete(c.resumes, observer)
	c.done = c.done || c.url == "" && len(c.resumes) == 0
}

// stream takes a snapshot or changes, or holds them.
func (c *Client) stream(f *frame) {
	if f.Seq == nil {
		c.fault(fmt.Errorf("follow: %s of %s without seq", f.Type, f.Observer))
		return
	}
	if c.events != nil && c.aside(f) {
		return
	}
	list := c.lists[f.Observer]
	switch {
	case list == nil && (c.unanswered > 0 || c.Joined):
		c.held[f.Observer] = append(c.held[f.Observer], *f)
	case c.gone[f.Observer] && list == nil:
		c.late.add(fmt.Errorf("follow: %s of %s after its unsubscribe was answered", f.Type, f.Observer))
	case list == nil:
		c.fault(fmt.Errorf("follow: %s of %s, which is not followed", f.Type, f.Observer))
	case f.Type == "snapshot":
		c.snapshot(list, f)
	case !list.answered:
		c.held[f.Observer] = append(c.held[f.Observer], *f)
	default:
		c.changes(list, f)
	}
}

// release takes what was held for lists that are answered now, and once
// nothing is unanswered forgets the rest: it was for GETs that failed.
func (c *Client) release() {
	for observer, frames := range c.held {
		list := c.lists[observer]
		if list == nil || !list.answered {
			if c.unanswered == 0 && (list == nil || list.Ended) {
				delete(c.held, observer)
			}
			continue
		}
		delete(c.held, observer)
		for i := range frames {
			if frames[i].Type == "closed" {
				c.end(&frames[i])
			} else {
				c.stream(&frames[i])
			}
		}
	}
}

func (c *Client) snapshot(list *List, f *frame) {
	list.sent, list.sentSeq, list.sentIn = true, *f.Seq, f.Epoch
	if list.Epoch == f.Epoch && *f.Seq < list.Seq {
		return
	}
	if list.Epoch == f.Epoch && *f.Seq == list.Seq && list.Position.Reaches(f.Position) {
		f.Position = list.Position // the same list, which a GET has shown to be right for longer
	}
	if list.Position != "" && list.Position.SameHistory(f.Position) && f.Position < list.Position {
		c.fault(fmt.Errorf("follow: snapshot of %s goes back from %s to %s", list.URL, list.Position, f.Position))
	}
	if err := list.replace(&f.state); err != nil {
		c.fault(err)
		return
	}
	list.answered, list.ByHTTP = true, false
	for _, made := range c.calls {
		made.done = made.done || made.begun && made.url == list.URL
	}
	c.notify(list)
	c.release()
}

// changes applies the client's rule to one diff.
func (c *Client) changes(list *List, f *frame) {
	seq := *f.Seq
	if c.events == nil && list.sent && (list.sentIn != f.Epoch || list.sentSeq+1 != seq) {
		c.fault(fmt.Errorf("follow: changes of %s: socket sent %s:%d after %s:%d",
			list.URL, f.Epoch, seq, list.sentIn, list.sentSeq))
	}
	list.sent, list.sentSeq, list.sentIn = true, seq, f.Epoch
	if list.Epoch == f.Epoch && seq <= list.Seq {
		return
	}
	if list.Epoch != f.Epoch || seq != list.Seq+1 {
		if list.ByHTTP && list.Epoch != f.Epoch && list.sent {
			c.ask(list) // sent before the GET was answered, which had to begin anew: the session was away too long
			return
		}
		c.fault(fmt.Errorf("follow: changes of %s: got %s:%d on %s:%d", list.URL, f.Epoch, seq, list.Epoch, list.Seq))
		c.ask(list)
		return
	}
	if list.Position.SameHistory(f.Position) && f.Position < list.Position {
		c.fault(fmt.Errorf("follow: changes of %s go back from %s to %s", list.URL, list.Position, f.Position))
	}
	if err := list.apply(f.Ops); err != nil {
		c.fault(fmt.Errorf("follow: changes %d of %s: %w", seq, list.URL, err))
	}
	list.Seq, list.Position, list.ByHTTP = seq, f.Position, false
	c.notify(list)
}

// ask resumes for a list that the diffs do not fit. Over events nothing can be
// asked for: it does not go on.
func (c *Client) ask(list *List) {
	if c.events != nil {
		return
	}
	list.answered = false
	if _, err := c.resume(); err != nil {
		c.fault(err)
	}
}

func (c *Client) progress(f *frame) {
	c.late.flush(c.fault)
	if c.position.SameHistory(f.Position) && f.Position < c.position {
		c.fault(fmt.Errorf("follow: progress goes back from %s to %s", c.position, f.Position))
	}
	c.position, c.whole, c.behind, c.stale = f.Position, f.Whole, f.Behind, false
	if c.Watch.Progress == nil {
		return
	}
	var covered []*List
	for id, list := range c.lists {
		newer := list.ByHTTP && !f.Position.Reaches(list.Position)
		if list.answered && !list.leaving && !list.Ended && !newer && !slices.Contains(f.Behind, id) {
			covered = append(covered, list)
		}
	}
	c.Watch.Progress(Progress{f.Position, f.Whole, f.Behind}, covered)
}

// closed ends a list. Where a GET is under way it may be its list that has
// ended, or the one before: the client cannot tell, and takes it for ended.
func (c *Client) closed(f *frame) {
	if c.unanswered > 0 {
		c.held[f.Observer] = append(c.held[f.Observer], *f)
	}
	c.end(f)
}

func (c *Client) end(f *frame) {
	for _, made := range c.calls {
		made.resumed(f.Observer)
	}
	list := c.lists[f.Observer]
	if list == nil {
		return
	}
	list.Ended, list.Why = true, f.Code+": "+f.Detail
	list.answered, list.sent = false, false // a new GET begins anew
	for _, made := range c.calls {
		if made.begun && made.url == list.URL {
			made.done, made.err = true, &EndError{f.Code, f.Detail}
		}
	}
	if passing(f.Code) {
		c.again(list)
	}
}

func (c *Client) refused(f *frame) {
	made := c.calls[f.call()]
	if made == nil {
		c.fault(&EndError{f.Code, f.Detail})
		return
	}
	if made.url != "" && !made.begun && !made.done {
		c.unanswered--
		c.release()
	}
	made.done, made.err = true, &EndError{f.Code, f.Detail}
	if !made.alone || !passing(f.Code) {
		return
	}
	for _, list := range c.lists {
		if list.again && list.Ended && list.URL == made.url {
			c.again(list)
			return
		}
	}
}
