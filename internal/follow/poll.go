package follow

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wakeful-dev/wakeful/change"
)

// Poller is a client that polls: it holds each list with the tag that it came
// with, and asks again with that. Its methods may be called from several
// goroutines, but one list is polled by one at a time.
type Poller struct {
	session
	mu     sync.Mutex // guards what follows, and is held while Watch hears
	lists  map[string]*polled
	faults []error
}

// polled is one list and its tag.
type polled struct {
	*List
	tag string
}

// NewPoller makes a client. The session of its Config is nobody's business.
func NewPoller(c Config) *Poller {
	return &Poller{session: newSession(c), lists: map[string]*polled{}}
}

// Poll asks for a path's list: where nothing has changed since the last time it
// waits for that long. After, if given, is a position that the answer must not
// be older than. It reports whether the list is another than before.
func (p *Poller) Poll(ctx context.Context, path string, wait time.Duration, after change.Position) (changed bool, err error) {
	p.mu.Lock()
	held := p.lists[path]
	tag := ""
	if held != nil {
		tag = held.tag
	}
	p.mu.Unlock()
	response, body, err := p.ask(ctx, path, tag, wait, after)
	if err != nil {
		return false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.check(path, response, wait)
	switch response.StatusCode {
	case http.StatusOK:
		return true, p.take(path, held, response, body, after)
	case http.StatusNotModified:
		p.same(path, held, tag, response, body, after)
		return false, nil
	}
	return false, &StatusError{Status: response.StatusCode, Body: string(body)}
}

func (p *Poller) ask(ctx context.Context, path, tag string, wait time.Duration, after change.Position) (*http.Response, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Server+path, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("follow: %w", err)
	}
	for name, values := range p.Header {
		r.Header[name] = values
	}
	r.Header.Set("Prefer", "wait="+strconv.Itoa(int(wait.Seconds())))
	if tag != "" {
		r.Header.Set("If-None-Match", tag)
	}
	if after != "" {
		r.Header.Set("Wakeful-Position", string(after))
	}
	response, err := p.http.Do(r)
	if err != nil {
		return nil, nil, fmt.Errorf("follow: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("follow: %w", err)
	}
	return response, body, nil
}

// check looks at what every answer of a poll has.
func (p *Poller) check(path string, response *http.Response, wait time.Duration) {
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNotModified {
		return
	}
	header := response.Header
	if caching := header.Get("Cache-Control"); caching != "private, no-cache" && caching != "public, max-age=1" {
		p.fault(fmt.Errorf("follow: poll of %s: Cache-Control %q", path, caching))
	}
	if header.Get("Vary") == "" || header.Get("ETag") == "" {
		p.fault(fmt.Errorf("follow: poll of %s: Vary %q, ETag %q", path, header.Get("Vary"), header.Get("ETag")))
	}
	applied, ok := strings.CutPrefix(header.Get("Preference-Applied"), "wait=")
	if seconds, err := strconv.Atoi(applied); !ok || err != nil || seconds > int(wait.Seconds()) {
		p.fault(fmt.Errorf("follow: poll of %s for %v: Preference-Applied %q", path, wait, header.Get("Preference-Applied")))
	}
}

// take takes a list.
func (p *Poller) take(path string, held *polled, response *http.Response, body []byte, after change.Position) error {
	var answer state
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("follow: poll of %s: %w: %.200s", path, err, body)
	}
	if answer.Observer != "" || answer.Items == nil || answer.Seq == nil {
		return fmt.Errorf("follow: poll of %s is not answered with a list: %.200s", path, body)
	}
	tag := response.Header.Get("ETag")
	if want := fmt.Sprintf(`"w-%s-%d"`, answer.Epoch, *answer.Seq); tag != want {
		p.fault(fmt.Errorf("follow: poll of %s: ETag %s, want %s", path, tag, want))
	}
	if held == nil {
		held = &polled{List: &List{URL: path, ByHTTP: true}}
		p.lists[path] = held
	}
	for _, least := range []change.Position{after, held.Position} {
		if least.SameHistory(answer.Position) && answer.Position < least {
			p.fault(fmt.Errorf("follow: poll of %s is at %s, which is before %s", path, answer.Position, least))
		}
	}
	if tag == held.tag || answer.Epoch == held.Epoch && *answer.Seq < held.Seq {
		p.fault(fmt.Errorf("follow: poll of %s: got %s, which is not after %s", path, tag, held.tag))
	}
	if err := held.replace(&answer); err != nil {
		p.fault(err)
		return nil
	}
	held.tag, held.ByHTTP = tag, true
	if p.Watch.State != nil {
		p.Watch.State(held.List)
	}
	return nil
}

// same takes the word that a list is as it was: not older than the position
// that was asked for.
func (p *Poller) same(path string, held *polled, tag string, response *http.Response, body []byte, after change.Position) {
	if tag == "" || response.Header.Get("ETag") != tag || len(body) > 0 {
		p.fault(fmt.Errorf("follow: poll of %s with %s: 304 with ETag %s and %d bytes", path, tag, response.Header.Get("ETag"), len(body)))
		return
	}
	if p.Watch.Progress != nil && after != "" {
		p.Watch.Progress(Progress{Position: after}, []*List{held.List})
	}
}

// Lists returns what the client holds, in no order. Nobody may poll meanwhile.
func (p *Poller) Lists() []*List {
	p.mu.Lock()
	defer p.mu.Unlock()
	var lists []*List
	for _, held := range p.lists {
		lists = append(lists, held.List)
	}
	return lists
}

// Forget drops a list.
func (p *Poller) Forget(path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if held := p.lists[path]; held != nil {
		delete(p.lists, path)
		if p.Watch.Forget != nil {
			p.Watch.Forget(held.List)
		}
	}
}

// Faults returns each thing that the server did against the protocol.
func (p *Poller) Faults() []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.faults)
}

func (p *Poller) fault(err error) {
	p.faults = append(p.faults, err)
	if p.Watch.Fault != nil {
		p.Watch.Fault(err)
	}
}
