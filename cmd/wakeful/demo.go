package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/internal/demo"
	"github.com/wakeful-dev/wakeful/source"
	"github.com/wakeful-dev/wakeful/sqlite"
)

const defaultListen = "127.0.0.1:8080"

const demoText = `Serves an issue board whose lists are live: open it in two windows. A writer
keeps it moving. The data lie in a temporary file, or in the one of --db, which
a restart finds again, or in a PostgreSQL database of which --db is the URL: in
a schema of their own, which is dropped at the end with all that was made there.
`

var demoVerb = verb{
	name:  "demo",
	short: "serve an issue board that shows what live lists are",
	run:   runDemo,
}

type demoFlags struct {
	listen string
	db     string
	psql   string
	still  bool
	debug  bool
}

func (f *demoFlags) postgres() bool {
	return strings.HasPrefix(f.db, "postgres://") || strings.HasPrefix(f.db, "postgresql://")
}

func runDemo(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var f demoFlags
	set := flags("demo", demoText, stderr)
	set.StringVar(&f.listen, "listen", defaultListen, "`address` to serve at; where the default is taken, any free port")
	set.StringVar(&f.db, "db", "", "`file` of the SQLite database, made where there is none; without it a temporary one; or the URL of a PostgreSQL one")
	set.StringVar(&f.psql, "psql", "psql", "`command` that is psql, in what is said")
	set.BoolVar(&f.still, "still", false, "without the writer: nothing moves but by hand")
	set.BoolVar(&f.debug, "debug", false, "log everything that happens")
	if err := parse(set, args); err != nil {
		return err
	}
	level := slog.LevelWarn
	if f.debug {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))

	listener, err := listen(f.listen, f.listen == defaultListen, stdout)
	if err != nil {
		return err
	}
	defer listener.Close()
	if f.db == "" {
		dir, err := os.MkdirTemp("", "wakeful-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		f.db = filepath.Join(dir, "board.db")
	}
	return serveDemo(ctx, f, listener, logger, stdout)
}

// serveDemo serves until ctx is done or something fails, and leaves nothing
// running.
func serveDemo(ctx context.Context, f demoFlags, listener net.Listener, logger *slog.Logger, stdout io.Writer) (err error) {
	open := openDemoFile
	if f.postgres() {
		open = openDemoPostgres
	}
	board, source, end, err := open(f, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	live, err := wakeful.New(wakeful.Config{Source: source, Logger: logger})
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           live.Wrap(board.Handler()),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	invite(stdout, listener.Addr(), f)

	jobs := []func(context.Context) error{
		live.Run,
		func(ctx context.Context) error { return answer(ctx, server, listener) },
	}
	if !f.still {
		jobs = append(jobs, board.Run)
	}
	return together(ctx, jobs...)
}

func openDemoFile(f demoFlags, logger *slog.Logger) (_ *demo.Board, _ source.Source, end func() error, err error) {
	db, source, err := sqlite.Config{
		Path: f.db,
		// Its transactions read before they write: each waits for its turn.
		Parameters: url.Values{"_txlock": {"immediate"}},
		Logger:     logger,
	}.Open()
	if err != nil {
		return nil, nil, nil, err
	}
	end = func() error { return errors.Join(db.Close(), source.Close()) }
	board, err := demo.New(db, demo.SQLite, logger)
	if err != nil {
		return nil, nil, nil, errors.Join(err, end())
	}
	return board, source, end, nil
}

// answer serves until ctx is done, and lets requests under way end.
func answer(ctx context.Context, server *http.Server, listener net.Listener) error {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		patience, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if server.Shutdown(patience) != nil {
			_ = server.Close() // who has not ended by now is cut off
		}
	})
	err := server.Serve(listener)
	if !stop() {
		<-ended
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// together runs all jobs until one ends or ctx is done, then ends the others,
// waits for them, and returns their errors.
func together(ctx context.Context, jobs ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(jobs))
	var group sync.WaitGroup
	for i, job := range jobs {
		group.Go(func() {
			defer cancel()
			errs[i] = job(ctx)
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// listen takes any free port where another would do and this one cannot be had;
// an address that somebody asked for is taken or is an error.
func listen(address string, another bool, stdout io.Writer) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err == nil || !another {
		return listener, err
	}
	fmt.Fprintf(stdout, "%v: a free port instead.\n\n", err)
	return net.Listen("tcp", "127.0.0.1:0")
}

// invite says what can be tried.
func invite(w io.Writer, address net.Addr, f demoFlags) {
	board := "http://" + address.String()
	if tcp, ok := address.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		board = fmt.Sprintf("http://localhost:%d", tcp.Port)
	}
	outside := fmt.Sprintf(`sqlite3 %s "UPDATE tickets SET votes = votes + 1"`, f.db)
	if f.postgres() {
		outside = fmt.Sprintf(`%s '%s' -c "UPDATE %s.tickets SET votes = votes + 1"`, f.psql, withoutPassword(f.db), demo.Schema)
	}
	fmt.Fprintf(w, `The board: %[1]s     open it in two windows side by side

Its lists are ordinary endpoints, and live ones with a session's name:
  curl '%[1]s/api/top'
  curl '%[1]s/api/top?observe=me'
  curl -N -H 'Accept: text/event-stream' '%[1]s/api/top'

Write from here, and watch the windows:
  curl -d title='Hello from a terminal' %[1]s/api/tickets
  curl -X PATCH -d running=false %[1]s/api/writer
  %[2]s

Ctrl-C ends it.
`, board, outside)
}
