// Package serve is the black box: a database in, a REST API out whose lists
// are live, with rules and without code.
//
// Promises: nothing is open to more than this machine unless somebody can be
// asked who he is, or it was said to be meant. What the rules do not allow is
// forbidden, and a table that they do not fit any more is served to nobody.
// Tables and columns that appear, change or vanish are noticed without a
// restart. Secrets, credentials, queries and values are in no log.
//
// Pipeline: request → edge (who asks, as a proxy says) → access (log, counts)
// → origins → wakeful.Server → auth → site (rules and resources of the schema
// as it is now).
package serve

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/console"
	"github.com/wakeful-dev/wakeful/internal/auth"
	"github.com/wakeful-dev/wakeful/internal/metrics"
	"github.com/wakeful-dev/wakeful/internal/rules"
)

// Server serves one database. Make it with Open, run it with Run, and Close it.
type Server struct {
	settings *Settings
	logger   *slog.Logger
	version  string
	begun    time.Time
	rules    *rules.Rules

	db      *sql.DB
	source  database
	live    *wakeful.Server
	console *console.Console
	auth    *auth.Authenticator
	counts  *metrics.Metrics
	cert    *certificate // nil: plain HTTP

	handler  http.Handler
	draining atomic.Bool
	health   health

	site   atomic.Pointer[site]
	siteMu sync.Mutex // one makes the next site
}

// Open opens the database and puts everything together. It serves nothing yet.
func Open(settings *Settings, logger *slog.Logger, version string) (_ *Server, err error) {
	s := &Server{settings: settings, logger: logger, version: version, begun: time.Now(), counts: metrics.New(version)}
	if s.auth, err = s.authenticator(); err != nil {
		return nil, err
	}
	if s.rules, err = s.effectiveRules(); err != nil {
		return nil, err
	}
	if len(settings.TrustedProxies) > 0 && settings.Rules == nil && !s.auth.Required() && !settings.Insecure {
		logger.Warn("nobody has to sign in and there are no rules: whoever reaches the trusted proxy may read and write everything")
	}
	if settings.TLSCert != "" {
		if s.cert, err = newCertificate(settings.TLSCert, settings.TLSKey, logger); err != nil {
			return nil, err
		}
	}
	if s.db, s.source, err = openDatabase(settings, logger, url.Values{"_txlock": {"immediate"}}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.checkRole(context.Background()); err != nil {
		return nil, err
	}
	if err := s.firstSite(); err != nil {
		return nil, err
	}
	return s, s.assemble()
}

func (s *Server) authenticator() (*auth.Authenticator, error) {
	cfg := auth.Config{
		JWKS: s.settings.JWKS, Issuer: s.settings.JWTIssuer, Audience: s.settings.JWTAudience, Leeway: s.settings.JWTLeeway,
		Header: s.settings.AuthHeader, HeaderClaims: s.settings.AuthClaims, Logger: s.logger,
	}
	if cfg.Leeway == 0 {
		cfg.Leeway = -1 // it was said: none
	}
	switch {
	case s.settings.JWTSecret != "":
		cfg.Secret = []byte(s.settings.JWTSecret)
	case s.settings.JWTSecretFile != "":
		text, err := os.ReadFile(s.settings.JWTSecretFile)
		if err != nil {
			return nil, fmt.Errorf("--jwt-secret-file: %w", err)
		}
		cfg.Secret = append([]byte{}, bytes.TrimRight(text, "\r\n")...)
	}
	return auth.New(cfg)
}

// effectiveRules are those of the file. Where there are none everything is
// open, but not where somebody can sign in: who does that has rules, or a role
// that has rights of its own in the database.
func (s *Server) effectiveRules() (*rules.Rules, error) {
	switch {
	case s.settings.Rules != nil:
		return s.settings.Rules, nil
	case !s.auth.Required() || s.settings.Role != nil:
		return rules.Open(), nil
	}
	return nil, errors.New(`people can sign in, but no rule says what they may do: write them into the file of --config, as

default:
  read: signed_in
tables:
  posts:
    create: signed_in`)
}

// assemble builds the way of a request.
func (s *Server) assemble() error {
	origins, err := newOrigins(s.settings.Origins)
	if err != nil {
		return err
	}
	base := s.settings.BasePath
	s.live, err = wakeful.New(wakeful.Config{
		Source: s.source, Identity: s.auth.Identity, Origins: s.settings.Origins, Recheck: s.settings.Recheck, Expires: s.expires,
		Prefix: base + "/api/queryobserver", SocketPrefix: base + "/ws/",
		Drain: s.settings.Drain, StateFile: s.settings.StateFile, Memory: s.settings.Memory,
		Logger: s.logger, Events: s.counts.Event,
	})
	if err != nil {
		return err
	}
	if err := s.openConsole(); err != nil {
		return err
	}
	s.counts.Watch(s.live.Status)
	s.measureLog()
	edge := &edge{trusted: s.settings.TrustedProxies, headers: s.auth.Headers(), base: base}
	if ofMachine, _ := loopback(s.settings.Listen); ofMachine && !s.auth.Required() {
		edge.hosts = []string{}
		for _, origin := range s.settings.Origins {
			if u, err := url.Parse(origin); err == nil {
				edge.hosts = append(edge.hosts, u.Hostname())
			}
		}
	}
	access := &access{logger: s.logger, metrics: s.counts}
	app := s.live.Wrap(s.auth.Wrap(http.HandlerFunc(s.serveSite)))
	s.handler = edge.Wrap(access.Wrap(s.healthy(origins.Wrap(s.routed(app)))))
	return nil
}

// expires says when the proof that a request carries is over.
func (s *Server) expires(r *http.Request) time.Time {
	who, err := s.auth.Identify(r)
	if err != nil {
		return time.Time{} // it is no good already, as a trial will show
	}
	return who.Until
}

// Handler answers clients.
func (s *Server) Handler() http.Handler { return s.handler }

// Routes of the log and the counts that are no resource's.
const (
	routeHealth = "health"
	routeSocket = "socket"
	routeLive   = "queryobserver"
	routeIndex  = "index"
	routeSpec   = "openapi"
	routeNone   = "none"
)

// routed notes which of the server's own routes a request is for, and bounds
// how long a body may take.
func (s *Server) routed(next http.Handler) http.Handler {
	base := s.settings.BasePath
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := noteOf(r.Context())
		switch {
		case strings.HasPrefix(r.URL.Path, base+"/ws/"):
			n.route = routeSocket
		case strings.HasPrefix(r.URL.Path, base+"/api/queryobserver/"):
			n.route = routeLive
		}
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(30 * time.Second))
		}
		next.ServeHTTP(w, r)
	})
}

// Close gives the database back.
func (s *Server) Close() error {
	if s.db == nil {
		return nil
	}
	return errors.Join(s.db.Close(), s.source.Close())
}
