package report

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Running is how a running ferry stands.
type Running struct {
	Ferry string
	// Documents and Bytes that this process moved, Requests that it asked the
	// source with, Retries of anything, and Busy answers of the target.
	Documents, Bytes, Requests, Retries, Busy int64
	// Writers is the bulk requests at once; Share the part of their time that
	// readers may spend, 0 where they are paused.
	Writers int
	Share   float64
	// Ready: the lease is held, and both clusters have answered lately.
	Ready   bool
	Indices []RunningIndex
	Sides   []RunningSide
	// Checks before a cutover, by name.
	Checks map[string]bool
	// Blocked is the indices of the source that carry our write block, or may.
	Blocked int
	// FreezeSeconds is what the cutover that switched held writers back for; nil
	// before one did.
	FreezeSeconds *float64
}

// RunningIndex is how one index stands.
type RunningIndex struct {
	JobIndex
	Phase string
	// Counted is when both sides were; zero for never: then the counts are none.
	Counted time.Time
	// Watermarks of the shards: each operation up to it is on the target.
	Watermarks []int64
}

// RunningSide is how one cluster answers.
type RunningSide struct {
	Side string
	// Answered is when it did last; zero for never.
	Answered time.Time
	// Well: it answered when it was last asked.
	Well bool
}

// Scrape answers requests of Prometheus with how the ferry stands at that moment,
// and with the figures of the process.
func Scrape(now func() Running) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		registry := prometheus.NewRegistry()
		r := now()
		m := metrics{registry: registry, labels: prometheus.Labels{"ferry": r.Ferry}}
		m.register(collectors.NewGoCollector())
		m.register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		m.process(r)
		m.cutover(r)
		m.running(r.Indices)
		if m.err != nil {
			http.Error(w, "register the metrics: "+m.err.Error(), http.StatusInternalServerError)
			return
		}
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, req)
	})
}

// process is what this process did and how it paces itself.
func (m *metrics) process(r Running) {
	for _, c := range []struct {
		name, help string
		value      int64
	}{
		{"esferry_moved_documents_total", "Documents that this process read and wrote.", r.Documents},
		{"esferry_moved_bytes_total", "Bytes that this process read and wrote, those of a repository's copy included.", r.Bytes},
		{"esferry_source_requests_total", "Pages that this process asked the source for.", r.Requests},
		{"esferry_retries_total", "What this process tried again.", r.Retries},
		{"esferry_target_busy_total", "Bulk requests that the target had no room for, or not for all of their items.", r.Busy},
	} {
		m.counter(c.name, c.help).WithLabelValues().Add(float64(c.value))
	}
	m.gauge("esferry_writers", "Bulk requests at once, at most.").WithLabelValues().Set(float64(r.Writers))
	m.gauge("esferry_reader_share_ratio", "The part of their time that readers may spend; 0 while paused.").WithLabelValues().Set(r.Share)
	m.gauge("esferry_ready", "1 where the lease is held and both clusters have answered lately.").WithLabelValues().Set(truth(r.Ready))
	up := m.gauge("esferry_cluster_up", "1 where the cluster answered when it was last asked.", "side")
	answered := m.gauge("esferry_cluster_answer_timestamp_seconds", "When the cluster answered last, since 1970.", "side")
	for _, s := range r.Sides {
		up.WithLabelValues(s.Side).Set(truth(s.Well))
		if !s.Answered.IsZero() {
			answered.WithLabelValues(s.Side).Set(seconds(s.Answered))
		}
	}
}

// cutover is how near one is, and how long it took.
func (m *metrics) cutover(r Running) {
	check := m.gauge("esferry_cutover_check", "1 for each line of the cutover's checklist that is so.", "check")
	for name, ok := range r.Checks {
		check.WithLabelValues(name).Set(truth(ok))
	}
	m.gauge("esferry_blocked_indices", "Indices of the source that carry the ferry's write block, or may.").WithLabelValues().Set(float64(r.Blocked))
	if r.FreezeSeconds != nil {
		m.gauge("esferry_freeze_duration_seconds", "How long the cutover that switched held writers back.").WithLabelValues().Set(*r.FreezeSeconds)
	}
}

// running is how the indices stand.
func (m *metrics) running(indices []RunningIndex) {
	phase := m.gauge("esferry_index_phase", "1 for the phase that the index is in.", "index", "phase")
	at := m.gauge("esferry_index_counted_timestamp_seconds", "When both sides were counted last, since 1970.", "index")
	mark := m.gauge("esferry_shard_watermark", "The sequence number up to which the shard is carried; -1 for none.", "index", "shard")
	var all, counted []JobIndex
	for _, i := range indices {
		phase.WithLabelValues(i.Index, i.Phase).Set(1)
		all = append(all, i.JobIndex)
		if !i.Counted.IsZero() {
			counted = append(counted, i.JobIndex)
			at.WithLabelValues(i.Index).Set(seconds(i.Counted))
		}
		for n, w := range i.Watermarks {
			mark.WithLabelValues(i.Index, strconv.Itoa(n)).Set(float64(w))
		}
	}
	m.counts(counted)
	m.carried(all)
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
