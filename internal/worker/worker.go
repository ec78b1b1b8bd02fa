// Package worker is the role that holds observers: it reads a source's
// changes, finds the observers that each may touch, evaluates these, and sends
// the diffs to the gateways that follow them.
//
// It advances in rounds. A round pins one snapshot of the database, takes in
// every change up to it, evaluates all dirty observers in that one snapshot,
// and ends with a progress: all lists then equal one committed state. A view
// that is slow or paced does not hold a round up; it is named in the
// progress as behind and joins a later round.
//
// A list with a plan is kept without its view. What a transaction changed of its
// rows is stepped as it comes in, but never past the state to which an open
// round brings the others; where no step can tell, its rows are read in the next
// round, with those of all lists of its shape. A change of what rights rest on
// has the view run.
//
// One goroutine owns all state: changes, requests and finished evaluations
// are put into its inbox. Nothing that can block runs in it.
//
// Pipeline: source → affected → observer → diff → [worker] → bus.
package worker

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wakeful-dev/wakeful/bus"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/affected"
	"github.com/wakeful-dev/wakeful/internal/event"
	"github.com/wakeful-dev/wakeful/internal/inspect"
	"github.com/wakeful-dev/wakeful/internal/memory"
	"github.com/wakeful-dev/wakeful/internal/query"
	"github.com/wakeful-dev/wakeful/source"
)

// Name is the bus name of the one worker of a process.
const Name = "worker"

// Config is what a worker needs. Times and counts that are 0 take the default
// that New fills in; for Warn, Stop and what follows -1 is no limit.
type Config struct {
	Bus    bus.Bus
	Name   string // on the bus; default Name
	Source source.Source
	// App returns the handler to which evaluations are sent, nil while there
	// is none.
	App    func() http.Handler
	Logger *slog.Logger
	Events *event.Recorder
	Memory *memory.Account // nil: nothing is counted

	MinInterval time.Duration // least time between evaluations of an observer; default 0
	Patience    time.Duration // how long a round waits for its evaluations; default 250 ms
	SlowAfter   time.Duration // a view that takes this long is no longer waited for; default 25 ms
	Linger      time.Duration // how long an observer that nobody follows is kept; default 30 s
	Report      time.Duration // longest time between two progress messages; default 1 s
	Warn        time.Duration // evaluation time that is worth a warning; default 1 s
	Stop        time.Duration // evaluation time at which the observer is closed; default 20 s
	MaxItems    int           // most items of a result; default 10,000
	WarnItems   int           // items that are worth a warning; default 1,000
	LogDiffs    int           // diffs kept for resume per observer; default 1,000
	LogBytes    int           // their size together; default 1 MiB
	Audit       time.Duration // a list that is kept by steps is compared so often; default 10 s, -1 never
	Attempts    int           // evaluations that may fail in a row before closing; default 8
}

func (c *Config) withDefaults() Config {
	d := *c
	setDefault(&d.Name, Name)
	setDefault(&d.Patience, 250*time.Millisecond)
	setDefault(&d.SlowAfter, 25*time.Millisecond)
	setDefault(&d.Linger, 30*time.Second)
	setDefault(&d.Report, time.Second)
	setLimit(&d.Warn, time.Second, forever)
	setLimit(&d.Stop, 20*time.Second, forever)
	setLimit(&d.MaxItems, 10_000, unlimited)
	setLimit(&d.WarnItems, 1_000, unlimited)
	setLimit(&d.LogDiffs, 1_000, unlimited)
	setLimit(&d.LogBytes, 1<<20, unlimited)
	setLimit(&d.Audit, 10*time.Second, forever)
	setLimit(&d.Attempts, 8, unlimited)
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Events == nil {
		d.Events = event.NewRecorder(nil, nil)
	}
	return d
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

const (
	unlimited = math.MaxInt
	forever   = time.Duration(1 << 60)
)

// setLimit sets a limit: 0 is the default, what is below is none.
func setLimit[T int | time.Duration](field *T, value, none T) {
	switch {
	case *field == 0:
		*field = value
	case *field < 0:
		*field = none
	}
}

// maxRunning bounds the evaluations that a round has in flight at once: they
// share one snapshot, so more would only wait for each other.
var maxRunning = 4 * runtime.GOMAXPROCS(0)

// maxApart bounds the evaluations outside of rounds: first ones and slow ones.
const maxApart = 64

// Worker holds observers. Make it with New and let Run do the work.
type Worker struct {
	cfg      Config
	link     *bus.Link
	inbox    inbox
	asked    atomic.Bool     // relieve is in the inbox
	relieved time.Time       // when memory was looked at last; the loop's
	ctx      context.Context // of Run, for evaluations
	runs     sync.WaitGroup  // evaluations and the stream

	// The rest belongs to the loop.
	index     *affected.Index[interest]
	queries   query.Cache
	observers map[string]*live
	gateways  map[string]map[string]*live // by gateway: the observers it follows
	dirty     []*live                     // observers to evaluate, oldest first
	running   map[*live]struct{}          // observers that are being evaluated
	polled    map[*live]struct{}          // observers that are evaluated at an interval
	idle      map[*live]struct{}          // observers that nobody follows
	asking    map[*live]struct{}          // observers with requests that wait
	waiting   []*live                     // first evaluations that wait for a place
	apart     int                         // evaluations running outside of rounds
	reading   int                         // batches being read
	steppable int                         // observers whose lists steps keep
	auditAt   time.Time                   // when the auditor looks next
	round     *round
	out       outbox
	steps     steps
	recent    history
	focus     focus
	offers    source.Offerer  // nil where the source has none
	made      *change.Written // by evaluations
	kept      kept
	proofs    map[string]proof    // of the plans of views, by name
	accused   map[string]struct{} // what was said of views and call sites, to be said once
	marks     *inspect.Marks
	lookedAt  time.Time           // when somebody inspected last, zero where nobody does
	timelines map[*live]struct{}  // of which steps are remembered
	serial    uint64              // counts changesets
	lost      time.Time           // since when the stream is not read, zero where it is
	noted     int64               // when the newest changeset was taken in, Unix nanoseconds
	processed change.Position     // every change up to it is taken in
	reported  change.Position     // position of the last progress
	lagging   map[*live]time.Time // who was not at it, and since when
	shown     change.Position     // a stream that has come to it has yielded all that lists show
	spoke     time.Time           // when the last progress was sent
	streaming bool                // the source's stream is read
	pins      pins

	started atomic.Bool
	done    chan struct{} // closed when Run has ended
}

// New makes a worker; it starts nothing.
func New(cfg Config) (*Worker, error) {
	w := &Worker{
		cfg:       cfg.withDefaults(),
		inbox:     newInbox(),
		index:     affected.New[interest](),
		out:       outbox{rounds: map[string]*bus.Round{}},
		steps:     steps{queued: map[*live]struct{}{}},
		observers: map[string]*live{},
		gateways:  map[string]map[string]*live{},
		running:   map[*live]struct{}{},
		polled:    map[*live]struct{}{},
		idle:      map[*live]struct{}{},
		asking:    map[*live]struct{}{},
		done:      make(chan struct{}),
		focus:     newFocus(cfg.Source),
		offers:    offererOf(cfg.Source),
		made:      change.NewWritten(maxMade),
		accused:   map[string]struct{}{},
		proofs:    map[string]proof{},
		marks:     inspect.NewMarks(),
	}
	link, err := bus.NewLink(bus.LinkConfig{
		Bus:    cfg.Bus,
		Name:   w.cfg.Name,
		Logger: w.cfg.Logger,
		Handle: func(from, _ string, body bus.Body) { w.inbox.put(func() { w.receive(from, body) }) },
		Lost:   func(peer string) { w.inbox.put(func() { w.forget(peer) }) },
		Gone:   func(peer string) { w.inbox.put(func() { w.forget(peer) }) },
	})
	if err != nil {
		return nil, err
	}
	w.link = link
	w.countMemory()
	return w, nil
}

// Run works until ctx ends and returns nil then. It waits for the evaluations
// that are in flight; their requests' contexts end with ctx.
func (w *Worker) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer close(w.done)
	w.ctx = ctx
	w.started.Store(true)
	linked := make(chan error, 1)
	go func() {
		linked <- w.link.Run(ctx)
		cancel() // without the bus nobody could be answered
	}()
	w.focus.tell()
	w.auditAt = time.Now().Add(w.cfg.Audit)
	w.runs.Go(func() { w.stream(ctx) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-w.inbox.wake:
		case <-timer.C:
		}
		for _, task := range w.inbox.take() {
			task()
		}
		if ctx.Err() != nil {
			break // evaluations ended with it, and were not taken in: nothing can be told any more
		}
		timer.Reset(w.step(time.Now()))
	}
	w.runs.Wait()
	w.release()
	return <-linked
}

// release gives the snapshots of evaluations back that ended after the loop.
func (w *Worker) release() {
	for _, task := range w.inbox.take() {
		task()
	}
	if w.round != nil {
		w.round.snapshot.release()
		w.round = nil
	}
	w.runs.Wait()
}

// inbox is where other goroutines leave work for the loop.
type inbox struct {
	wake    chan struct{}
	drained chan struct{} // has one element when less of what is weighed may wait
	weight  atomic.Int64  // of what was weighed and waits

	mu    sync.Mutex
	tasks []func()
	spare []func()
}

// maxInbox bounds the bytes of changes that wait for the loop. The rest waits
// in the source's log, which is bounded itself.
const maxInbox = 64 << 20

func newInbox() inbox {
	return inbox{wake: make(chan struct{}, 1), drained: make(chan struct{}, 1)}
}

// putWeighed leaves a task that holds that many bytes, when there is room for
// it. Only one goroutine may use it.
func (i *inbox) putWeighed(ctx context.Context, bytes int, task func()) {
	for i.weight.Load() > maxInbox {
		select {
		case <-i.drained:
		case <-ctx.Done():
			return
		}
	}
	i.weight.Add(int64(bytes))
	i.put(func() {
		task()
		if i.weight.Add(-int64(bytes)) <= maxInbox {
			select {
			case i.drained <- struct{}{}:
			default:
			}
		}
	})
}

// bytes is what waits of what was weighed.
func (i *inbox) bytes() int { return int(i.weight.Load()) }

func (i *inbox) put(task func()) {
	i.mu.Lock()
	i.tasks = append(i.tasks, task)
	i.mu.Unlock()
	select {
	case i.wake <- struct{}{}:
	default:
	}
}

// take returns the tasks that were left. The slice is good until the next take.
func (i *inbox) take() []func() {
	i.mu.Lock()
	defer i.mu.Unlock()
	tasks := i.tasks
	clear(i.spare)
	i.tasks, i.spare = i.spare[:0], tasks
	return tasks
}
