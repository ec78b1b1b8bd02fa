package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakeful-dev/wakeful/diff"
)

// world is a database with clubs, their rows and their members. Each commit has
// a number; a row says which club it is of and which commit made it, and its id
// is the number of the commit that it began with.
type world struct {
	h     *house
	k     *clubs
	clubs []string

	mu    sync.Mutex
	n     int // commits
	rows  map[string][]diff.Item
	club  map[int]string    // of the row with that id
	spans map[string][]span // by user
	final map[string]string // the row by club that ends the test
}

// span is a time in which a user was in a club.
type span struct {
	club     string
	from, to int // commits; to is the one that ended it
}

const still = 1 << 60

// write commits some change of a club's rows.
func (w *world) write(r *rand.Rand) {
	w.mu.Lock()
	defer w.mu.Unlock()
	club := w.clubs[r.IntN(len(w.clubs))]
	w.put(club, r.IntN(3), r)
}

// put adds a row, alters one or drops one, and tells the worker.
func (w *world) put(club string, what int, r *rand.Rand) {
	w.n++
	var rows []diff.Item
	rows = append(rows, w.rows[club]...)
	at := 0
	if len(rows) > 0 {
		at = r.IntN(len(rows))
	}
	switch {
	case what == 0 && len(rows) < 8 || len(rows) == 0:
		w.club[w.n] = club
		rows = append(rows, w.row(strconv.Itoa(w.n), club))
	case what == 1:
		rows = append(rows[:at:at], rows[at+1:]...)
	default:
		rows[at] = w.row(rows[at].Key, club)
	}
	w.rows[club] = rows
	w.h.worker.set(map[string][]diff.Item{"/a " + club: rows})
}

func (w *world) row(id, club string) diff.Item {
	return diff.Item{Key: id, Data: fmt.Appendf(nil, `{"id":%s,"v":"%s@%d"}`, id, club, w.n)}
}

// move commits that a user is in another club.
func (w *world) move(r *rand.Rand, user string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
	spans := w.spans[user]
	if len(spans) > 0 {
		spans[len(spans)-1].to = w.n
	}
	club := w.clubs[r.IntN(len(w.clubs))]
	w.spans[user] = append(spans, span{club, w.n, still})
	w.k.move(user, club)
	if r.IntN(2) == 0 {
		w.h.worker.doubt()
	} else {
		w.h.worker.doubtLater()
	}
}

// end commits the last rows, which every follower is to see.
func (w *world) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.h.worker.doubt()
	w.final = map[string]string{}
	for _, club := range w.clubs {
		w.put(club, 0, rand.New(rand.NewPCG(1, 1)))
		w.final[club] = fmt.Sprintf("%s@%d", club, w.n)
	}
}

// spy is one user, who follows the list of his club in one way and notes all
// that he is sent.
type spy struct {
	*world
	t          *testing.T
	user, kind string
	random     *rand.Rand
	client     *http.Client
	session    string
	sessions   int
	leaks      []string
	rows       int // seen
	done       bool
}

var (
	rowText     = regexp.MustCompile(`(\w+)@(\d+)`)
	removedText = regexp.MustCompile(`"op":"removed","key":"(\d+)"|"msg":"removed".*"item":\{"id":(\d+)\}`)
)

// note judges what has come: rows that the user was in the club of at some time
// since they were written, and keys of such.
func (s *spy) note(raw string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range rowText.FindAllStringSubmatch(raw, -1) {
		at, _ := strconv.Atoi(m[2])
		s.judge(raw, m[1], at)
		s.done = s.done || s.final != nil && m[0] == s.final[s.spans[s.user][len(s.spans[s.user])-1].club]
	}
	for _, m := range removedText.FindAllStringSubmatch(raw, -1) {
		id, _ := strconv.Atoi(m[1] + m[2])
		s.judge(raw, s.club[id], id)
	}
}

func (s *spy) judge(raw, club string, at int) {
	s.rows++
	for _, span := range s.spans[s.user] {
		if span.club == club && span.to > at {
			return
		}
	}
	s.leaks = append(s.leaks, fmt.Sprintf("%s over %s, in %v, was sent %s@%d in %.300s", s.user, s.kind, s.spans[s.user], club, at, raw))
}

func (s *spy) finished() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

func (s *spy) header() string { return "Authorization: Bearer " + s.user }

// get does a GET and notes its body.
func (s *spy) get(ctx context.Context, target string, lines ...string) (*http.Response, []byte) {
	r, err := http.NewRequestWithContext(ctx, "GET", s.h.server.URL+target, nil)
	if err != nil {
		s.t.Error(err)
		return nil, nil
	}
	for _, line := range append(lines, s.header()) {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return nil, nil // cut, or the end
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") == "text/event-stream" {
		s.events(resp.Body)
		return resp, nil
	}
	body, _ := io.ReadAll(resp.Body) // what there is of it
	s.note(string(body))
	return resp, body
}

// events reads a stream to its end, or cuts it.
func (s *spy) events(in io.Reader) {
	lines := bufio.NewReader(in)
	for left := s.random.IntN(60); left != 0 && !s.finished(); left-- {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		s.note(line)
		if strings.Contains(line, `"type":"closed"`) {
			return
		}
	}
}

func (s *spy) run(ctx context.Context) {
	tag := ""
	for !s.finished() && ctx.Err() == nil {
		switch s.kind {
		case "version 1":
			s.socket(ctx, version1)
		case "version 2":
			s.socket(ctx, version2)
		case "events":
			s.get(ctx, "/a", "Accept: text/event-stream")
		case "events of a session":
			s.begin()
			s.get(ctx, "/a?observe="+s.session)
			s.get(ctx, "/ws/"+s.session, "Accept: text/event-stream")
		case "polls":
			lines := []string{"Prefer: wait=1"}
			if tag != "" {
				lines = append(lines, "If-None-Match: "+tag)
			}
			if resp, _ := s.get(ctx, "/a", lines...); resp != nil {
				tag = resp.Header.Get("ETag")
			}
		}
	}
}

// begin has the user keep his session, or take another.
func (s *spy) begin() {
	if s.session == "" || s.random.IntN(3) == 0 {
		s.sessions++
		s.session = fmt.Sprintf("%s-%d", s.user, s.sessions)
	}
}

// socket follows over a socket until it is cut.
func (s *spy) socket(ctx context.Context, v version) {
	s.begin()
	c, err := s.h.tryDial(s.session, v, s.header())
	if err != nil {
		s.session = "" // the session was ended: a takeover
		return
	}
	defer c.conn.Close()
	var got envelope
	observe := func() {
		_, body := s.get(ctx, "/a?observe="+s.session)
		_ = json.Unmarshal(body, &got) // else nothing is held
	}
	observe()
	if v == version2 {
		c.say(`{"type":"resume","id":1,"observers":{%q:{"epoch":%q,"seq":%d,"url":"/a"}}}`, got.Observer, got.Epoch, got.Seq)
	}
	for left := 1 + s.random.IntN(60); left > 0 && !s.finished() && ctx.Err() == nil; left-- {
		raw, err := c.readFrame(100 * time.Millisecond)
		if err != nil {
			return
		}
		s.note(string(raw))
		if strings.Contains(string(raw), `"closed"`) {
			observe()
		}
	}
}

// TestScopeLaw: users move between clubs while their rows change and they follow
// them in every way, with cuts and returns. Nobody is ever sent a row, or the
// key of one, that he was in the club of at no time since it was written; and in
// the end everybody has the list of his club.
func TestScopeLaw(t *testing.T) {
	h, k := newClubHouse(t, Config{Recheck: 50 * time.Millisecond})
	h.gw.trust = time.Millisecond
	w := &world{
		h: h, k: k, clubs: []string{"red", "blue", "green"}, rows: map[string][]diff.Item{},
		club: map[int]string{}, spans: map[string][]span{},
	}
	h.worker.mu.Lock()
	clear(h.worker.lists)
	h.worker.mu.Unlock()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var spies []*spy
	for i := range 15 {
		kind := []string{"version 1", "version 2", "events", "events of a session", "polls"}[i%5]
		s := &spy{world: w, t: t, user: fmt.Sprint("user", i), kind: kind, random: rand.New(rand.NewPCG(seed, uint64(i))), client: &http.Client{Transport: &http.Transport{}}}
		w.move(s.random, s.user)
		spies = append(spies, s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var all sync.WaitGroup
	for _, s := range spies {
		all.Go(func() {
			s.run(ctx)
			s.client.CloseIdleConnections()
		})
	}
	r := rand.New(rand.NewPCG(seed, 1000))
	for i := range 600 {
		w.write(r)
		if i%5 == 0 {
			w.move(r, spies[r.IntN(len(spies))].user)
		}
		if i%200 == 100 {
			h.gw.linkLost("worker")
		}
		<-time.After(time.Duration(r.IntN(1000)) * time.Microsecond)
	}
	w.end()
	over := time.AfterFunc(12*waitMost, cancel)
	defer over.Stop()
	all.Wait()
	for _, s := range spies {
		for _, leak := range s.leaks[:min(len(s.leaks), 3)] {
			t.Error(leak)
		}
		if !s.done {
			t.Errorf("%s over %s never saw the last row of his club", s.user, s.kind)
		}
		if s.rows < 5 {
			t.Errorf("%s over %s saw %d rows: that proves nothing", s.user, s.kind, s.rows)
		}
	}
}
