package report

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Job is how a command that a timer started has ended.
type Job struct {
	// Ferry is empty where not even the configuration could be read.
	Ferry, Command string
	// Code is the exit code.
	Code  int
	Ended time.Time
	Took  time.Duration
	// Indices are those that were counted; none where the job failed before.
	Indices []JobIndex
}

// JobIndex is how one index stands.
type JobIndex struct {
	Index                      string
	SourceDocs, TargetDocs     int64
	Equal, Moving              bool
	Lag                        int64
	Applied, Deleted, Rejected int64
}

// WriteMetrics leaves a job's figures in a file, in the text format of
// Prometheus, for node_exporter's textfile collector. The file is replaced as a
// whole. Figures of a run are gauges; what adds up over a ferry's life is
// counters, so that increase() gives what a night carried.
func WriteMetrics(path string, j Job) error {
	registry := prometheus.NewRegistry()
	m := metrics{registry: registry, labels: prometheus.Labels{"ferry": j.Ferry, "command": j.Command}}
	m.gauge("esferry_job_exit_code", "How the last run ended: 0 is done and equal.").WithLabelValues().Set(float64(j.Code))
	m.gauge("esferry_job_end_timestamp_seconds", "When the last run ended, since 1970.").WithLabelValues().Set(float64(j.Ended.UnixMilli()) / 1000)
	m.gauge("esferry_job_duration_seconds", "How long the last run took.").WithLabelValues().Set(j.Took.Seconds())
	m.counts(j.Indices)
	m.carried(j.Indices)
	if m.err != nil {
		return fmt.Errorf("register the metrics: %w", m.err)
	}
	if err := prometheus.WriteToTextfile(path, registry); err != nil {
		return fmt.Errorf("write the metrics file: %w", err)
	}
	return nil
}

// metrics makes collectors in a registry; the first error is kept.
type metrics struct {
	registry *prometheus.Registry
	labels   prometheus.Labels
	err      error
}

func (m *metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: m.labels}, labels)
	m.register(vec)
	return vec
}

func (m *metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: m.labels}, labels)
	m.register(vec)
	return vec
}

func (m *metrics) register(c prometheus.Collector) {
	if err := m.registry.Register(c); err != nil && m.err == nil {
		m.err = err
	}
}

// counts are of indices that both sides were asked about.
func (m *metrics) counts(indices []JobIndex) {
	const index = "index"
	source := m.gauge("esferry_index_source_documents", "Live documents on the source (_count).", index)
	target := m.gauge("esferry_index_target_documents", "Live documents on the target (_count).", index)
	equal := m.gauge("esferry_index_equal", "1 where the counts agree.", index)
	moving := m.gauge("esferry_index_moving", "1 where the source took writes while it was counted.", index)
	for _, i := range indices {
		source.WithLabelValues(i.Index).Set(float64(i.SourceDocs))
		target.WithLabelValues(i.Index).Set(float64(i.TargetDocs))
		equal.WithLabelValues(i.Index).Set(truth(i.Equal))
		moving.WithLabelValues(i.Index).Set(truth(i.Moving))
	}
}

// carried is what the ferry did with the indices.
func (m *metrics) carried(indices []JobIndex) {
	const index = "index"
	lag := m.gauge("esferry_index_lag_operations", "Operations outstanding after the last round.", index)
	applied := m.counter("esferry_index_applied_documents_total", "Documents written to the target by this ferry.", index)
	deleted := m.counter("esferry_index_deleted_documents_total", "Documents deleted on the target by this ferry.", index)
	rejected := m.counter("esferry_index_rejected_documents_total", "Documents that the target refused for good.", index)
	for _, i := range indices {
		lag.WithLabelValues(i.Index).Set(float64(i.Lag))
		applied.WithLabelValues(i.Index).Add(float64(i.Applied))
		deleted.WithLabelValues(i.Index).Add(float64(i.Deleted))
		rejected.WithLabelValues(i.Index).Add(float64(i.Rejected))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
