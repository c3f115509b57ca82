package journey_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"esferry/internal/group"
	"esferry/internal/lab"
	"esferry/internal/lab/faults"
	"esferry/internal/retry"
)

// pace is what ctl prints.
type pace struct {
	Type   string
	Paused bool
	Share  float64
	Braked string
	Rate   struct {
		Docs int64 `json:"docs_per_second"`
	}
}

func ctl(t *testing.T, yaml string, args ...string) (p pace) {
	t.Helper()
	decode(t, esferry(t, append([]string{"ctl", "--json", "-c", yaml}, args...)...).want(t, 0).stdout, &p)
	return p
}

// TestRates bounds a backfill, pauses it, lets it go on without bounds, and lets
// it yield to a source that has enough to do. Then the target dies in the middle
// of a backfill that writes its translog asynchronously.
func TestRates(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.Spec{Engine: lab.ES717}, lab.Spec{Engine: lab.ES819})
	p.load(t, logs("bounded", 8000), logs("braked", 8000), logs("streamed-async", 10000))
	source, _ := p.proxied(t)
	t.Run("bounded", func(t *testing.T) { p.bounded(t, source) })
	t.Run("braked", func(t *testing.T) { p.braked(t, source) })
	t.Run("the target dies", p.diesAsync)
	t.Run("verification", func(t *testing.T) { p.verifiesPaced(t, source) })
	t.Run("under the freeze", func(t *testing.T) { p.frozenUnpaused(t, source) })
}

// until waits for a condition of the test.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if err := retry.Poll(ctx, what, 10*time.Millisecond, func(context.Context) (bool, error) { return done(), nil }); err != nil {
		t.Fatal(err)
	}
}

// ended reads a process's events in the background, and gives its exit code.
func (p *process) ended(t *testing.T) (wait func() int) {
	t.Helper()
	g, _ := group.New(t.Context())
	done := make(chan string)
	g.Go("events", p.drain(done))
	return func() int {
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		return p.end(t)
	}
}

func (p *pair) bounded(t *testing.T, source *faults.Proxy) {
	t.Helper()
	const rate = 200
	yaml := p.config(t, "bounded", "bounded", "stream: {page: {docs: 50}, rate: {docs_per_second: 200}}\n")
	if o := esferry(t, "ctl", "pause", "-c", yaml).want(t, 1); !strings.Contains(o.stderr, "no ferry is running on this store") {
		t.Errorf("without a ferry: got %s", o.stderr)
	}
	source.Use(faults.Rule{Kinds: []faults.Kind{faults.NodeStats}, Fault: faults.Forbidden})
	run := started(t, "backfill", "bounded", "--json", "-c", yaml)
	run.await(t, "stream.brake does nothing")
	run.await(t, `"progress"`)
	// What the bound lets pass at once: a second's documents, and a page of each reader.
	const slack = rate + 2*50
	began, before := time.Now(), source.Counts().Documents
	until(t, "some of the documents", func() bool { return source.Counts().Documents >= before+800 })
	read := float64(source.Counts().Documents - before)
	if took := time.Since(began); read > rate*took.Seconds()+slack {
		t.Errorf("%.0f documents were read in %s, at a bound of %d a second", read, took, rate)
	}
	wait := run.ended(t)
	if now := ctl(t, yaml, "pause"); !now.Paused || now.Rate.Docs != rate || now.Type != "pace" {
		t.Errorf("after the pause: got %+v", now)
	}
	// Without a bound the rest would take a fraction of a second.
	if now := ctl(t, yaml, "rate", "--docs-per-second", "0"); !now.Paused || now.Rate.Docs != 0 {
		t.Errorf("after the rate: got %+v", now)
	}
	paused := source.Counts().Documents
	if err := retry.Sleep(t.Context(), 2*time.Second); err != nil {
		t.Fatal(err)
	}
	// What was asked for before may have arrived since.
	if now := source.Counts().Documents; now > paused+2*50 || now >= 8000 {
		t.Errorf("while paused, the documents read went from %d to %d", paused, now)
	}
	var status struct{ Pace pace }
	decode(t, esferry(t, "status", "--json", "-c", yaml).want(t, 0).stdout, &status)
	if o := esferry(t, "status", "-c", yaml).want(t, 0); !status.Pace.Paused || !strings.Contains(o.stdout, "reading: paused") {
		t.Errorf("the status does not tell of the pause: %+v, %s", status, o.stdout)
	}
	var writers struct{ Writers, Most int }
	decode(t, esferry(t, "ctl", "writers", "3", "--json", "-c", yaml).want(t, 0).stdout, &writers)
	if writers.Writers != 3 || writers.Most != 3 {
		t.Errorf("after ctl writers 3: got %+v", writers)
	}
	if now := ctl(t, yaml, "resume"); now.Paused {
		t.Errorf("after resume: got %+v", now)
	}
	if code := wait(); code != 0 {
		t.Fatalf("got exit code %d: %s", code, tail(run.stderr.String()))
	}
	p.mustBeEqual(t, "bounded")
}

func (p *pair) braked(t *testing.T, source *faults.Proxy) {
	t.Helper()
	yaml := p.config(t, "braked", "braked", "stream: {page: {docs: 50}, rate: {docs_per_second: 200}}\n")
	source.Use(faults.Rule{Fault: faults.FullQueue, Times: 1})
	run := started(t, "backfill", "braked", "--json", "-c", yaml)
	run.await(t, "reading yields", "1000 searches waiting")
	// It is not to be done before the brake lets go.
	if now := ctl(t, yaml, "pause"); now.Share >= 1 || !strings.Contains(now.Braked, "1000 searches waiting") {
		t.Errorf("got %+v, want it braked", now)
	}
	run.await(t, "no longer yields")
	ctl(t, yaml, "resume")
	if now := ctl(t, yaml, "rate", "--docs-per-second", "0"); now.Share != 1 || now.Braked != "" {
		t.Errorf("got %+v, want no brake", now)
	}
	if code := run.ended(t)(); code != 0 {
		t.Fatalf("got exit code %d: %s", code, tail(run.stderr.String()))
	}
	p.mustBeEqual(t, "braked")
}

// diesAsync kills the target while it holds documents that it has acknowledged
// and not made durable, and starts it again: none may be missing.
func (p *pair) diesAsync(t *testing.T) {
	t.Helper()
	yaml := p.config(t, "async", "streamed-async", "stream: {page: {docs: 50}, rate: {docs_per_second: 400}, target_durability: async}\n")
	run := started(t, "run", "--json", "-c", yaml)
	run.await(t, `"progress"`, `"streamed-async"`)
	if got := p.durability(t); !strings.Contains(got, `"async"`) {
		t.Errorf("while it is filled: got %s, want async", got)
	}
	// Or the engine itself might just have written it.
	call(t, "PUT", p.target.URL()+"/streamed-async/_settings", `{"index.translog.sync_interval":"60s"}`)
	before := p.written(t)
	until(t, "documents on the target", func() bool { return p.written(t) >= before+800 })
	acknowledged := p.written(t)
	p.target.Kill()
	wait := run.ended(t)
	if err := p.target.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := p.recovered(t)
	t.Logf("%d operations were acknowledged before the kill, %d are left", acknowledged, left)
	if left >= acknowledged {
		t.Error("the target lost nothing, so that the test shows nothing")
	}
	ctl(t, yaml, "rate", "--docs-per-second", "0")
	if code := wait(); code != 0 {
		t.Fatalf("got exit code %d: %s", code, tail(run.stderr.String()))
	}
	if got := p.durability(t); strings.Contains(got, "async") {
		t.Errorf("after the baseline: got %s, want the index's own", got)
	}
	p.mustBeEqual(t, "streamed-async")
}

// verifiesPaced compares ids at a bound that holds for every reading of the source.
func (p *pair) verifiesPaced(t *testing.T, source *faults.Proxy) {
	t.Helper()
	const docs, rate = 10000, 3000
	yaml := p.config(t, "async", "streamed-async", "stream: {page: {docs: 50}, rate: {docs_per_second: 3000}}\n")
	before, began := source.Counts().Documents, time.Now()
	esferry(t, "verify", "--level", "ids", "--json", "-c", yaml).want(t, 0)
	read := source.Counts().Documents - before
	if took := time.Since(began); read < docs || float64(read) > rate*(took.Seconds()+1)+2*50 {
		t.Errorf("%d documents were read in %s, want all %d, at a bound of %d a second", read, took, docs, rate)
	}
}

// frozenUnpaused pauses a ferry before the freeze, which then waits for resume,
// and in the last lap, which writers wait for: there it is refused.
func (p *pair) frozenUnpaused(t *testing.T, source *faults.Proxy) {
	t.Helper()
	yaml := filepath.Join(p.dir, "async.yaml")
	// On a machine with much to do it takes seconds to start a command.
	source.Use(faults.Rule{Kinds: []faults.Kind{faults.Count}, Fault: faults.Delay, For: 10 * time.Second})
	run := started(t, "run", "--cutover", "--json", "-c", yaml)
	run.await(t, `"phase_begun"`, `"approach the freeze"`)
	ctl(t, yaml, "pause")
	run.await(t, "the freeze begins after esferry ctl resume")
	ctl(t, yaml, "resume")
	run.await(t, `"phase_begun"`, `"verify counts"`)
	if o := esferry(t, "ctl", "pause", "-c", yaml).want(t, 1); !strings.Contains(o.stderr, "under the freeze is not to be slowed") {
		t.Errorf("got %s, want a refusal", o.stderr)
	}
	source.Use()
	if code := run.ended(t)(); code != 0 {
		t.Fatalf("got exit code %d: %s", code, tail(run.stderr.String()))
	}
	p.mustBeEqual(t, "streamed-async")
}

func (p *pair) durability(t *testing.T) string {
	t.Helper()
	return call(t, "GET", p.target.URL()+"/streamed-async/_settings/index.translog.durability", "")
}

// written is how many operations the target's primaries have numbered.
func (p *pair) written(t *testing.T) int64 {
	t.Helper()
	n, ok := p.operations(t)
	if !ok {
		t.Fatal("the target does not tell what was written")
	}
	return n
}

// recovered is written, of a target that has just been started.
func (p *pair) recovered(t *testing.T) (n int64) {
	t.Helper()
	until(t, "the target's shards", func() (ok bool) {
		n, ok = p.operations(t)
		return ok
	})
	return n
}

func (p *pair) operations(t *testing.T) (sum int64, ok bool) {
	t.Helper()
	status, answer := lab.Ask(t, "GET", p.target.URL()+"/streamed-async/_stats?level=shards", "")
	if status != 200 {
		return 0, false
	}
	var stats struct {
		Indices map[string]struct {
			Shards map[string][]struct {
				SeqNo struct {
					Max int64 `json:"max_seq_no"`
				} `json:"seq_no"`
			}
		}
	}
	decode(t, answer, &stats)
	shards := stats.Indices["streamed-async"].Shards
	for _, copies := range shards {
		sum += copies[0].SeqNo.Max + 1
	}
	return sum, len(shards) == 2
}
