package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	freshFor   = 5 * time.Minute  // a URL is asked again that often
	askedAgain = 10 * time.Second // and for a key that is not known no more often than that
	looked     = time.Second      // a file is looked at that often
	staleAfter = 24 * time.Hour   // keys that could not be fetched again for so long are none
	patience   = 5 * time.Second
	maxJWKS    = 1 << 20
	maxTried   = 16 // keys tried for a token that names none
)

// keys holds the keys of a JWKS, from a file or a URL, and has them fresh.
type keys struct {
	cfg  Config
	url  string // "": path is a file
	path string
	set  atomic.Pointer[keySet]

	mu     sync.Mutex // held while they are read
	tried  time.Time
	failed error
	file   os.FileInfo
}

// keySet is what a JWKS said at one moment. It is never altered.
type keySet struct {
	keys []jose.JSONWebKey
	read time.Time
}

func newKeys(cfg Config) (*keys, error) {
	k := &keys{cfg: cfg}
	if !strings.Contains(cfg.JWKS, "://") {
		k.path = cfg.JWKS
		if _, err := k.current(context.Background()); err != nil {
			return nil, fmt.Errorf("auth: JWKS: %w", k.failed)
		}
		return k, nil
	}
	u, err := url.Parse(cfg.JWKS)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())) {
		return nil, fmt.Errorf("auth: JWKS %q: want a file, an https URL, or an http URL of this machine: who can alter the keys can be anybody", cfg.JWKS)
	}
	k.url = cfg.JWKS
	if k.cfg.Client == nil {
		k.cfg.Client = &http.Client{Timeout: patience, CheckRedirect: func(next *http.Request, _ []*http.Request) error {
			if next.URL.Scheme != "https" {
				return fmt.Errorf("redirected to %s, which is not https", next.URL.Scheme)
			}
			return nil
		}}
	}
	return k, nil
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// run fetches the keys of a URL again and again, so that no request waits for
// it.
func (k *keys) run(ctx context.Context) {
	if k.url == "" {
		return
	}
	tick := time.NewTicker(freshFor)
	defer tick.Stop()
	for {
		k.renew(ctx, 0)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// held is what is there, without waiting for anything but a file.
func (k *keys) held(ctx context.Context) *keySet {
	if k.url == "" {
		k.renew(ctx, looked)
	}
	return k.set.Load()
}

// current returns the keys, fetched where there are none that count.
func (k *keys) current(ctx context.Context) (*keySet, error) {
	set := k.held(ctx)
	if set == nil || k.url != "" && k.cfg.Now().Sub(set.read) > staleAfter {
		k.renew(ctx, askedAgain)
		set = k.set.Load()
	}
	if set == nil || k.url != "" && k.cfg.Now().Sub(set.read) > staleAfter {
		return nil, undecided("the keys that tokens are signed by cannot be had at the moment")
	}
	return set, nil
}

// find returns the keys that a token may be signed by. One that is not known
// has them read again: it may be new.
func (k *keys) find(ctx context.Context, id, algorithm string) ([]any, *keySet, error) {
	set, err := k.current(ctx)
	if err != nil {
		return nil, nil, err
	}
	found := set.find(id, algorithm)
	if len(found) == 0 {
		k.renew(ctx, askedAgain)
		set = k.set.Load()
		found = set.find(id, algorithm)
	}
	return found, set, nil
}

func (s *keySet) find(id, algorithm string) []any {
	var found []any
	for _, key := range s.keys {
		if (id == "" || key.KeyID == id) && fits(&key, algorithm) && len(found) < maxTried {
			found = append(found, key.Key)
		}
	}
	return found
}

// fits reports whether a key is one for signatures by an algorithm. The kind
// of the key decides; what the token or the set calls it can only exclude.
func fits(key *jose.JSONWebKey, algorithm string) bool {
	if key.Algorithm != "" && key.Algorithm != algorithm || key.Use != "" && key.Use != "sig" {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return algorithm == string(jose.RS256) && public.N.BitLen() >= 2048
	case *ecdsa.PublicKey:
		return algorithm == string(jose.ES256) && public.Curve == elliptic.P256()
	}
	return false
}

// renew reads the keys again, unless that was tried within the last while.
// What cannot be read leaves the old ones.
func (k *keys) renew(ctx context.Context, within time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.cfg.Now()
	if !k.tried.IsZero() && now.Sub(k.tried) < within {
		return
	}
	k.tried = now
	body, err := k.load(ctx)
	if err == nil && body == nil {
		return // the file is as it was
	}
	var set *keySet
	if err == nil {
		set, err = parse(body, now)
	}
	if err != nil {
		k.failed = err
		k.cfg.Logger.Warn("the keys that tokens are signed by could not be read", "jwks", k.name(), "err", err)
		return
	}
	k.failed = nil
	k.set.Store(set)
}

// name is where the keys are, without what a URL may hide.
func (k *keys) name() string {
	if u, err := url.Parse(k.url); err == nil && k.url != "" {
		return u.Scheme + "://" + u.Host + u.Path
	}
	return k.path
}

func (k *keys) load(ctx context.Context) ([]byte, error) {
	if k.url == "" {
		return k.loadFile()
	}
	// Who asked may go: others wait for the same keys.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := k.cfg.Client.Do(r)
	if err != nil {
		var of *url.Error // has the URL in it, with all that it may hide
		if errors.As(err, &of) {
			err = of.Err
		}
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %s", answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxJWKS+1))
	if err == nil && len(body) > maxJWKS {
		err = fmt.Errorf("more than %d bytes", maxJWKS)
	}
	return body, err
}

func (k *keys) loadFile() ([]byte, error) {
	info, err := os.Stat(k.path)
	if err != nil {
		return nil, err
	}
	if k.file != nil && os.SameFile(k.file, info) && k.file.ModTime().Equal(info.ModTime()) && k.file.Size() == info.Size() {
		return nil, nil
	}
	if info.Size() > maxJWKS {
		return nil, fmt.Errorf("%s: more than %d bytes", k.path, maxJWKS)
	}
	body, err := os.ReadFile(k.path)
	if err != nil {
		return nil, err
	}
	k.file = info
	return append(body, ' '), nil // never nil
}

// parse reads a JWKS. Keys that are for something else are left out: a set is
// everybody's. So are symmetric ones, which nobody publishes.
func parse(body []byte, now time.Time) (*keySet, error) {
	var document struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return nil, fmt.Errorf("not a JWKS: %w", err)
	}
	set := &keySet{read: now}
	for _, raw := range document.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) != nil {
			continue // of a kind that this library does not know
		}
		if key = key.Public(); fits(&key, string(jose.RS256)) || fits(&key, string(jose.ES256)) {
			set.keys = append(set.keys, key)
		}
	}
	if len(set.keys) == 0 {
		return nil, fmt.Errorf("no key for RS256 (2,048 bits or more) or ES256 among %d", len(document.Keys))
	}
	return set, nil
}
