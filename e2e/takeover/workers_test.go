package takeover_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"esferry/internal/corpus"
	"esferry/internal/group"
	"esferry/internal/lab/faultcase"
	"esferry/internal/retry"
)

// workersVariable is how long the workers are troubled: longer than in CI, on wish.
const workersVariable = "WORKERS"

// crew is workers of one ferry that die, are stopped, wake up, and are replaced.
type crew struct {
	world *world
	all   []*process
	// stopped ones wake up at their time.
	stopped map[*process]time.Time
	killed  int
	woken   []*process
	// said is what was heard of each since it was last waited for.
	said map[*process]*strings.Builder
}

// hire starts one more, and waits until it has begun: from then on it heeds signals.
func (c *crew) hire(t *testing.T) {
	t.Helper()
	p := start(t, "worker", "--follow", "--interval", "200ms", "--json", "-c", c.world.yaml)
	p.await(t, 1, "{")
	c.all = append(c.all, p)
}

// trouble kills one worker and stops another, every few seconds; who is stopped is
// woken past its lease. There are four that run all the time.
func (c *crew) trouble(t *testing.T, r *rand.Rand, turn int) {
	t.Helper()
	c.stillThere(t)
	i := r.IntN(len(c.all))
	if turn%2 == 1 {
		i = c.carrying(t, i)
	}
	victim := c.all[i]
	c.all = append(c.all[:i], c.all[i+1:]...)
	if turn%2 == 0 {
		victim.signal(t, syscall.SIGKILL)
		victim.end(t)
		c.killed++
	} else {
		victim.signal(t, syscall.SIGSTOP)
		c.stopped[victim] = time.Now().Add(12 * time.Second)
	}
	c.hire(t)
	c.wake(t, time.Now())
}

// carrying gives one who leads, or has a seat: there is something for it to lose. The
// search begins with the given one, which it is where others have all the windows:
// those that were woken, and go on.
func (c *crew) carrying(t *testing.T, first int) (found int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	err := retry.Poll(ctx, "a worker to carry something", 100*time.Millisecond, func(context.Context) (bool, error) {
		for i := range c.all {
			found = (first + i) % len(c.all)
			if c.carried(c.all[found]) {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return first
	}
	return found
}

// wake continues those who are stopped until then.
func (c *crew) wake(t *testing.T, until time.Time) {
	t.Helper()
	for p, at := range c.stopped {
		if until.After(at) {
			p.signal(t, syscall.SIGCONT)
			delete(c.stopped, p)
			c.woken = append(c.woken, p)
		}
	}
}

// TestWorkers has four workers carry two indices that a hostile writer writes to.
// Every few seconds one is killed, or stopped past its lease and woken, whoever
// leads among them. No watermark goes back, what the woken ones write to the store
// is refused, and both sides are equal in the end. At last several compare both sides,
// and copy from bucket to bucket.
func TestWorkers(t *testing.T) {
	faultcase.Shows(t, 2, "a worker of many is stopped past its lease, and wakes up")
	faultcase.Shows(t, 1, "workers of one ferry are killed, whoever leads among them")
	lasting := 30 * time.Second
	if text := os.Getenv(workersVariable); text != "" {
		var err error
		if lasting, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	// So slow that windows are under way all the time.
	const rate = "stream: {rate: {docs_per_second: 800}}\n"
	docs := int(lasting.Seconds())*500 + 15_000
	w := newWorldOf(t, docs, rate)
	writer := corpus.NewWriter(corpus.WriterOptions{URL: w.source.URL(), Indices: indices, Rate: 100, Seed: 42, Revive: 2500 * time.Millisecond})
	g, _ := group.New(t.Context())
	g.Go("hostile writer", writer.Run)
	t.Cleanup(writer.Stop)
	stopWatching := w.watch(t)

	c := &crew{world: w, stopped: map[*process]time.Time{}, said: map[*process]*strings.Builder{}}
	c.hire(t)
	c.all[0].await(t, 1, `"progress"`)
	c.hire(t)
	c.oneWakesUp(t, c.all[1])
	for range 2 {
		c.hire(t)
	}
	r := rand.New(rand.NewPCG(42, 0))
	for until, turn := time.Now().Add(lasting), 0; time.Now().Before(until) || turn < 4; turn++ {
		if err := retry.Sleep(t.Context(), 4*time.Second); err != nil {
			t.Fatal(err)
		}
		c.trouble(t, r, turn)
	}
	for len(c.stopped) > 0 {
		c.wake(t, time.Now())
		if err := retry.Sleep(t.Context(), 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	c.awaitLoss(t)
	writer.Stop()
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	stop(t, slices.Concat(c.all, c.woken)...)
	c.mustHaveTold(t)
	t.Logf("killed %d, woken %d; writer %+v", c.killed, len(c.woken)+1, writer.Stats())
	w.edit(t, rate, "")
	esferry(t, 0, "run", "--json", "-c", w.yaml)
	w.looksTogether(t)
	esferry(t, 0, "worker", "--cutover", "--json", "-c", w.yaml)
	if looks := stopWatching(); looks < 100 {
		t.Errorf("looked at the watermarks %d times, want a hundred at least", looks)
	}
	w.mustBeEqual(t)
	w.verifyTogether(t, len(indices)*docs)
	w.copiedByWorkers(t)
}

// hear gives what a worker has said until now, and whether it was its last.
func (c *crew) hear(p *process) (said string, ended bool) {
	if c.said[p] == nil {
		c.said[p] = &strings.Builder{}
	}
	events, ended := p.heard()
	for _, line := range events {
		c.said[p].WriteString(line + "\n")
	}
	return c.said[p].String(), ended
}

// stillThere fails where a worker has ended by itself.
func (c *crew) stillThere(t *testing.T) {
	t.Helper()
	for _, p := range c.all {
		if said, ended := c.hear(p); ended {
			code, stderr := p.end(t)
			t.Fatalf("a worker ended by itself: exit code %d: %s\n%s", code, stderr, said[max(0, len(said)-4000):])
		}
	}
}

// carried reports whether a worker has carried something.
func (c *crew) carried(p *process) bool {
	said, _ := c.hear(p)
	return strings.Contains(said, `"progress"`)
}

// lost reports whether a woken worker has said that it lost its lead or its seat.
func (c *crew) lost(p *process) bool {
	said, _ := c.hear(p)
	return strings.Contains(said, "this worker leads no more") || strings.Contains(said, "this worker has lost its seat")
}

// awaitLoss waits until one of those that were woken has noticed.
func (c *crew) awaitLoss(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	err := retry.Poll(ctx, "a woken worker to have lost something", 100*time.Millisecond, func(context.Context) (bool, error) {
		return slices.ContainsFunc(c.woken, c.lost), nil
	})
	if err != nil {
		t.Error(err)
	}
}

// mustHaveTold reads what is left of what the workers have said, once they have
// ended: the troubled ones carried, not one of them alone.
func (c *crew) mustHaveTold(t *testing.T) {
	t.Helper()
	lost, carried := 0, 0
	for _, p := range c.woken {
		if c.lost(p) {
			lost++
		}
	}
	for _, p := range slices.Concat(c.all, c.woken) {
		if c.carried(p) {
			carried++
		}
	}
	if carried < 2 {
		t.Errorf("%d of all have carried, want two", carried)
	}
	t.Logf("%d of %d woken workers have lost something; %d of all have carried", lost, len(c.woken), carried)
}

// edit replaces a piece of the configuration.
func (w *world) edit(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(w.yaml)
	if err == nil && !strings.Contains(string(text), from) {
		t.Fatalf("%q is not in the configuration", from)
	}
	if err == nil {
		err = os.WriteFile(w.yaml, []byte(strings.Replace(string(text), from, to, 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// oneWakesUp stops a worker in the middle of a window past its lease: when it
// wakes up, what it writes to the store is refused, and it takes another seat.
func (c *crew) oneWakesUp(t *testing.T, p *process) {
	t.Helper()
	p.await(t, 1, `"progress"`)
	if stdout, _ := esferry(t, 0, "status", "-c", c.world.yaml); !strings.Contains(stdout, fmt.Sprintf("workers: 1: pid %d on", p.cmd.Process.Pid)) {
		t.Errorf("status does not name the worker: %s", stdout)
	}
	p.signal(t, syscall.SIGSTOP)
	c.all[0].forget()
	// Its windows are carried by others.
	c.all[0].await(t, 1, fmt.Sprintf("worker pid %d on", p.cmd.Process.Pid))
	p.signal(t, syscall.SIGCONT)
	p.await(t, 1, "the store has refused")
	p.await(t, 1, `"progress"`)
}
