package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Run serves clients at one listener and operators at another (nil: none) until
// ctx is done. Then it closes connections over the drain time, lets requests
// end, and returns.
func (s *Server) Run(ctx context.Context, clients, operators net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(ctx, func() { s.draining.Store(true) })
	jobs := []func(context.Context) error{
		s.live.Run,
		s.auth.Run,
		func(ctx context.Context) error { return s.listen(ctx, clients, s.handler, s.cert) },
	}
	if operators != nil {
		jobs = append(jobs, func(ctx context.Context) error { return s.listen(ctx, operators, s.Operator(), nil) }, s.console.Run)
	}
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

// listen answers requests until ctx is done. Those under way may end: sockets
// and streams the live server closes, over its drain time.
func (s *Server) listen(ctx context.Context, listener net.Listener, handler http.Handler, cert *certificate) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		patience, cancel := context.WithTimeout(context.Background(), s.settings.Drain+5*time.Second)
		defer cancel()
		if server.Shutdown(patience) != nil {
			_ = server.Close() // who has not ended by now is cut off
		}
	})
	var err error
	if cert != nil {
		server.TLSConfig = cert.config()
		err = server.ServeTLS(listener, "", "")
	} else {
		err = server.Serve(listener)
	}
	if !stop() {
		<-ended
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
