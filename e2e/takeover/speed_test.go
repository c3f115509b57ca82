package takeover_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"esferry/internal/corpus"
	"esferry/internal/lab"
	"esferry/internal/lab/faults"
)

// latency of each request to either engine, so that nothing else bounds a worker.
const latency = 300 * time.Millisecond

// BenchmarkWorkers carries two indices of two shards by one worker and by two, in
// turn, between engines that each request takes 300 ms to reach: docs/scale.md. What
// counts is how many documents a second come while all of them are there.
func BenchmarkWorkers(b *testing.B) {
	s := newSlow(b)
	rates := map[int][]float64{}
	for b.Loop() {
		for _, n := range []int{1, 2} {
			rates[n] = append(rates[n], s.carry(b, n))
		}
	}
	median := func(n int) float64 { slices.Sort(rates[n]); return rates[n][len(rates[n])/2] }
	b.Logf("documents a second, by one worker: %.0f, by two: %.0f", rates[1], rates[2])
	b.ReportMetric(median(1), "docs/s-by-one")
	b.ReportMetric(median(2), "docs/s-by-two")
	b.ReportMetric(median(2)/median(1), "times")
}

// slowDocs is how many documents each of the two indices has.
const slowDocs = 160_000

// slow is two engines far away, and a cluster of etcd.
type slow struct {
	source, target *faults.Proxy
	etcd           *members
	dir            string
	runs           int
}

func newSlow(b *testing.B) *slow {
	b.Helper()
	l := lab.For(b)
	s := &slow{etcd: cluster(b, 1), dir: b.TempDir()}
	behind := func(engine lab.Engine, name string) (*faults.Proxy, string) {
		c := l.StartFor(b, lab.Spec{Engine: engine, Name: name})
		p, err := faults.Start(b.Context(), c.URL())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(p.Close)
		p.Use(faults.Rule{Fault: faults.Delay, For: latency})
		return p, c.URL()
	}
	var near string
	s.source, near = behind(lab.ES710, "source")
	s.target, _ = behind(lab.OS219, "target")
	e, err := corpus.Open(b.Context(), near, nil)
	if err != nil {
		b.Fatal(err)
	}
	for i, name := range indices {
		if err := e.Create(b.Context(), name, 2, ""); err != nil {
			b.Fatal(err)
		}
		if _, err := e.Load(b.Context(), name, corpus.Logs(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), slowDocs, uint64(i))); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// carry has so many workers carry everything into new indices, and gives how many
// documents a second came once all of them were there.
func (s *slow) carry(b *testing.B, n int) float64 {
	b.Helper()
	s.runs++
	yaml := filepath.Join(s.dir, fmt.Sprintf("run%d.yaml", s.runs))
	text := fmt.Sprintf(`name: run%d
source: {url: %s}
target: {url: %s}
indices: {include: ["logs-*"], rename: {logs-a: run%d-a, logs-b: run%d-b}}
stream: {page: {docs: 200}}
checkpoint: {store: etcd, endpoints: [%s]}
`, s.runs, s.source.URL, s.target.URL, s.runs, s.runs, strings.Join(s.etcd.endpoints(), ", "))
	if err := os.WriteFile(yaml, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	all := []*process{start(b, "worker", "--json", "-c", yaml)}
	for range n - 1 {
		all = append(all, start(b, "worker", "--json", "-c", yaml))
	}
	var rate float64
	for _, p := range all {
		if code, stderr := p.end(b); code != 0 {
			b.Fatalf("exit code %d: %s", code, stderr)
		}
		rate = max(rate, leaderRate(b, p, n))
	}
	return rate
}

// leaderRate reads a leader's events; 0 for who did not lead. The clock runs from
// when documents may come, and all are there.
func leaderRate(b *testing.B, p *process, n int) float64 {
	b.Helper()
	var whole, last time.Time
	var docs int64
	streaming, all := false, n == 1
	for line := range p.lines {
		var e struct {
			Time                 time.Time
			Type, Phase, Message string
			Docs                 int64
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			b.Fatal(err)
		}
		streaming = streaming || e.Phase == "stream"
		all = all || e.Message == fmt.Sprintf("%d workers carry beside this process", n-1)
		switch {
		case whole.IsZero() && streaming && all:
			whole = e.Time
		case e.Type == "progress" && !whole.IsZero():
			docs, last = docs+e.Docs, e.Time
		}
	}
	if docs < slowDocs {
		return 0
	}
	return float64(docs) / last.Sub(whole).Seconds()
}
