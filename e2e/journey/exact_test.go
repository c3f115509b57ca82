package journey_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"esferry/internal/corpus"
	"esferry/internal/group"
	"esferry/internal/lab"
)

// kills is how often each pair's ferry is killed: ESFERRY_KILLS, or 10.
func kills(t *testing.T) int {
	t.Helper()
	text, ok := os.LookupEnv("ESFERRY_KILLS")
	if !ok {
		return 10
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("ESFERRY_KILLS: %v", err)
	}
	return n
}

// TestExactUnderFire carries indices whose writer never pauses: it updates,
// deletes, makes deleted documents anew after the source has forgotten their
// versions, and uses routings of its own. esferry is killed with SIGKILL at
// random moments all the while. In the end all is equal, in ids, routings,
// versions and contents.
func TestExactUnderFire(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ source, target lab.Engine }{
		{lab.ES56, lab.ES68},
		{lab.ES68, lab.OS219},
		{lab.ES710, lab.ES819},
		{lab.ES56, lab.OS38},
		{lab.ES24, lab.ES56},
	} {
		t.Run(string(c.source)+" to "+string(c.target), func(t *testing.T) {
			t.Parallel()
			p := newPair(t, lab.Spec{Engine: c.source}, lab.Spec{Engine: c.target})
			p.load(t, library(t, 1500), logs("logs-2026.11.01", 2000), logs("streamed-logs", 1000))
			names := []string{"code", "logs-2026.11.01", "streamed-logs"}
			for _, name := range names {
				call(t, "PUT", p.source.URL()+"/"+name+"/_settings", `{"index.gc_deletes":"1s"}`)
			}
			// So many of so few come back under their old ids that a share of
			// deletes means nothing here.
			yaml := p.config(t, "fire", `code, "logs-*", "streamed-*"`, "stream: {page: {docs: 200}}\ncutover: {aliases: {found: code}}\n")
			stop := p.hostile(t, 100, names...)
			n := kills(t)
			r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
			p.killAtRandom(t, r, n/2, "run", "--json", "-c", yaml)
			esferry(t, "run", "--json", "-c", yaml).want(t, 0)
			p.killAtRandom(t, r, n-n/2, "sync", "--follow", "--interval", "100ms", "--json", "-c", yaml)
			esferry(t, "run", "--cutover", "--json", "-c", yaml).want(t, 0)
			stats := stop()
			if stats.Failed > 0 || stats.Inserted == 0 || stats.Updated == 0 || stats.Deleted == 0 || stats.Revived == 0 {
				t.Errorf("the writer did not do all that it should: %+v", stats)
			}
			t.Logf("%d kills; writer %+v", n, stats)
			p.mustBeEqual(t, names...)
		})
	}
}

// hostile is writing with documents that come back two seconds after they were
// deleted.
func (p *pair) hostile(t *testing.T, rate int, indices ...string) (stop func() corpus.Stats) {
	t.Helper()
	return hostileAt(t, p.source.URL(), 42, rate, indices)
}

func hostileAt(t *testing.T, url string, seed uint64, rate int, indices []string) (stop func() corpus.Stats) {
	t.Helper()
	w := corpus.NewWriter(corpus.WriterOptions{URL: url, Indices: indices, Rate: rate, Seed: seed, Revive: 2500 * time.Millisecond})
	g, _ := group.New(t.Context())
	g.Go("hostile writer", w.Run)
	t.Cleanup(w.Stop)
	return func() corpus.Stats {
		w.Stop()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		return w.Stats()
	}
}

// killAtRandom runs the binary so many times and kills it after up to four
// seconds, early moments more often than late ones.
func (p *pair) killAtRandom(t *testing.T, r *rand.Rand, times int, args ...string) {
	t.Helper()
	for range times {
		life := time.Duration(r.Float64() * r.Float64() * float64(4*time.Second))
		alive := started(t, args...)
		events := make(chan string, 1)
		g, _ := group.New(t.Context())
		g.Go("events", alive.drain(events))
		select {
		case <-time.After(life):
		case <-events:
		}
		if err := alive.cmd.Process.Kill(); err != nil {
			t.Log(err)
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		alive.end(t)
		alive.mustNotHaveFailed(t)
		t.Logf("killed after %s at %.120s", life.Round(time.Millisecond), alive.last)
	}
}
