package journey_test

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"esferry/internal/lab"
	"esferry/internal/lab/faults"
	"esferry/internal/retry"
)

// soakFor is how long TestSoak lasts; SOAK=30m for make soak.
const soakFor = 30 * time.Second

// keptAlive is after how long an engine has closed what a dead process left open:
// a scroll's keep-alive, and the engine's own look every minute.
const keptAlive = 5*time.Minute + time.Minute + 30*time.Second

// soak is a ferry that follows its source for a long time.
type soak struct {
	*pair
	source, target *faults.Proxy
	yaml           string
	lasts          time.Duration
	// kinds of figures, in the order in which they are told; series by kind.
	kinds  []string
	series map[string][]float64
	// killed is when the last process was that had scrolls open, and left how many
	// it left.
	killed time.Time
	left   int
	// lives counts the processes that followed.
	lives int
}

// TestSoak follows a source with a live writer, under faults on either side, and
// watches what could grow: memory, goroutines, file handles, and scroll contexts on
// the source. Contexts that a kill left open are closed by their keep-alive.
func TestSoak(t *testing.T) {
	t.Parallel()
	s := &soak{
		pair: newPair(t, lab.Spec{Engine: lab.ES710}, lab.Spec{Engine: lab.OS219}), lasts: soakFor, series: map[string][]float64{},
		kinds: []string{"process_resident_memory_bytes", "go_goroutines", "process_open_fds", "contexts"},
	}
	if text := os.Getenv("SOAK"); text != "" {
		var err error
		if s.lasts, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	s.load(t, library(t, 1000), logs("streamed-logs", 4000))
	s.source, s.target = s.proxied(t)
	s.yaml = s.config(t, "soak", `code, "streamed-*"`, "stream: {page: {docs: 100}, brake: {search_queue: 0}}\n")
	finished(t, theWorld.released, "run", "-c", s.yaml).want(t, 0)
	s.killReaders(t)
	stop := s.writing(t, 50, "code", "streamed-logs")
	began := time.Now()
	for time.Since(began) < s.lasts {
		s.follow(t, began.Add(s.lasts))
	}
	t.Logf("writer %s", stop())
	s.source.Use()
	s.target.Use()
	finished(t, theWorld.released, "sync", "-c", s.yaml).want(t, 0)
	s.mustBeFlat(t)
	s.mustBeClosed(t)
	s.mustBeEqual(t, "code", "streamed-logs")
}

// killReaders kills readers in the middle of their scrolls.
func (s *soak) killReaders(t *testing.T) {
	t.Helper()
	for range 3 {
		pages := s.source.Counts().ByKind[faults.Page]
		p := startedBy(t, theWorld.released, "verify", "--level", "ids", "--json", "-c", s.yaml)
		until(t, "pages", func() bool { return s.source.Counts().ByKind[faults.Page] > pages+3 })
		p.kill(t)
	}
	s.killed, s.left = time.Now(), s.contexts(t)
	t.Logf("%d scroll contexts are open after three kills", s.left)
}

// contexts counts the searches that the source keeps open.
func (s *soak) contexts(t *testing.T) (open int) {
	t.Helper()
	var answer struct {
		Nodes map[string]struct {
			Indices struct {
				Search struct {
					Open int `json:"open_contexts"`
				}
			}
		}
	}
	decode(t, call(t, "GET", s.pair.source.URL()+"/_nodes/stats/indices/search", ""), &answer)
	for _, n := range answer.Nodes {
		open += n.Indices.Search.Open
	}
	return open
}

// follow runs one process until the end, or its own, and takes its figures.
func (s *soak) follow(t *testing.T, end time.Time) {
	t.Helper()
	s.lives++
	if s.lives > 200 {
		t.Fatal("it does not live long enough")
	}
	trouble := func(seed uint64) []faults.Rule {
		var rules []faults.Rule
		for i, f := range []faults.Fault{faults.Refuse, faults.LoseAnswer, faults.GatewayTimeout, faults.HalfAnswer, faults.TooMany, faults.Unavailable, faults.BusyItems, faults.FailedShards, faults.TimedOut} {
			rules = append(rules, faults.Rule{Chance: 0.005, Seed: seed + uint64(i), Fault: f})
		}
		return rules
	}
	s.source.Use(trouble(uint64(100 * s.lives))...)
	s.target.Use(trouble(uint64(100*s.lives + 50))...)
	run := startedBy(t, theWorld.released, "serve", "--listen", "127.0.0.1:0", "--interval", "300ms", "--json", "-c", s.yaml)
	page, ok := run.page()
	if !ok {
		t.Logf("process %d ended with exit code %d before its page: %s", s.lives, run.end(t), lastLine(run.stderr.String()))
		return
	}
	wait := run.ended(t)
	for time.Now().Before(end) && s.sample(t, page) {
		if err := retry.Sleep(t.Context(), 500*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if time.Now().Before(end) {
		t.Logf("process %d ended with exit code %d: %s", s.lives, wait(), lastLine(run.stderr.String()))
		return
	}
	if err := run.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	wait()
}

// page reads events until one tells where the page is; false where none does.
func (p *process) page() (string, bool) {
	for {
		line, ok := p.next()
		if !ok {
			return "", false
		}
		if at := regexp.MustCompile(`the live page is (http://[0-9.:]+/)`).FindStringSubmatch(line); at != nil {
			return at[1], true
		}
	}
}

// sample takes the figures of a process; false where it has ended.
func (s *soak) sample(t *testing.T, page string) bool {
	t.Helper()
	text, ok := s.scrape(t, page+"metrics")
	if !ok {
		return false
	}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, _, _ = strings.Cut(name, "{")
		if !slices.Contains(s.kinds, name) {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatal(err)
		}
		s.series[name] = append(s.series[name], n)
	}
	s.series["contexts"] = append(s.series["contexts"], float64(max(0, s.contexts(t))))
	return true
}

// mustBeFlat compares the medians of the first and the last third; the first tenth
// is not counted, in which pools and caches fill.
func (s *soak) mustBeFlat(t *testing.T) {
	t.Helper()
	// What a third may have more than the first: a share, and some.
	slack := map[string][2]float64{
		"process_resident_memory_bytes": {0.15, 8 << 20}, "go_goroutines": {0.1, 8}, "process_open_fds": {0.1, 8}, "contexts": {0, 8},
	}
	for _, kind := range s.kinds {
		all := s.series[kind]
		all = all[len(all)/10:]
		if len(all) < 9 {
			t.Fatalf("%s: only %d figures were taken", kind, len(all))
		}
		first, last := median(all[:len(all)/3]), median(all[2*len(all)/3:])
		t.Logf("%-30s median %.0f in the first third, %.0f in the last, %.0f at most, of %d", kind, first, last, slices.Max(all), len(all))
		if allowed := first*(1+slack[kind][0]) + slack[kind][1]; last > allowed {
			t.Errorf("%s grows: the median goes from %.0f to %.0f, allowed is %.0f", kind, first, last, allowed)
		}
	}
	t.Logf("%s, %d processes, %d faults on the source's side and %d on the target's", s.lasts, s.lives, s.source.Injected(), s.target.Injected())
}

func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

// mustBeClosed: none is left open that a living process has used, and once their
// keep-alive is over, none at all. A short soak ends before.
func (s *soak) mustBeClosed(t *testing.T) {
	t.Helper()
	now := s.contexts(t)
	t.Logf("%d scroll contexts are open at the end, %s after the kills that left %d", now, time.Since(s.killed).Round(time.Second), s.left)
	if s.lasts < keptAlive-2*time.Minute {
		return
	}
	for now > 0 && time.Since(s.killed) < s.lasts+keptAlive {
		if err := retry.Sleep(t.Context(), 5*time.Second); err != nil {
			t.Fatal(err)
		}
		now = s.contexts(t)
	}
	t.Logf("%d scroll contexts are open %s after the last kill", now, time.Since(s.killed).Round(time.Second))
	if now > 0 {
		t.Errorf("%d scroll contexts are open beyond their keep-alive", now)
	}
}

// scrape gives what a page answers; false where nobody does.
func (s *soak) scrape(t *testing.T, at string) (string, bool) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", false
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), err == nil && answer.StatusCode == http.StatusOK
}
