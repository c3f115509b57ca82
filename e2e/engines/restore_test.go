package engines_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"esferry/internal/cluster"
	"esferry/internal/corpus"
	"esferry/internal/lab"
	"esferry/internal/retry"
	"esferry/snapshotpath"
)

// pieces is where the snapshots of these tests are.
const pieces = "pieces"

// restores takes snapshots on an engine and restores them there in every way
// that the product does: what each version does with settings, aliases, closed
// indices and shards that are missing.
func restores(t *testing.T, c *lab.Cluster, dir string) {
	t.Helper()
	e := dial(t, c)
	if err := e.PutRepository(t.Context(), pieces, "fs", map[string]any{"location": filepath.Join(dir, "pieces")}); err != nil {
		t.Fatal(err)
	}
	bound := `"index.number_of_shards":2,"index.number_of_replicas":0,"index.gc_deletes":"7s","index.refresh_interval":"3s",` +
		`"index.auto_expand_replicas":"0-1","index.routing.allocation.exclude._name":"nobody"`
	if c.Engine == lab.ES717 || c.Engine == lab.ES819 {
		bound += `,"index.routing.allocation.include._tier_preference":"data_hot"`
	}
	put(t, c.URL()+"/bound", `{"settings":{`+bound+`}}`)
	put(t, c.URL()+"/unstarted"+withoutWaiting(c), `{"settings":{"index.number_of_shards":1,"index.number_of_replicas":0,"index.routing.allocation.require._name":"nobody"}}`)
	load(t, open(t, c.URL()), "bound", corpus.Logs(time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC), 40, 1))
	post(t, c.URL()+"/_aliases", `{"actions":[{"add":{"index":"bound","alias":"travels"}}]}`)
	put(t, c.URL()+"/bound/_settings", `{"index.blocks.write":true}`)

	takesPieces(t, e)
	restoresAnew(t, c, e)
	restoresOver(t, c, e)
	if c.Engine == lab.OS38 {
		// It takes the time after which the engine is asked.
		neverStarts(t, e)
	}
	for _, name := range []string{"whole", "lacking"} {
		if err := snapshotpath.Delete(t.Context(), e, pieces, name); err != nil {
			t.Error(err)
		}
	}
	left, err := e.Snapshots(t.Context(), pieces)
	if err != nil || slices.ContainsFunc(left, func(s cluster.Snapshot) bool { return s.State == cluster.SnapshotSuccess }) {
		t.Errorf("after the deletes: got %+v (%v)", left, err)
	}
}

func dial(t *testing.T, c *lab.Cluster) *cluster.Cluster {
	t.Helper()
	e, err := cluster.Dial(cluster.Options{URLs: []string{c.URL()}, Patience: retry.Policy{Total: 10 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	if _, err := e.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

// withoutWaiting makes an index whose shards have nowhere to go; the oldest
// engine never waits for them.
func withoutWaiting(c *lab.Cluster) string {
	if c.Engine == lab.ES24 {
		return ""
	}
	return "?wait_for_active_shards=0"
}

// takesPieces takes a whole snapshot, and one that lacks a shard: an error, or
// accepted by choice.
func takesPieces(t *testing.T, e *cluster.Cluster) {
	t.Helper()
	take := func(name string, partial bool, indices ...string) (cluster.Snapshot, error) {
		return snapshotpath.Take(t.Context(), e, snapshotpath.TakeOptions{
			Repository: pieces, Snapshot: name, Ferry: "f", Indices: indices, Partial: partial,
		})
	}
	s, err := take("whole", false, "bound")
	if err != nil || s.State != cluster.SnapshotSuccess || s.StartMillis == 0 || s.EndMillis < s.StartMillis || s.Shards.Total != 2 {
		t.Fatalf("got %+v (%v), want it whole, with its times", s, err)
	}
	if by := snapshotpath.TakenBy(s); e.Identity().KeepsSnapshotMetadata() != (by == "f") {
		t.Errorf("got it taken by %q", by)
	}
	if p, err := e.SnapshotProgress(t.Context(), pieces, "whole"); err != nil || p.Done != 2 || p.Total != 2 || p.Files == 0 || p.Files != p.TotalFiles || p.Bytes == 0 || p.Bytes != p.TotalBytes {
		t.Errorf("got progress %+v (%v), want all shards, files and bytes", p, err)
	}
	if shards, err := e.SnapshotShards(t.Context(), pieces, "whole"); err != nil || shards["bound"] != 2 {
		t.Errorf("got shards %v (%v)", shards, err)
	}
	if _, err := take("whole", false, "bound", "unstarted"); err == nil {
		t.Error("a snapshot of other indices under the name is taken for ours")
	}
	if _, err := take("broken", false, "bound", "unstarted"); err == nil || !strings.Contains(err.Error(), "unstarted") {
		t.Errorf("a primary that is not started: got %v, want an error that names the index", err)
	}
	s, err = take("lacking", true, "bound", "unstarted")
	if err != nil || s.State != cluster.SnapshotPartial || !strings.HasPrefix(strings.Join(snapshotpath.Failures(s), ";"), "unstarted[0]: ") {
		t.Errorf("accepted: got %+v (%v), want the shard that it lacks", s, err)
	}
	if _, err := take("absent", false, "no-such-index"); err == nil {
		t.Error("an index that is not there thins the snapshot out")
	}
}

// off is what indices are restored with here.
func off() map[string]any {
	return map[string]any{"index.number_of_replicas": 0, "index.refresh_interval": "-1", "index.auto_expand_replicas": "false"}
}

// restoresAnew restores under new names: nothing that must not travel does, and
// aliases only by choice.
func restoresAnew(t *testing.T, c *lab.Cluster, e *cluster.Cluster) {
	t.Helper()
	for _, aliases := range []bool{false, true} {
		name := fmt.Sprintf("anew-%t", aliases)
		restore(t, e, snapshotpath.RestoreOptions{Repository: pieces, Snapshot: "lacking", Index: "bound", As: name, Settings: off(), Aliases: aliases})
		there, _, err := e.Standing(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for key := range there.Settings {
			for _, left := range []string{"index.blocks", "index.gc_deletes", "index.routing.allocation.exclude"} {
				if strings.HasPrefix(key, left) {
					t.Errorf("%s came along: %v", key, there.Settings)
				}
			}
		}
		// Newer engines set a tier of their own; the source's must not stay.
		if tier := there.Settings["index.routing.allocation.include._tier_preference"]; tier == "data_hot" {
			t.Errorf("the source's tier came along: %v", there.Settings)
		}
		for key, want := range map[string]string{"index.number_of_replicas": "0", "index.refresh_interval": "-1", "index.auto_expand_replicas": "false"} {
			if there.Settings[key] != want {
				t.Errorf("%s: got %q, want %q", key, there.Settings[key], want)
			}
		}
		if got := strings.Contains(aliasesOf(t, e, name), "travels"); got != aliases {
			t.Errorf("aliases wanted %t: it has them: %t", aliases, got)
		}
		equal(t, c.URL(), c.URL(), "bound", name)
	}
	// What the engines refuse to leave out has to be overridden.
	for _, key := range []string{"index.number_of_replicas", "index.auto_expand_replicas", "index.number_of_shards", "index.uuid"} {
		err := e.Restore(t.Context(), pieces, "whole", cluster.RestoreRequest{Index: "bound", As: "never", Ignored: []string{key}})
		if err == nil || !strings.Contains(err.Error(), "cannot remove") {
			t.Errorf("%s left out: got %v, want a refusal", key, err)
		}
	}
	if err := e.Restore(t.Context(), pieces, "lacking", cluster.RestoreRequest{Index: "unstarted", As: "never"}); err == nil || !strings.Contains(err.Error(), "fully snapshotted") {
		t.Errorf("an index that lacks a shard: got %v, want a refusal", err)
	}
}

func aliasesOf(t *testing.T, e *cluster.Cluster, index string) string {
	t.Helper()
	d, err := e.Definition(t.Context(), index)
	if err != nil {
		t.Fatal(err)
	}
	return string(d.Aliases)
}

// restore restores and waits for it.
func restore(t *testing.T, e *cluster.Cluster, o snapshotpath.RestoreOptions) {
	t.Helper()
	if err := snapshotpath.Restore(t.Context(), e, o); err != nil {
		t.Fatal(err)
	}
	if err := snapshotpath.WaitStarted(t.Context(), e, o.As, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.Refresh(t.Context(), o.As); err != nil {
		t.Fatal(err)
	}
}

// restoresOver restores over indices that are there: what is closed stays the
// same index, and what cannot be restored over is opened again.
func restoresOver(t *testing.T, c *lab.Cluster, e *cluster.Cluster) {
	t.Helper()
	if can, err := e.CanClose(t.Context(), "other"); err != nil || !can {
		t.Errorf("got %t (%v), want indices to be closable", can, err)
	}
	for _, way := range []snapshotpath.Way{snapshotpath.CloseWay, snapshotpath.DeleteWay} {
		name := "over-" + string(way)
		put(t, c.URL()+"/"+name, `{"settings":{"index.number_of_shards":2,"index.number_of_replicas":0,"index.refresh_interval":"9s"},"aliases":{"own-`+name+`":{}}}`)
		load(t, open(t, c.URL()), name, corpus.Of(corpus.Doc{ID: "mine", Source: []byte(`{}`)}))
		o := snapshotpath.RestoreOptions{Repository: pieces, Snapshot: "whole", Index: "bound", As: name, Settings: off()}
		was := over(t, e, name, way, &o)
		restore(t, e, o)
		now, _, err := e.Standing(t.Context(), name)
		if err != nil || !now.Open || (now.UUID == was.UUID) != (way == snapshotpath.CloseWay) {
			t.Errorf("%s: got %+v after %+v (%v)", way, now, was, err)
		}
		if got := strings.Contains(aliasesOf(t, e, name), "own-"+name); got != (way == snapshotpath.CloseWay) {
			t.Errorf("%s: its own alias is there: %t", way, got)
		}
		equal(t, c.URL(), c.URL(), "bound", name)
		// Once more, as after a kill: it is known to be done.
		before := origin(t, e, name, o)
		restore(t, e, o)
		if after := origin(t, e, name, o); before != cluster.FromSnapshot || after != before {
			t.Errorf("%s: got it from %s, then from %s", way, before, after)
		}
		if err := e.PutSettings(t.Context(), []string{name}, snapshotpath.Own(was.Settings, off())); c.Engine != lab.ES24 && err != nil {
			t.Error(err)
		}
	}
	put(t, c.URL()+"/single", `{"settings":{"index.number_of_shards":1,"index.number_of_replicas":0}}`)
	o := snapshotpath.RestoreOptions{Repository: pieces, Snapshot: "whole", Index: "bound", As: "single", Settings: off()}
	over(t, e, "single", snapshotpath.CloseWay, &o)
	err := snapshotpath.Restore(t.Context(), e, o)
	if e, ok := errors.AsType[*cluster.Error](err); !ok || !strings.Contains(e.Reason, "shard") {
		t.Errorf("over another number of shards: got %v, want the engine's refusal", err)
	}
	if now, _, err := e.Standing(t.Context(), "single"); err != nil || !now.Open {
		t.Errorf("it stays closed after the refusal: %+v (%v)", now, err)
	}
	if err := e.Restore(t.Context(), pieces, "whole", cluster.RestoreRequest{Index: "bound", As: "single"}); !cluster.AlreadyThere(err) {
		t.Errorf("over an open index: got %v, want it to be known as that", err)
	}
}

// over records what is restored over, as the product does.
func over(t *testing.T, e *cluster.Cluster, name string, way snapshotpath.Way, o *snapshotpath.RestoreOptions) cluster.Index {
	t.Helper()
	if err := snapshotpath.WaitStarted(t.Context(), e, name, nil); err != nil {
		t.Fatal(err)
	}
	was, found, err := e.Standing(t.Context(), name)
	if err != nil || !found {
		t.Fatalf("%s: %v", name, err)
	}
	last, err := e.LastRecovery(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	o.Over = snapshotpath.Over{UUID: was.UUID, Way: way, WasOpen: true, LastRecovery: last}
	return was
}

func origin(t *testing.T, e *cluster.Cluster, name string, o snapshotpath.RestoreOptions) cluster.Origin {
	t.Helper()
	from, err := e.OriginOf(t.Context(), name, o.Repository, o.Snapshot, o.Over.LastRecovery)
	if err != nil {
		t.Fatal(err)
	}
	return from
}

// neverStarts restores an index that no node may hold, and wants the engine's
// reason for it.
func neverStarts(t *testing.T, e *cluster.Cluster) {
	t.Helper()
	settings := off()
	settings["index.routing.allocation.require._name"] = "nobody"
	err := snapshotpath.Restore(t.Context(), e, snapshotpath.RestoreOptions{Repository: pieces, Snapshot: "whole", Index: "bound", As: "stuck", Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = snapshotpath.WaitStarted(ctx, e, "stuck", nil)
	if stuck, ok := errors.AsType[*snapshotpath.NotStartedError](err); !ok || !strings.Contains(stuck.Reason, "nobody") {
		t.Errorf("got %v, want the engine's reason", err)
	}
	if err := e.DeleteIndex(t.Context(), "stuck"); err != nil {
		t.Error(err)
	}
}
