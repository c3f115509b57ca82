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
// turn, three times each, between engines that each request takes 300 ms to reach:
// docs/scale.md. Two are to be 1.8 times as fast.
func BenchmarkWorkers(b *testing.B) {
	for b.Loop() {
		s := newSlow(b)
		took := map[int][]float64{}
		for range 3 {
			for _, n := range []int{1, 2} {
				took[n] = append(took[n], s.carry(b, n))
			}
		}
		median := func(n int) float64 { slices.Sort(took[n]); return took[n][1] }
		b.Logf("one worker: %.1f s, two: %.1f s", took[1], took[2])
		b.ReportMetric(slowDocs*2/median(1), "docs/s-by-one")
		b.ReportMetric(slowDocs*2/median(2), "docs/s-by-two")
		b.ReportMetric(median(1)/median(2), "times")
	}
}

// slowDocs is how many documents each of the two indices has.
const slowDocs = 40_000

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

// carry has so many workers carry everything into new indices, and gives the
// seconds that the streams took.
func (s *slow) carry(b *testing.B, n int) (seconds float64) {
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
	var all []*process
	for range n {
		all = append(all, start(b, "worker", "--json", "-c", yaml))
	}
	for _, p := range all {
		if code, stderr := p.end(b); code != 0 {
			b.Fatalf("exit code %d: %s", code, stderr)
		}
		for line := range p.lines {
			var e struct {
				Type, Phase string
				Seconds     float64
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				b.Fatal(err)
			}
			if e.Type == "phase_ended" && e.Phase == "stream" {
				seconds = max(seconds, e.Seconds)
			}
		}
	}
	if seconds == 0 {
		b.Fatal("nobody streamed")
	}
	return seconds
}
