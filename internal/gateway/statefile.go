package gateway

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// stateFormat is the form of a state file. A file of another form is not read.
const stateFormat = 1

// savedState is the state file: what the next run needs to continue version 1
// clients. It has no credentials, but the key that makes observer ids: it can
// be read by its owner only.
type savedState struct {
	Format   int            `json:"format"` // stateFormat
	Secret   []byte         `json:"secret"`
	Check    string         `json:"check"` // tells whether the sessions were made with the secret in use
	Sessions []savedSession `json:"sessions,omitempty"`
	// Live names the sessions of a run that has not ended, or was killed:
	// nobody knows what their clients hold.
	Live []string             `json:"live,omitempty"`
	Lost map[string]time.Time `json:"lost,omitempty"`
}

type savedSession struct {
	ID       string     `json:"id"`
	Client   string     `json:"client"`
	Identity string     `json:"identity,omitempty"`
	Address  string     `json:"address,omitempty"`
	Since    time.Time  `json:"since"`
	Lists    []*dormant `json:"lists"`
	Left     []leftover `json:"left,omitempty"`
}

func (g *Gateway) stateCheck() string { return g.hashed("check", "state") }

// loadState takes over what the run before left. Errors leave the gateway as
// if there were no file.
func (g *Gateway) loadState(now time.Time) error {
	if g.StateFile == "" {
		return nil
	}
	data, err := os.ReadFile(g.StateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var saved savedState
	if err := json.Unmarshal(data, &saved); err != nil {
		return fmt.Errorf("gateway: state file: %w", err)
	}
	if saved.Format != stateFormat {
		return fmt.Errorf("gateway: state file: it has format %d, this program writes and reads %d", saved.Format, stateFormat)
	}
	if g.Secret == nil && len(saved.Secret) >= 32 {
		g.idKey = saved.Secret
	}
	maps.Copy(g.lost, saved.Lost)
	for _, id := range saved.Live {
		g.lost.add(id, now)
	}
	ours := subtle.ConstantTimeCompare([]byte(saved.Check), []byte(g.stateCheck())) == 1
	if !ours && len(saved.Sessions) > 0 {
		g.Logger.Warn("session state was written with another secret: its version 1 sessions are lost, and their clients are told",
			"file", g.StateFile, "sessions", len(saved.Sessions))
	}
	for _, one := range saved.Sessions {
		if !ours || now.Sub(one.Since) >= g.SessionTTL+g.V1SessionTTL {
			g.lost.add(one.ID, now)
			continue
		}
		g.restore(one)
	}
	return nil
}

func (g *Gateway) restore(saved savedSession) {
	s := &session{
		gateway: g, id: saved.ID, version: version1, since: saved.Since,
		owner:   owner{client: saved.Client, identity: saved.Identity, address: saved.Address},
		dormant: map[string]*dormant{},
	}
	s.account = s.owner.account()
	for _, d := range saved.Lists {
		if d.Header == nil {
			d.Header = map[string][]string{}
		}
		s.lay(d)
	}
	for _, l := range saved.Left {
		s.keep(l)
	}
	g.held[s.account]++
	g.sessions[s.id] = s
}

// saveState writes what the next run needs. It is called when all sockets are
// closed.
func (g *Gateway) saveState() error {
	if g.StateFile == "" {
		return nil
	}
	g.mu.Lock()
	sessions := slices.Collect(maps.Values(g.sessions))
	lost := maps.Clone(g.lost)
	g.mu.Unlock()
	saved := &savedState{Format: stateFormat, Secret: g.idKey, Check: g.stateCheck(), Lost: lost}
	for _, s := range sessions {
		g.hibernate(s)
		s.mu.Lock()
		switch {
		case s.version == version1 && s.owesEnd():
			lost.add(s.id, time.Now()) // that the client must hear of an end would be forgotten
		case s.version == version1 && len(s.dormant)+len(s.left) > 0:
			saved.Sessions = append(saved.Sessions, savedSession{
				ID: s.id, Client: s.owner.client, Identity: s.owner.identity, Address: s.owner.address, Since: s.since,
				Lists: slices.Collect(maps.Values(s.dormant)), Left: s.left,
			})
		}
		s.mu.Unlock()
	}
	return g.writeState(saved)
}

// noteLive writes which version 1 sessions there are, when that changed: if
// this run is killed, the next can tell their clients.
func (g *Gateway) noteLive(now time.Time, sessions []*session) {
	if g.StateFile == "" || now.Sub(g.notedAt) < noteEvery {
		return
	}
	live := map[string]bool{}
	for _, s := range sessions {
		s.mu.Lock()
		if s.version == version1 && (s.subs.len()+len(s.dormant) > 0 || s.owesEnd()) {
			live[s.id] = true
		}
		s.mu.Unlock()
	}
	if g.noted != nil && maps.Equal(live, g.noted) {
		return
	}
	g.mu.Lock()
	lost := maps.Clone(g.lost)
	g.mu.Unlock()
	saved := &savedState{Format: stateFormat, Secret: g.idKey, Check: g.stateCheck(), Lost: lost, Live: slices.Sorted(maps.Keys(live))}
	g.notedAt = now
	if err := g.writeState(saved); err != nil {
		g.Logger.Warn("session state not written", "err", err)
		return
	}
	g.noted = live
}

// noteEvery is the least time between two writes of the live sessions.
const noteEvery = time.Second

// writeState replaces the state file, so that a crash leaves the old or the
// new one.
func (g *Gateway) writeState(saved *savedState) error {
	data, err := json.Marshal(saved)
	if err != nil {
		return fmt.Errorf("gateway: state file: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(g.StateFile), ".wakeful-state-*") // mode 0600
	if err != nil {
		return fmt.Errorf("gateway: state file: %w", err)
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), g.StateFile)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return fmt.Errorf("gateway: state file: %w", err)
	}
	return nil
}
