package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"esferry/internal/cluster"
	"esferry/internal/ferry"
	"esferry/internal/report"
)

func (iv *invocation) snapshotCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Take, follow, list and delete snapshots of the source",
		Long: `snapshot works with the source's repository (snapshot.repository), piece by piece.
With esferry repo copy and esferry restore it makes a nightly job: only what is
new is taken, and copied.`,
		Example: "  esferry snapshot create -c ferry.yaml\n  esferry snapshot list -c ferry.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(iv.snapshotCreateCommand(), iv.snapshotStatusCommand(), iv.snapshotListCommand(), iv.snapshotDeleteCommand())
	return cmd
}

func (iv *invocation) snapshotCreateCommand() *cobra.Command {
	var name string
	var wait, dryRun bool
	cmd := &cobra.Command{
		Use:   "create [INDEX...]",
		Short: "Take a snapshot of the indices that the ferry carries, or of some of them",
		Long: `create asks for a snapshot and follows it to its end. Interrupted, the next call
goes on with it. A snapshot that lacks a shard is an error, unless
snapshot.partial says accept; then its whole indices can be restored.`,
		Example: "  esferry snapshot create -c ferry.yaml\n  esferry snapshot create 'logs-*' --name logs-1 --wait=false -c ferry.yaml",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, indices []string) error {
			q := ferry.TakeRequest{Name: name, Indices: indices, NoWait: !wait}
			if dryRun {
				return iv.withLook(cmd.Context(), func(ctx context.Context, s *session) error {
					t, err := s.ferry.PlanSnapshot(ctx, q)
					if err != nil {
						return err
					}
					return iv.wouldTake(t)
				})
			}
			return iv.withFerry(cmd.Context(), func(ctx context.Context, f *ferry.Ferry) error {
				t, err := f.TakeSnapshot(ctx, q)
				if err != nil {
					return err
				}
				return iv.showTaken(t)
			})
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "the snapshot's name; made of the ferry's and the time when empty")
	cmd.Flags().BoolVar(&wait, "wait", true, "follow it to its end")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "tell which indices it would hold, and change nothing")
	return cmd
}

func (iv *invocation) showTaken(t ferry.Taken) error {
	if iv.json {
		return iv.print(struct {
			Type string `json:"type"`
			ferry.Taken
		}{"summary", t})
	}
	if t.State == "" {
		return iv.write("snapshot %s of %d indices is under way\n", t.Name, len(t.Indices))
	}
	return iv.write("snapshot %s of %d indices: %s in %.1f s\n", t.Name, len(t.Indices), t.State, seconds(t.StartMillis, t.EndMillis))
}

func seconds(startMillis, endMillis int64) float64 { return float64(endMillis-startMillis) / 1000 }

// snapshots is what snapshot list and status look at: the source alone, without
// taking hold of the ferry.
type snapshots struct {
	source     *cluster.Cluster
	repository string
	all        []ferry.ListedSnapshot
	known      []ferry.Taken
}

func (iv *invocation) withSnapshots(ctx context.Context, fn func(s snapshots) error) error {
	c, err := iv.load()
	if err != nil {
		return err
	}
	if c.Snapshot == nil {
		return &usageError{err: errors.New("no snapshot repository is configured"), hint: "say under snapshot how each cluster reaches one"}
	}
	state, err := readStatus(ctx, c)
	if err != nil {
		return err
	}
	source, err := reach(ctx, "source", c.Source)
	if err != nil {
		return err
	}
	defer source.Close()
	s := snapshots{source: source, repository: c.Snapshot.Repository, known: state.Snapshots}
	if _, registered, err := source.Repository(ctx, s.repository); err != nil {
		return err
	} else if registered {
		if s.all, err = ferry.ListSnapshots(ctx, source, s.repository, c.Name, s.known); err != nil {
			return err
		}
	}
	return fn(s)
}

func (iv *invocation) snapshotListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the snapshots of the source's repository, and which are this ferry's",
		Example: "  esferry snapshot list -c ferry.yaml --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return iv.withSnapshots(cmd.Context(), func(s snapshots) error { return iv.showSnapshots(s.all) })
		},
	}
}

// listedSnapshot is one line of snapshot list.
type listedSnapshot struct {
	Snapshot string   `json:"snapshot"`
	State    string   `json:"state"`
	Ours     bool     `json:"ours"`
	Indices  []string `json:"indices"`
	Start    int64    `json:"start_millis"`
	End      int64    `json:"end_millis"`
	Shards   int64    `json:"shards"`
	Failures []string `json:"failures"`
}

func (iv *invocation) showSnapshots(all []ferry.ListedSnapshot) error {
	rows := make([]listedSnapshot, len(all))
	t := tableOf("snapshot", "state", "of this ferry", "begun", "seconds", "indices", "shards", "failed")
	for i, s := range all {
		rows[i] = listedSnapshot{s.Name, s.State, s.Ours, s.Indices, s.StartMillis, s.EndMillis, s.Shards.Total, s.Failures}
		ours := "no"
		if s.Ours {
			ours = "yes"
		}
		took := ""
		if s.EndMillis > 0 {
			took = fmt.Sprintf("%.1f", seconds(s.StartMillis, s.EndMillis))
		}
		t.AppendRow(table.Row{plain(s.Name), s.State, ours, time.UnixMilli(s.StartMillis).UTC().Format("2006-01-02 15:04:05"), took, len(s.Indices), s.Shards.Total, len(s.Failures)})
	}
	if iv.json {
		return iv.print(struct {
			Type      string           `json:"type"`
			Snapshots []listedSnapshot `json:"snapshots"`
		}{"snapshots", rows})
	}
	return iv.write("%s\n", t.Render())
}

func (iv *invocation) snapshotStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "status [NAME]",
		Short:   "Show how far a snapshot is; the newest of this ferry where none is named",
		Example: "  esferry snapshot status -c ferry.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return iv.withSnapshots(cmd.Context(), func(s snapshots) error {
				for _, one := range slices.Backward(s.all) {
					if len(args) == 0 && one.Ours || len(args) == 1 && args[0] == one.Name {
						return iv.showProgress(cmd.Context(), s, one)
					}
				}
				return fmt.Errorf("the repository %s holds no snapshot %s", s.repository, strings.Join(append(args, "of this ferry")[:1], ""))
			})
		},
	}
}

// snapshotStatus is how far a snapshot is. Files and bytes are those that it
// adds to the repository.
type snapshotStatus struct {
	Type string `json:"type"`
	listedSnapshot
	ShardsDone int64 `json:"shards_done"`
	Files      int64 `json:"files"`
	TotalFiles int64 `json:"total_files"`
	Bytes      int64 `json:"bytes"`
	TotalBytes int64 `json:"total_bytes"`
}

func (iv *invocation) showProgress(ctx context.Context, s snapshots, one ferry.ListedSnapshot) error {
	p, err := s.source.SnapshotProgress(ctx, s.repository, one.Name)
	if err != nil {
		return err
	}
	if iv.json {
		return iv.print(snapshotStatus{
			"snapshot_status",
			listedSnapshot{one.Name, one.State, one.Ours, one.Indices, one.StartMillis, one.EndMillis, p.Total, one.Failures},
			p.Done, p.Files, p.TotalFiles, p.Bytes, p.TotalBytes,
		})
	}
	return iv.write("snapshot %s: %s, %d of %d shards, %d of %d files, %s of %s\n", plain(one.Name), one.State,
		p.Done, p.Total, p.Files, p.TotalFiles, report.Size(p.Bytes), report.Size(p.TotalBytes))
}

func (iv *invocation) snapshotDeleteCommand() *cobra.Command {
	var yes, dryRun bool
	q := ferry.DeleteRequest{}
	cmd := &cobra.Command{
		Use:   "delete [NAME...]",
		Short: "Delete snapshots of this ferry from the source's repository",
		Long: `delete deletes the snapshots named, or with --keep all of this ferry's but the
last so many that are whole. It deletes none that this ferry has not taken,
unless --any says so, and none that is still being restored from. A copy in the
target's bucket forgets them with the next esferry repo copy.`,
		Example: "  esferry snapshot delete esferry-search-20261101t031500.000 -c ferry.yaml\n  esferry snapshot delete --keep 7 --yes -c ferry.yaml",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, names []string) error {
			if (len(names) == 0) == (q.Keep < 0) || q.Keep < -1 {
				return &usageError{err: errors.New("delete wants names, or --keep N"), hint: "esferry snapshot list shows them"}
			}
			q.Names = names
			if dryRun {
				return iv.withLook(cmd.Context(), func(ctx context.Context, s *session) error {
					doomed, err := s.ferry.ToDelete(ctx, q)
					if err != nil {
						return err
					}
					return iv.wouldDelete(s.config.Snapshot.Repository, doomed)
				})
			}
			ask := func(names []string) error {
				if yes || len(names) == 0 {
					return nil
				}
				return iv.confirm(cmd, "delete "+strings.Join(names, ", ")+"?")
			}
			return iv.withFerry(cmd.Context(), func(ctx context.Context, f *ferry.Ferry) error { return iv.deleteSnapshots(ctx, f, q, ask) })
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "name what would be deleted, and change nothing")
	cmd.Flags().BoolVar(&q.Any, "any", false, "also those that this ferry has not taken")
	cmd.Flags().IntVar(&q.Keep, "keep", -1, "delete all of this ferry's but the last so many whole ones")
	return cmd
}

func (iv *invocation) deleteSnapshots(ctx context.Context, f *ferry.Ferry, q ferry.DeleteRequest, ask func(names []string) error) error {
	doomed, err := f.ToDelete(ctx, q)
	if err != nil {
		return err
	}
	if err := ask(doomed); err != nil {
		return err
	}
	if err := f.DeleteSnapshots(ctx, doomed); err != nil {
		return err
	}
	return iv.showDeleted(doomed)
}

func (iv *invocation) showDeleted(names []string) error {
	if iv.json {
		return iv.print(struct {
			Type    string   `json:"type"`
			Deleted []string `json:"deleted"`
		}{"summary", names})
	}
	return iv.write("deleted %d snapshots\n", len(names))
}
