package serve

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/console"
	"github.com/wakeful-dev/wakeful/internal/metrics"
	"github.com/wakeful-dev/wakeful/internal/worker"
	"github.com/wakeful-dev/wakeful/postgres"
	"github.com/wakeful-dev/wakeful/wire"
)

// Paths of the operator's listener.
const (
	StatusPath = "/operator/status"
	ClearPath  = "/operator/clear"
	// ConsolePath is where the console lies, which lets people in by itself.
	ConsolePath = "/console"
)

// Report is what the operator is told of a server.
type Report struct {
	Version  string         `json:"version"`
	Since    time.Time      `json:"since"`
	Database string         `json:"database"` // its file's name, without the folder
	Ready    bool           `json:"ready"`
	Reasons  []string       `json:"reasons,omitempty"` // why it is not
	Tables   []string       `json:"tables"`            // that are served
	Unserved []string       `json:"unserved,omitempty"`
	Server   wakeful.Status `json:"server"`
	// Log is how far the log of a PostgreSQL server is read, nil where the
	// database has none or does not say.
	Log *postgres.LogStatus `json:"log,omitempty"`
}

// logged is a database that has a log.
type logged interface {
	LogStatus(context.Context) (postgres.LogStatus, error)
}

// logPatience bounds how long it is asked for the log.
const logPatience = 2 * time.Second

// log says how far the database's log is read.
func (s *Server) log(ctx context.Context) *postgres.LogStatus {
	of, ok := s.source.(logged)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, logPatience)
	defer cancel()
	now, err := of.LogStatus(ctx)
	if err != nil {
		s.logger.Debug("the database does not say how far its log is read", "err", err)
		return nil
	}
	return &now
}

// measureLog has scrapes ask for the database's log.
func (s *Server) measureLog() {
	if _, ok := s.source.(logged); !ok {
		return
	}
	s.counts.WatchLog(func() (metrics.Log, bool) {
		now := s.log(context.Background())
		if now == nil {
			return metrics.Log{}, false
		}
		return metrics.Log{Kept: now.Kept, Most: now.Most, Unread: now.Unread, Waiting: now.Waiting.Seconds()}, true
	})
}

// ObserverStatus is one observer in a Report.
type ObserverStatus = worker.ObserverStatus

// Operator answers on a listener of its own: /metrics, status, clear, and the
// console. It is no
// part of what clients reach.
func (s *Server) Operator() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.counts.Handler())
	mux.HandleFunc("GET "+StatusPath, func(w http.ResponseWriter, r *http.Request) {
		answerJSON(w, r, http.StatusOK, s.report(r))
	})
	mux.HandleFunc("POST "+ClearPath, func(w http.ResponseWriter, r *http.Request) {
		ended := len(s.live.Status().Worker.Observers)
		s.live.Clear()
		s.logger.Info("the operator has ended all observers", "observers", ended)
		answerJSON(w, r, http.StatusOK, map[string]int{"ended": ended})
	})
	mux.HandleFunc("/healthz", s.serveHealth)
	mux.HandleFunc("/readyz", s.serveReady)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		wire.NewProblem(http.StatusNotFound, wire.CodeNotFound,
			"this is the operator's listener: there are GET /metrics, GET "+StatusPath+", POST "+ClearPath+", GET /healthz, GET /readyz, and the console at "+ConsolePath+"/").Write(w)
	})
	outer := http.NewServeMux()
	outer.Handle("/", s.guarded(mux))
	outer.Handle(ConsolePath, s.console)
	outer.Handle(ConsolePath+"/", s.console)
	return outer
}

// openConsole makes the console of the operator's listener.
func (s *Server) openConsole() (err error) {
	s.console, err = console.New(console.Config{
		Server: s.live, Prefix: ConsolePath, Token: s.settings.OperatorToken, Logger: s.logger,
		Name: s.settings.databaseName(), Version: s.version, Since: s.begun,
		Log: func(ctx context.Context) (console.Log, bool) {
			now := s.log(ctx)
			if now == nil {
				return console.Log{}, false
			}
			return console.Log{Kept: now.Kept, Limit: now.Most, Unread: now.Unread, Waiting: now.Waiting}, true
		},
	})
	return err
}

func (s *Server) report(r *http.Request) *Report {
	report := &Report{
		Version: s.version, Since: s.begun.UTC(), Database: s.settings.databaseName(), Tables: []string{},
		Reasons: s.unready(r.Context()), Server: s.live.Status(), Log: s.log(r.Context()),
	}
	report.Ready = len(report.Reasons) == 0
	now := s.site.Load()
	for i := range now.mounted {
		report.Tables = append(report.Tables, now.mounted[i].Name)
	}
	for name := range now.unfit {
		report.Unserved = append(report.Unserved, name)
	}
	return report
}

// guarded lets operators in: who shows the token where there is one. Pages of
// the web are kept out: their requests name their origin, or lead here by a
// name that is not this machine's.
func (s *Server) guarded(next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(s.settings.OperatorToken))
	names := &edge{hosts: []string{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimSpace(token)))
		authorized := strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(want[:], got[:]) == 1
		fromPage := r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") == "cross-site" || r.Header.Get("Sec-Fetch-Site") == "same-site"
		switch {
		case s.settings.OperatorToken != "" && !authorized:
			w.Header().Set("WWW-Authenticate", `Bearer realm="operator"`)
			wire.NewProblem(http.StatusUnauthorized, wire.CodeUnauthenticated, "operators show their token: Authorization: Bearer …").Write(w)
		case s.settings.OperatorToken == "" && (fromPage || !names.knows(r.Host) || !ofMachine(r.RemoteAddr)):
			wire.NewProblem(http.StatusForbidden, wire.CodeForbidden, "without a token the operator's listener answers programs of this machine only").Write(w)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func ofMachine(remote string) bool {
	address, ok := addressOf(remote)
	return ok && (address.IsLoopback() || address == netip.Addr{})
}
