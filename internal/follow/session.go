package follow

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"github.com/wakeful-dev/wakeful/change"
)

// Config says who a client is and whom it speaks to.
type Config struct {
	// Server is the address before every path: "http://127.0.0.1:8080".
	Server string
	// Session is the session id.
	Session string
	// Header is sent with each request and handshake, for Authorization.
	Header http.Header
	// Prefix is where unsubscribe lies; "" for /api/queryobserver.
	Prefix string
	// SocketPrefix is where sockets lie; "" for /ws/.
	SocketPrefix string
	// Transport carries the HTTP requests; nil for the default one.
	Transport http.RoundTripper
	// Joined says that another client may have begun the session: what that one
	// observed streams on, also to this one.
	Joined bool
	// Watch hears what happens.
	Watch Watch
}

// StatusError is an answer other than 200.
type StatusError struct {
	Status int
	Body   string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("follow: status %d: %.300s", e.Status, e.Body)
}

// session is what both versions do over HTTP.
type session struct {
	Config
	http *http.Client
}

func newSession(c Config) session {
	if c.Prefix == "" {
		c.Prefix = "/api/queryobserver"
	}
	if c.SocketPrefix == "" {
		c.SocketPrefix = "/ws/"
	}
	c.Server = strings.TrimSuffix(c.Server, "/")
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // cookiejar.New returns no error without a list of its own
	}
	return session{Config: c, http: &http.Client{Jar: jar, Transport: c.Transport}}
}

func (s *session) socketURL(query string) string {
	return s.Server + s.SocketPrefix + s.Session + query
}

// observe does the GET of a view that subscribes the session to it.
func (s *session) observe(ctx context.Context, path string, after change.Position) (*state, error) {
	u, err := url.Parse(s.Server + path)
	if err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	query := u.RawQuery
	if query != "" {
		query += "&"
	}
	u.RawQuery = query + "observe=" + url.QueryEscape(s.Session)
	header := http.Header{}
	if after != "" {
		header.Set("Wakeful-Position", string(after))
	}
	body, err := s.do(ctx, http.MethodGet, u.String(), header)
	if err != nil {
		return nil, err
	}
	var answer state
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("follow: answer of %s: %w: %.200s", path, err, body)
	}
	if answer.Observer == "" || answer.Items == nil {
		return nil, fmt.Errorf("follow: answer of %s is not observed: %.200s", path, body)
	}
	return &answer, nil
}

// unsubscribe does the POST that ends one subscription.
func (s *session) unsubscribe(ctx context.Context, observer string) error {
	query := url.Values{"observer": {observer}, "subscriber": {s.Session}}
	body, err := s.do(ctx, http.MethodPost, s.Server+s.Prefix+"/unsubscribe?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	if !bytes.Equal(bytes.TrimSpace(body), []byte("{}")) {
		return fmt.Errorf("follow: unsubscribe answered %.100q, want {}", body)
	}
	return nil
}

func (s *session) do(ctx context.Context, method, address string, header http.Header) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	for _, from := range []http.Header{s.Header, header} {
		for name, values := range from {
			request.Header[name] = values
		}
	}
	response, err := s.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, &StatusError{Status: response.StatusCode, Body: string(body)}
	}
	return body, nil
}
