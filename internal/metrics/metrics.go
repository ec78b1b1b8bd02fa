// Package metrics shows what a server does to Prometheus: requests, sessions,
// observers, how lists were kept, memory, the process.
//
// Promises: a scrape costs the server what its Status costs, and nothing
// between two. Labels are names of routes, views and events, never anything
// that a client sent.
//
// Pipeline: none; it looks at all of it.
package metrics

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wakeful-dev/wakeful"
	"github.com/wakeful-dev/wakeful/internal/event"
)

// Metrics gathers. It takes concurrent use.
type Metrics struct {
	registry    *prometheus.Registry
	requests    *prometheus.CounterVec
	latency     *prometheus.HistogramVec
	evaluations *prometheus.HistogramVec
}

// New makes metrics of a program of this version.
func New(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wakeful_http_requests_total", Help: "Requests answered, by route, method and status.",
		}, []string{"route", "method", "status"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "wakeful_http_request_seconds", Help: "Time from a request to the end of its answer; without streams and sockets.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"route"}),
		evaluations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "wakeful_evaluation_seconds", Help: "Time that a view took to run for an observer.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 18),
		}, []string{"view"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "wakeful_build_info", Help: "1; the label says which version runs.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.latency, m.evaluations, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Watch has each scrape ask a server what it does.
func (m *Metrics) Watch(status func() wakeful.Status) { m.registry.MustRegister(newState(status)) }

// Event is wakeful.Config.Events.
func (m *Metrics) Event(e wakeful.Event) {
	if e.Kind == event.Evaluated && e.Took > 0 {
		m.evaluations.WithLabelValues(e.View).Observe(e.Took.Seconds())
	}
}

// Request counts one that was answered. took is 0 where how long it took says
// nothing.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, known(method), strconv.Itoa(status)).Inc()
	if took > 0 {
		m.latency.WithLabelValues(route).Observe(took.Seconds())
	}
}

// known keeps made-up methods out of the labels.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// state turns a server's Status into metrics.
type state struct {
	status func() wakeful.Status

	sessions, sockets, polls, subscriptions, observers, items, behind, streaming *prometheus.Desc
	events, memory                                                               *prometheus.Desc
}

func newState(status func() wakeful.Status) *state {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("wakeful_"+name, help, labels, nil)
	}
	return &state{
		status:        status,
		sessions:      describe("sessions", "Sessions that are held."),
		sockets:       describe("sockets", "Clients that are connected, by WebSocket or event stream."),
		polls:         describe("polls", "Long polls under way."),
		subscriptions: describe("subscriptions", "Lists that sessions follow, all together."),
		observers:     describe("observers", "Lists that are kept live."),
		items:         describe("observer_items", "Items of these lists, all together."),
		behind:        describe("observers_behind", "Lists that do not show the newest change yet."),
		streaming:     describe("source_streaming", "1 where the database's changes are being read."),
		events:        describe("events_total", "What happened, by event.", "event"),
		memory:        describe("memory_bytes", "What lists, logs and caches take.", "kind"),
	}
}

// Describe is of prometheus.Collector.
func (s *state) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		s.sessions, s.sockets, s.polls, s.subscriptions, s.observers, s.items, s.behind, s.streaming, s.events, s.memory,
	} {
		to <- d
	}
}

// Collect is of prometheus.Collector.
func (s *state) Collect(to chan<- prometheus.Metric) {
	now := s.status()
	gauge := func(d *prometheus.Desc, value int, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), labels...)
	}
	items, behind := 0, 0
	for i := range now.Worker.Observers {
		items += now.Worker.Observers[i].Items
		if now.Worker.Observers[i].Behind {
			behind++
		}
	}
	streaming := 0
	if now.Worker.Streaming {
		streaming = 1
	}
	gauge(s.sessions, now.Gateway.Sessions)
	gauge(s.sockets, now.Gateway.Sockets)
	gauge(s.polls, now.Gateway.Polls)
	gauge(s.subscriptions, now.Gateway.Subscriptions)
	gauge(s.observers, len(now.Worker.Observers))
	gauge(s.items, items)
	gauge(s.behind, behind)
	gauge(s.streaming, streaming)
	for name, count := range now.Counts {
		to <- prometheus.MustNewConstMetric(s.events, prometheus.CounterValue, float64(count), strings.ReplaceAll(name, " ", "_"))
	}
	for kind, bytes := range now.Memory.Bytes {
		gauge(s.memory, bytes, strings.ReplaceAll(kind, " ", "_"))
	}
}
