package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"

	"esferry/checkpoint"
	"esferry/internal/config"
	"esferry/internal/ferry"
	"esferry/sink"
)

// withLook is withSession for those who change nothing: the store is opened for
// reading, and nobody takes hold of the ferry.
func (iv *invocation) withLook(ctx context.Context, fn func(ctx context.Context, s *session) error) error {
	return iv.openSession(ctx, looking, fn)
}

// looking opens the store for reading; a ferry that never ran has an empty one.
func looking(ctx context.Context, c *config.Config, fn func(ctx context.Context, store checkpoint.Store, lease checkpoint.Lease) error) (err error) {
	store, err := openToRead(ctx, c.Checkpoint, c.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return fn(ctx, blank{}, checkpoint.Lease{})
	}
	if err != nil {
		return err
	}
	defer func() {
		if closed := store.Close(); err == nil && closed != nil {
			err = fmt.Errorf("close the checkpoint store: %w", closed)
		}
	}()
	return fn(ctx, store, checkpoint.Lease{})
}

// blank is the store of a ferry that never ran, for those who change nothing.
type blank struct{}

var _ checkpoint.Store = blank{}

// Acquire refuses: nobody takes hold of a ferry that is only looked at.
func (blank) Acquire(context.Context, checkpoint.Holder) (checkpoint.Lease, error) {
	return checkpoint.Lease{}, checkpoint.ErrLeaseLost
}

// Load finds nothing.
func (blank) Load(context.Context, string) ([]byte, error) { return nil, checkpoint.ErrNotFound }

// List finds nothing.
func (blank) List(context.Context, string) ([]checkpoint.Record, error) { return nil, nil }

// Commit refuses.
func (blank) Commit(context.Context, checkpoint.Lease, ...checkpoint.Record) error {
	return checkpoint.ErrLeaseLost
}

// Close does nothing.
func (blank) Close() error { return nil }

// dryRun is what a command would do, as JSON.
type dryRun struct {
	Type    string `json:"type"`
	Command string `json:"command"`
	Would   any    `json:"would"`
}

// wouldDo tells what a command would do: a table below a sentence, or JSON.
func (iv *invocation) wouldDo(command string, would any, sentence string, t table.Writer) error {
	if iv.json {
		return iv.print(dryRun{"dry_run", command, would})
	}
	if err := iv.write("dry run, nothing is changed: %s\n", sentence); err != nil || t == nil {
		return err
	}
	return iv.write("%s\n", t.Render())
}

func (iv *invocation) wouldSync(ctx context.Context, s *session) error {
	due, err := s.ferry.Due(ctx)
	if err != nil {
		return err
	}
	t := tableOf("index", "target", "changes are found by", "operations outstanding", "source docs")
	for _, d := range due {
		outstanding := "not numbered"
		if d.Operations != nil {
			outstanding = strconv.FormatInt(*d.Operations, 10)
		}
		t.AppendRow(table.Row{plain(d.Index), plain(d.Target), d.Delta, outstanding, d.SourceDocs})
	}
	deletes := ", look up what was deleted"
	if s.config.Deletes == config.DeletesIgnore {
		deletes = ""
	}
	return iv.wouldDo("sync", due, fmt.Sprintf("sync would carry what %d indices have outstanding%s, and count both sides", len(due), deletes), t)
}

func (iv *invocation) wouldBackfill(ctx context.Context, f *ferry.Ferry, indices []string, query []byte) error {
	plans := make([]ferry.BackfillPlan, len(indices))
	t := tableOf("index", "target", "docs", "the target index", "")
	for i, name := range indices {
		var err error
		if plans[i], err = f.PlanBackfill(ctx, name, query); err != nil {
			return err
		}
		there, resumes := "would be made", ""
		if plans[i].Exists {
			there = "is there"
		}
		if plans[i].Resumes {
			resumes = "goes on where it stopped"
		}
		t.AppendRow(table.Row{plain(name), plain(plans[i].Target), plans[i].Docs, there, resumes})
	}
	return iv.wouldDo("backfill", plans, "backfill would carry the documents that match now", t)
}

func (iv *invocation) wouldTake(t ferry.Taken) error {
	rows := tableOf("index")
	for _, name := range t.Indices {
		rows.AppendRow(table.Row{plain(name)})
	}
	would := map[string]any{"snapshot": t.Name, "repository": t.Repository, "indices": t.Indices}
	return iv.wouldDo("snapshot create", would, fmt.Sprintf("snapshot %s in repository %s would hold %d indices", plain(t.Name), plain(t.Repository), len(t.Indices)), rows)
}

func (iv *invocation) wouldDelete(repository string, doomed []string) error {
	t := tableOf("snapshot")
	for _, name := range doomed {
		t.AppendRow(table.Row{plain(name)})
	}
	if doomed == nil {
		doomed = []string{}
	}
	return iv.wouldDo("snapshot delete", map[string]any{"snapshots": doomed}, fmt.Sprintf("%d snapshots would be deleted from repository %s", len(doomed), plain(repository)), t)
}

// wouldRetry is what deadletter retry would write again.
type wouldRetry struct {
	Index     string `json:"index"`
	Documents int    `json:"documents"`
}

func (iv *invocation) wouldRedeliver(letters []sink.DeadLetter) error {
	rows := []wouldRetry{}
	for _, l := range letters {
		at := slices.IndexFunc(rows, func(r wouldRetry) bool { return r.Index == l.SourceIndex })
		if at < 0 {
			at, rows = len(rows), append(rows, wouldRetry{Index: l.SourceIndex})
		}
		rows[at].Documents++
	}
	t := tableOf("index", "documents")
	for _, r := range rows {
		t.AppendRow(table.Row{plain(r.Index), r.Documents})
	}
	return iv.wouldDo("deadletter retry", rows, fmt.Sprintf("%d rejected documents would be read from the source and written again", len(letters)), t)
}

func (iv *invocation) wouldForget(r ferry.IndexRecord) error {
	sentence := fmt.Sprintf("how far index %s is carried would be forgotten: phase %s, %d documents applied; the target's index stays", plain(r.Index), r.Phase, r.Written.Applied)
	return iv.wouldDo("checkpoint reset", r, sentence, nil)
}
