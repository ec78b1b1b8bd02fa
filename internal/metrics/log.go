package metrics

import "github.com/prometheus/client_golang/prometheus"

// Log is what a database says of the log that its changes are read from.
type Log struct {
	// Kept is what the database keeps of it for the server, in bytes, and Most
	// what it may; 0: there is no bound.
	Kept, Most int64
	// Unread is what of it has not been taken in yet, in bytes.
	Unread int64
	// Waiting is for how many seconds the oldest commit has been read that nobody
	// sees yet.
	Waiting float64
}

// WatchLog has each scrape ask the database; ok is false where it does not say.
func (m *Metrics) WatchLog(ask func() (now Log, ok bool)) {
	describe := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("wakeful_source_"+name, help, nil, nil)
	}
	m.registry.MustRegister(&logState{
		ask:     ask,
		kept:    describe("kept_bytes", "What the database keeps of its log for this server."),
		most:    describe("kept_most_bytes", "What it may keep before it gives up; 0: there is no bound."),
		unread:  describe("unread_bytes", "What of the log has not been taken in yet."),
		waiting: describe("waiting_seconds", "For how long the oldest commit has been read that no snapshot shows yet."),
	})
}

type logState struct {
	ask                         func() (Log, bool)
	kept, most, unread, waiting *prometheus.Desc
}

// Describe is of prometheus.Collector.
func (s *logState) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.kept, s.most, s.unread, s.waiting} {
		to <- d
	}
}

// Collect is of prometheus.Collector.
func (s *logState) Collect(to chan<- prometheus.Metric) {
	now, ok := s.ask()
	if !ok {
		return
	}
	for d, value := range map[*prometheus.Desc]float64{
		s.kept: float64(now.Kept), s.most: float64(now.Most), s.unread: float64(now.Unread), s.waiting: now.Waiting,
	} {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
}
