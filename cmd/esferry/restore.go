package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"esferry/internal/ferry"
)

func (iv *invocation) restoreCommand() *cobra.Command {
	var q ferry.RestoreRequest
	var onExisting string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "restore [INDEX...]",
		Short: "Restore indices of a snapshot on the target",
		Long: `restore restores the indices that the ferry carries, or some of them, from the
newest snapshot that this ferry has taken, and counts them against the source.
An index that the target has already is treated as snapshot.on_existing says:
error refuses, close restores over it, delete deletes it first, rename leaves it
alone and gives the restored one a name with a time. Interrupted, the next call
ends that restore first; what is restored from a snapshot is not restored from it
again.`,
		Example: "  esferry restore --dry-run -c ferry.yaml\n  esferry restore users --on-existing close -c ferry.yaml",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, indices []string) error {
			q.Indices, q.OnExisting = indices, ferry.OnExisting(onExisting)
			ways := []ferry.OnExisting{"", ferry.RefuseExisting, ferry.CloseExisting, ferry.DeleteExisting, ferry.RenameRestored}
			if !slices.Contains(ways, q.OnExisting) {
				return &usageError{err: fmt.Errorf("--on-existing %s is not one of error, close, delete, rename", onExisting), hint: "esferry restore --help tells what they do"}
			}
			if dryRun {
				return iv.withLook(cmd.Context(), func(ctx context.Context, s *session) error { return iv.wouldRestore(ctx, s.ferry, q) })
			}
			return iv.withFerry(cmd.Context(), func(ctx context.Context, f *ferry.Ferry) error { return iv.restore(ctx, f, q) })
		},
	}
	cmd.Flags().StringVar(&q.Snapshot, "snapshot", "", "the snapshot to restore from; the newest of this ferry when empty")
	cmd.Flags().StringVar(&onExisting, "on-existing", "", "error, close, delete or rename: instead of snapshot.on_existing")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what would be done and change nothing")
	return cmd
}

// wouldRestore shows what a restore would do.
func (iv *invocation) wouldRestore(ctx context.Context, f *ferry.Ferry, q ferry.RestoreRequest) error {
	p, err := f.PlanRestore(ctx, q)
	if err != nil {
		return err
	}
	if err := iv.showRestorePlan(p); err != nil {
		return err
	}
	return ferry.Obstructed(p.Obstacles)
}

func (iv *invocation) restore(ctx context.Context, f *ferry.Ferry, q ferry.RestoreRequest) error {
	if err := f.RegisterTarget(ctx); err != nil {
		return err
	}
	p, err := f.PlanRestore(ctx, q)
	if err != nil {
		return err
	}
	done, err := f.Restore(ctx, p)
	if err != nil && !errors.Is(err, ferry.ErrDifference) {
		return err
	}
	if err := errors.Join(iv.showRestored(p.Snapshot, done), err); err != nil || !p.Unfinished {
		return err
	}
	// What was interrupted has ended; now the newest.
	return iv.restore(ctx, f, q)
}

func (iv *invocation) showRestorePlan(p ferry.RestorePlan) error {
	if iv.json {
		return iv.print(struct {
			Type string `json:"type"`
			ferry.RestorePlan
		}{"restore_plan", p})
	}
	t := tableOf("index", "target", "what the target has", "begun before")
	for _, s := range p.Indices {
		t.AppendRow(table.Row{plain(s.Index), plain(s.Target), s.Existing, s.Phase})
	}
	if err := iv.write("from snapshot %s\n%s\n", plain(p.Snapshot), t.Render()); err != nil {
		return err
	}
	for _, o := range p.Obstacles {
		if err := iv.write("obstacle: %s\n", plain(o.String())); err != nil {
			return err
		}
	}
	return nil
}

// restoreSummary closes a restore.
type restoreSummary struct {
	Type     string           `json:"type"`
	Snapshot string           `json:"snapshot"`
	Equal    bool             `json:"equal"`
	Indices  []ferry.Restored `json:"indices"`
}

func (iv *invocation) showRestored(snapshot string, done []ferry.Restored) error {
	s := restoreSummary{Type: "summary", Snapshot: snapshot, Equal: true, Indices: done}
	t := tableOf("index", "target", "what the target had", "source docs", "target docs", "")
	for _, r := range done {
		row := table.Row{plain(r.Index), plain(r.Target), r.Existing}
		if c := r.Counts; c != nil {
			s.Equal = s.Equal && c.Equal
			row = append(row, c.Source, c.Target, judged(*c))
		} else {
			s.Equal = false
			row = append(row, "gone", "", "")
		}
		t.AppendRow(row)
	}
	if iv.json {
		return iv.print(s)
	}
	return iv.write("from snapshot %s\n%s\n", plain(snapshot), t.Render())
}

func judged(c ferry.Counts) string {
	switch {
	case c.Equal:
		return "equal"
	case c.Moving:
		return "the source has moved since"
	default:
		return "DIFFERENT"
	}
}
