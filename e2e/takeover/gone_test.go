package takeover_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"esferry/checkpoint"
	"esferry/checkpoint/etcdstore"
	"esferry/internal/corpus"
	"esferry/internal/group"
	"esferry/internal/lab"
	"esferry/internal/retry"
)

// TestWorkersWithoutStore has workers carry under a hostile writer while the store
// goes: the member of three that leads it, which nobody notices, and then all, twice,
// in windows and in a freeze. Workers say so, carry nothing, and go on when it is back.
func TestWorkersWithoutStore(t *testing.T) {
	t.Parallel()
	// So slow that windows are under way all the time, and yet tell of themselves.
	const rate = "stream: {rate: {docs_per_second: 800}, page: {docs: 100}}\n"
	w := newWorldOf(t, 20_000, rate)
	writer := corpus.NewWriter(corpus.WriterOptions{URL: w.source.URL(), Indices: indices, Rate: 100, Seed: 42, Revive: 2500 * time.Millisecond})
	g, _ := group.New(t.Context())
	g.Go("hostile writer", writer.Run)
	t.Cleanup(writer.Stop)
	stopWatching := w.watch(t)

	c := &crew{world: w}
	for range 4 {
		c.hire(t)
	}
	c.oneMemberDies(t)
	c.allMembersDie(t)
	for _, p := range c.all {
		p.signal(t, syscall.SIGTERM)
		if code, stderr := p.end(t); code != 130 {
			t.Errorf("a worker that was told to end: got exit code %d, want 130: %s", code, stderr)
		}
	}
	w.edit(t, rate, "")
	writer.Stop()
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	w.allMembersDieInTheFreeze(t)
	if looks := stopWatching(); looks < 100 {
		t.Errorf("looked at the watermarks %d times, want a hundred at least", looks)
	}
	w.mustBeEqual(t)
}

// oneMemberDies kills the member that leads: all go on carrying while it is away.
func (c *crew) oneMemberDies(t *testing.T) {
	t.Helper()
	c.carry(t)
	i := c.world.etcd.leader(t)
	c.world.etcd.kill(t, i)
	c.carry(t)
	c.world.etcd.start(t, i)
	c.world.etcd.awaitMember(t, i)
	c.carry(t)
}

// carry waits until two of them have told that they carry: one that does not lead is
// among them.
func (c *crew) carry(t *testing.T) {
	t.Helper()
	for _, p := range c.all {
		p.forget()
	}
	told := map[*process]bool{}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	err := retry.Poll(ctx, "two workers to carry", 50*time.Millisecond, func(context.Context) (bool, error) {
		for _, p := range c.all {
			for len(p.lines) > 0 {
				if strings.Contains(<-p.lines, `"progress"`) {
					told[p] = true
				}
			}
		}
		return len(told) > 1, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

const (
	storeGone = "the checkpoint store is gone, and this worker carries nothing until it is back"
	storeBack = "the checkpoint store is back after"
)

// allMembersDie takes the store from all workers. One of them is told to end while
// it waits. The others go on by themselves.
func (c *crew) allMembersDie(t *testing.T) {
	t.Helper()
	w := c.world
	w.etcd.killAll(t)
	began := time.Now()
	for _, p := range c.all {
		p.await(t, 1, storeGone)
	}
	t.Logf("all workers carry nothing %.1f s after their store had gone", time.Since(began).Seconds())
	before := w.written(t)
	leaver := c.all[0]
	leaver.signal(t, syscall.SIGTERM)
	if code, stderr := leaver.end(t); code != 130 {
		t.Errorf("a worker that is told to end while it waits: got exit code %d, want 130: %s", code, stderr)
	}
	c.all = c.all[1:]
	// A try to reach it, and more.
	if err := retry.Sleep(t.Context(), 8*time.Second); err != nil {
		t.Fatal(err)
	}
	if after := w.written(t); after != before {
		t.Errorf("%d documents were written without a store", after-before)
	}
	w.etcd.startAll(t)
	began = time.Now()
	for _, p := range c.all {
		for _, line := range p.until(t, storeBack) {
			if strings.Contains(line, storeGone) || strings.Contains(line, `"progress"`) {
				t.Errorf("a worker that waits for its store says %s", line)
			}
		}
	}
	c.carry(t)
	t.Logf("workers carry again %.1f s after their store was back", time.Since(began).Seconds())
}

// allMembersDieInTheFreeze takes the store from a worker that holds writers back.
// Whether somebody else counts on its block it cannot know: the block stays, which
// is said, until the store is back; then the cutover is made from its beginning.
func (w *world) allMembersDieInTheFreeze(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(w.hold, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "worker", "--cutover", "--json", "-c", w.yaml)
	p.await(t, 1, `"block writes"`)
	for !w.blocked(t) {
		if err := retry.Sleep(t.Context(), 50*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	w.etcd.killAll(t)
	began := time.Now()
	if said := strings.Join(p.until(t, storeGone), "\n"); !strings.Contains(said, "the source stays blocked") || !strings.Contains(said, "the write blocks on logs-a, logs-b stay") {
		t.Errorf("got %s, want it to say that the source stays blocked", said)
	}
	if !w.blocked(t) {
		t.Error("a process that cannot know whether it has the ferry lifted the block")
	}
	if err := os.Remove(w.hold); err != nil {
		t.Fatal(err)
	}
	t.Logf("the block is said to stay %.1f s after the store had gone", time.Since(began).Seconds())
	w.etcd.startAll(t)
	began = time.Now()
	code, stderr := p.end(t)
	t.Logf("the cutover is done %.1f s after the store was back", time.Since(began).Seconds())
	if code != 0 {
		t.Errorf("got exit code %d, want 0: %s", code, stderr)
	}
	if !w.blocked(t) {
		t.Error("what was left behind takes writes")
	}
}

// TestLostWithoutStore takes the cluster from a holder: it hears that the ferry may be
// somebody else's, when it asks and when it is told, and commits no more.
func TestLostWithoutStore(t *testing.T) {
	t.Parallel()
	c := cluster(t, 1)
	s := open(t, etcdstore.Options{Endpoints: c.endpoints(), Root: "/lost/", TTL: 2 * time.Second})
	lease, err := s.Acquire(t.Context(), checkpoint.Holder{Host: "h", PID: 1})
	if err != nil {
		t.Fatal(err)
	}
	c.killAll(t)
	lost := func(what string, err error) {
		t.Helper()
		var gone *etcdstore.UnreachableError
		if !errors.Is(err, checkpoint.ErrLeaseLost) || !errors.As(err, &gone) {
			t.Errorf("%s: got %v, want the lease lost with its store", what, err)
		}
	}
	lost("asked whose the ferry is", s.Commit(t.Context(), lease))
	lost("told", s.Lost(t.Context()))
	began := time.Now()
	lost("a commit later", s.Commit(t.Context(), lease, checkpoint.Record{Key: "a", Value: []byte("1")}))
	if took := time.Since(began); took > time.Second {
		t.Errorf("a commit without a lease took %s", took)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// written counts what the target was ever asked to index or delete.
func (w *world) written(t *testing.T) (n int64) {
	t.Helper()
	status, answer := lab.Ask(t, "GET", w.target.URL()+"/logs-*/_stats/indexing", "")
	var stats struct {
		All struct {
			Primaries struct {
				Indexing struct {
					Index  int64 `json:"index_total"`
					Delete int64 `json:"delete_total"`
				}
			}
		} `json:"_all"`
	}
	if status != 200 {
		t.Fatalf("ask what was written: status %d: %s", status, answer)
	}
	if err := json.Unmarshal([]byte(answer), &stats); err != nil {
		t.Fatal(err)
	}
	return stats.All.Primaries.Indexing.Index + stats.All.Primaries.Indexing.Delete
}

// mustBeEqual compares both sides, document by document.
func (w *world) mustBeEqual(t *testing.T) {
	t.Helper()
	for _, index := range indices {
		d, err := lab.Compare(t.Context(), w.source.URL(), w.target.URL(), index, index)
		if err != nil {
			t.Fatal(err)
		}
		if !d.Equal() || d.Source == 0 {
			t.Errorf("index %s: %s", index, d)
		}
	}
}
