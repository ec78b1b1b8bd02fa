package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/wakeful-dev/wakeful/internal/mark"
)

// peer is what requests that a client makes over its socket are built from:
// what its handshake said, and the token it brought since.
type peer struct {
	host    string
	address string
	tls     *tls.ConnectionState
	header  http.Header
}

// handshakeHeaders lists what a handshake says about the client and not about
// the handshake.
var handshakeHeaders = []string{
	"Accept-Language", "Authorization", "Cookie", "Forwarded", "User-Agent", "X-Forwarded-For", "X-Forwarded-Host",
	"X-Forwarded-Port", "X-Forwarded-Proto", "X-Real-Ip",
}

func newPeer(r *http.Request) *peer {
	p := &peer{host: r.Host, address: r.RemoteAddr, tls: r.TLS, header: http.Header{}}
	for _, name := range handshakeHeaders {
		if values := r.Header[name]; len(values) > 0 {
			p.header[name] = values
		}
	}
	return p
}

// authorize has the peer's requests carry a token from now on.
func (p *peer) authorize(token string) {
	p.header = p.header.Clone()
	p.header.Set("Authorization", "Bearer "+token)
}

// request builds the GET that a client asks for over its socket.
func (p *peer) request(ctx context.Context, target string, extra http.Header) (*http.Request, error) {
	if !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") {
		return nil, errors.New("url: want a path on this host")
	}
	if strings.Contains(target, "#") {
		return nil, errors.New("url: want no fragment")
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, fmt.Errorf("url: %w", errors.Unwrap(err))
	}
	u.RawQuery = withoutObserve(u.RawQuery)
	header := p.header.Clone()
	for name, values := range extra {
		header[name] = values
	}
	r := &http.Request{
		Method: http.MethodGet, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: http.NoBody, Host: p.host, RemoteAddr: p.address, TLS: p.tls, RequestURI: u.RequestURI(),
	}
	return r.WithContext(ctx), nil
}

// probe sends a request through the app to see whether its route is marked.
// The handler behind the mark does not run. status is what the app answered
// where the route is not marked.
func (g *Gateway) probe(r *http.Request) (view *mark.View, status int, err error) {
	defer func() {
		if p := recover(); p != nil {
			view, err = nil, fmt.Errorf("gateway: the app panicked: %v", p)
		}
	}()
	m := &mark.Mark{}
	w := &probeWriter{header: http.Header{}}
	g.app.ServeHTTP(w, r.WithContext(mark.NewContext(r.Context(), m)))
	if view := m.View(); view != nil {
		return view, 0, nil
	}
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return nil, w.status, nil
}
