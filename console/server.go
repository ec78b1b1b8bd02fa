package console

import (
	"context"
	"runtime"
	"time"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/inspect"
)

// Seconds over which rates and latencies are told.
const (
	rateWindow    = 10
	latencyWindow = 60
)

// serverItem is the whole server as it is shown.
type serverItem struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Version string            `json:"version"`
	Since   *time.Time        `json:"since"`
	Go      string            `json:"go"`
	CPUs    int               `json:"cpus"`
	Period  float64           `json:"period_ms"`
	Source  sourceItem        `json:"source"`
	Totals  totalsItem        `json:"totals"`
	Memory  memoryItem        `json:"memory"`
	Rates   ratesItem         `json:"rates"`
	Latency latencyItem       `json:"latency"`
	Bounds  []float64         `json:"latency_bounds_ms"`
	Counts  map[string]uint64 `json:"counts"`
}

type sourceItem struct {
	Streaming  bool            `json:"streaming"`
	LostSince  *time.Time      `json:"lost_since,omitempty"`
	Position   change.Position `json:"position"`
	LastChange *time.Time      `json:"last_change,omitempty"`
	Log        *logItem        `json:"log,omitempty"`
}

type logItem struct {
	Kept    int64   `json:"kept_bytes"`
	Limit   int64   `json:"limit_bytes"`
	Unread  int64   `json:"unread_bytes"`
	Waiting float64 `json:"waiting_ms"`
}

type totalsItem struct {
	Observers         int `json:"observers"`
	ListedObservers   int `json:"listed_observers"`
	Behind            int `json:"behind"`
	Failing           int `json:"failing"`
	Slow              int `json:"slow"`
	Items             int `json:"items"`
	Sessions          int `json:"sessions"`
	ListedConnections int `json:"listed_connections"`
	Sockets           int `json:"sockets"`
	Polls             int `json:"polls"`
	Subscriptions     int `json:"subscriptions"`
	Views             int `json:"views"`
}

type memoryItem struct {
	Limit int            `json:"limit_bytes"`
	Bytes map[string]int `json:"bytes"`
}

type ratesItem struct {
	Window      int     `json:"window_s"`
	Changes     float64 `json:"changes"`
	Touched     float64 `json:"touched"`
	Diffs       float64 `json:"diffs"`
	Sent        float64 `json:"sent"`
	Evaluations float64 `json:"evaluations"`
	Steps       float64 `json:"steps"`
	Reads       float64 `json:"reads"`
	Failures    float64 `json:"failures"`
}

type latencyItem struct {
	Window int      `json:"window_s"`
	Count  uint64   `json:"count"`
	P50    *float64 `json:"p50_ms"`
	P95    *float64 `json:"p95_ms"`
	P99    *float64 `json:"p99_ms"`
	Max    *float64 `json:"max_ms"`
}

func (c *Console) server(ctx context.Context, report *wakeful.Inspection) *serverItem {
	t, memory := report.Totals, c.cfg.Server.Memory()
	item := &serverItem{
		ID: "server", Name: c.cfg.Name, Version: c.cfg.Version, Since: utc(c.cfg.Since), Go: runtime.Version(), CPUs: runtime.GOMAXPROCS(0),
		Period: milliseconds(max(c.pause.Round(time.Second), time.Second)),
		Source: sourceItem{
			Streaming: report.Source.Streaming, LostSince: utc(report.Source.Lost), Position: report.Source.Position,
			LastChange: utc(report.Source.Newest), Log: c.log(ctx),
		},
		Totals: totalsItem{
			t.Observers, len(report.Observers), t.Behind, t.Failing, t.Slow, t.Items,
			t.Sessions, len(report.Connections), t.Sockets, t.Polls, t.Subscriptions, t.Views,
		},
		Memory: memoryItem{Limit: memory.Limit, Bytes: memory.Bytes},
		Rates:  c.past.rates(), Latency: c.past.latencies(), Counts: c.cfg.Server.Counts(),
	}
	for _, bound := range inspect.Bounds {
		item.Bounds = append(item.Bounds, milliseconds(bound))
	}
	return item
}

// log says how far the database's log is read, nil where that is not known.
func (c *Console) log(ctx context.Context) *logItem {
	if c.cfg.Log == nil {
		return nil
	}
	now, ok := c.cfg.Log(ctx)
	if !ok {
		return nil
	}
	return &logItem{now.Kept, now.Limit, now.Unread, milliseconds(now.Waiting)}
}

func (p *past) rates() ratesItem {
	sum, seconds := p.over(rateWindow)
	per := func(n uint64) float64 { return float64(10*n/uint64(max(seconds, 1))) / 10 }
	return ratesItem{
		rateWindow, per(sum.Changes), per(sum.Touched), per(sum.Diffs), per(sum.Sent),
		per(sum.Evaluations), per(sum.Steps), per(sum.Reads), per(sum.Failures),
	}
}

func (p *past) latencies() latencyItem {
	sum, _ := p.over(latencyWindow)
	quantile := func(q float64) *float64 {
		d, ok := sum.Latency.Quantile(q)
		if !ok {
			return nil
		}
		ms := milliseconds(d)
		return &ms
	}
	return latencyItem{latencyWindow, sum.Latency.Count(), quantile(0.5), quantile(0.95), quantile(0.99), quantile(1)}
}
