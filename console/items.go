package console

import (
	"time"

	"github.com/wakeful-dev/wakeful/change"
	"github.com/wakeful-dev/wakeful/internal/inspect"
)

// viewItem is one view as it is shown.
type viewItem struct {
	ID          string   `json:"id"`
	Observers   int      `json:"observers"`
	Subscribers int      `json:"subscribers"`
	Items       int      `json:"items"`
	ListBytes   int      `json:"list_bytes"`
	Tables      []string `json:"tables"`
	Step        int      `json:"step"`
	Evaluate    int      `json:"evaluate"`
	Evaluations uint64   `json:"evaluations"`
	Steps       uint64   `json:"steps"`
	Reads       uint64   `json:"reads"`
	Cost        float64  `json:"cost_ms"`
	Slowest     float64  `json:"slowest_ms"`
	Spent       float64  `json:"spent_ms"`
	Behind      int      `json:"behind"`
	Failing     int      `json:"failing"`
	Slow        bool     `json:"slow"`
	Code        string   `json:"code"`
}

func viewOf(v *inspect.View) viewItem {
	return viewItem{
		ID: v.Name, Observers: v.Observers, Subscribers: v.Subscribers, Items: v.Items, ListBytes: v.ListBytes, Tables: list(v.Tables),
		Step: v.Step, Evaluate: v.Evaluate, Evaluations: v.Evaluations, Steps: v.Steps, Reads: v.Reads,
		Cost: milliseconds(v.Cost), Slowest: milliseconds(v.Slowest), Spent: milliseconds(v.Spent),
		Behind: v.Behind, Failing: v.Failing, Slow: v.Slow, Code: v.Code,
	}
}

// observerItem is one observer as it is shown.
type observerItem struct {
	ID          string    `json:"id"`
	View        string    `json:"view"`
	Parameters  []string  `json:"parameters"`
	Identity    string    `json:"identity"`
	Shared      bool      `json:"shared"`
	Subscribers int       `json:"subscribers"`
	Items       int       `json:"items"`
	ListBytes   int       `json:"list_bytes"`
	LogBytes    int       `json:"log_bytes"`
	Seq         uint64    `json:"seq"`
	Tables      []string  `json:"tables"`
	How         string    `json:"how"`
	Reason      string    `json:"reason"`
	Evaluations uint64    `json:"evaluations"`
	Steps       uint64    `json:"steps"`
	Reads       uint64    `json:"reads"`
	Cost        float64   `json:"cost_ms"`
	Spent       float64   `json:"spent_ms"`
	Failures    int       `json:"failures"`
	Behind      bool      `json:"behind"`
	Running     bool      `json:"running"`
	Slow        bool      `json:"slow"`
	Last        *lastItem `json:"last,omitempty"`
}

// lastItem is what was done newest for an observer.
type lastItem struct {
	At      time.Time `json:"at"`
	Did     string    `json:"did"`
	Cause   string    `json:"cause"`
	Table   string    `json:"table"`
	Took    float64   `json:"took_ms"`
	Ops     int       `json:"ops"`
	Bytes   int       `json:"bytes"`
	Latency float64   `json:"latency_ms"`
	Code    string    `json:"code"`
}

func observerOf(o *inspect.Observer) observerItem {
	item := observerItem{
		ID: o.ID, View: o.View, Parameters: list(o.Parameters), Identity: o.Identity, Shared: o.Shared, Subscribers: o.Subscribers,
		Items: o.Items, ListBytes: o.ListBytes, LogBytes: o.LogBytes, Seq: o.Seq, Tables: list(o.Tables), How: o.How, Reason: o.Reason,
		Evaluations: o.Evaluations, Steps: o.Steps, Reads: o.Reads, Cost: milliseconds(o.Cost), Spent: milliseconds(o.Spent),
		Failures: o.Failures, Behind: o.Behind, Running: o.Running, Slow: o.Slow,
	}
	if r := o.Last; r != nil {
		item.Last = &lastItem{
			At: r.At.UTC(), Did: r.Did, Cause: r.Cause, Table: r.Table, Took: milliseconds(r.Took), Ops: r.Ops, Bytes: r.DiffBytes,
			Latency: milliseconds(r.Latency), Code: r.Code,
		}
	}
	return item
}

// connectionItem is one client as it is shown.
type connectionItem struct {
	ID            string     `json:"id"`
	Identity      string     `json:"identity"`
	Transport     string     `json:"transport"`
	Protocol      int        `json:"protocol"`
	Address       string     `json:"address"`
	Since         *time.Time `json:"since,omitempty"`
	Heard         *time.Time `json:"heard,omitempty"`
	AbsentSince   *time.Time `json:"absent_since,omitempty"`
	Subscriptions int        `json:"subscriptions"`
	Undelivered   int        `json:"undelivered_bytes"`
	Stale         bool       `json:"stale"`
}

func connectionOf(c *inspect.Connection) connectionItem {
	return connectionItem{
		ID: c.ID, Identity: c.Identity, Transport: c.Transport, Protocol: c.Protocol, Address: c.Address,
		Since: utc(c.Opened), Heard: utc(c.Heard.Truncate(time.Second)), AbsentSince: utc(c.Absent),
		Subscriptions: c.Subscriptions, Undelivered: c.Undelivered, Stale: c.Stale,
	}
}

// changeItem is one transaction as it is shown.
type changeItem struct {
	ID         change.Position `json:"id"`
	Seen       time.Time       `json:"seen"`
	Everything bool            `json:"everything"`
	Tables     []inspect.Table `json:"tables"`
	MoreTables int             `json:"more_tables,omitempty"`
	Touched    int             `json:"touched"`
}

func changeOf(c *inspect.Change) changeItem {
	return changeItem{c.Position, c.Seen.UTC(), c.Everything, list(c.Tables), c.More, c.Touched}
}
