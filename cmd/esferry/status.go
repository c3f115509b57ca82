package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"esferry/checkpoint"
	"esferry/internal/config"
	"esferry/internal/control"
	"esferry/internal/ferry"
	"esferry/internal/history"
	"esferry/internal/workers"
	"esferry/snapshotpath"
)

func (iv *invocation) statusCommand() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show what the checkpoint store holds, also while the ferry runs",
		Example: "  esferry status -c ferry.yaml\n  esferry status -c ferry.yaml --watch\n  esferry status --reverse -c ferry.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := iv.asked()
			if err != nil {
				return err
			}
			if watch {
				return iv.watch(cmd.Context(), c)
			}
			s, err := readStatus(cmd.Context(), c)
			if err != nil {
				return err
			}
			return iv.showStatus(s)
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "show it again every two seconds until stopped")
	return iv.reversible(cmd)
}

// readStatus asks the running ferry, or reads the store where none runs.
func readStatus(ctx context.Context, c *config.Config) (s ferry.Status, err error) {
	raw, err := control.Status(ctx, c.Checkpoint.Beside())
	if s.Running, err = answered(raw, err, &s); err == nil && s.Running && c.Name == ferry.BackName(s.Name) {
		return s, &otherWayError{wanted: c.Name, runs: s.Name}
	}
	if s.Running || err != nil {
		return s, err
	}
	err = looking(ctx, c, func(ctx context.Context, store checkpoint.Store, _ checkpoint.Lease) (err error) {
		if s, err = storedStatus(ctx, store, c.Name); err == nil {
			s.Holder, s.Workers, err = crewOf(ctx, store)
		}
		return err
	})
	return s, err
}

// answered decodes what the running ferry says; false where none runs.
func answered(raw json.RawMessage, err error, into any) (bool, error) {
	switch {
	case errors.Is(err, control.ErrNotRunning):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("ask the running ferry: %w", err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return false, fmt.Errorf("read the running ferry's answer: %w", err)
	}
	return true, nil
}

// storedStatus puts together what the store of a ferry holds that does not run.
func storedStatus(ctx context.Context, store checkpoint.Store, name string) (ferry.Status, error) {
	record, indices, err := ferry.Load(ctx, store, name)
	if err != nil {
		return ferry.Status{}, err
	}
	s := ferry.StatusOf(record, indices)
	if s.Pieces, err = ferry.LoadPieces(ctx, store, name); err != nil {
		return s, err
	}
	told, err := history.Load(ctx, store, name)
	s.Downtime = ferry.Downtime(told, indices)
	return s, err
}

func (iv *invocation) showStatus(s ferry.Status) error {
	if iv.json {
		return iv.print(struct {
			Type string `json:"type"`
			ferry.Status
		}{"status", s})
	}
	if err := iv.write("ferry %s: %s\n", s.Name, stateOf(s)); err != nil {
		return err
	}
	if len(s.Blocked) > 0 {
		if err := iv.write("write blocks of ours on the source: %v\n", s.Blocked); err != nil {
			return err
		}
	}
	if err := iv.showRunning(s); err != nil {
		return err
	}
	if err := iv.showDowntime(s.Downtime); err != nil {
		return err
	}
	t := tableOf("index", "target", "path", "phase", "carried up to", "lag", "applied", "deleted", "rejected")
	for _, r := range s.Indices {
		var w int64
		for _, m := range r.Marks {
			w += m.W + 1
		}
		t.AppendRow(table.Row{plain(r.Index), plain(r.Target), r.Path, r.Phase, w, r.Lag, r.Written.Applied, r.Deleted, r.Written.Rejected})
	}
	if len(s.Indices) > 0 || len(s.Restores) == 0 {
		if err := iv.write("%s\n", t.Render()); err != nil {
			return err
		}
	}
	return iv.showUnended(s.Pieces)
}

// showRunning tells who carries, and how fast.
func (iv *invocation) showRunning(s ferry.Status) error {
	if len(s.Workers) > 0 {
		if err := iv.write("workers: %s\n", crewed(s.Workers)); err != nil {
			return err
		}
	}
	if s.Pace != nil {
		if err := iv.write("reading: %s\n", speed(*s.Pace)); err != nil {
			return err
		}
	}
	if w := s.Writers; w != nil {
		if err := iv.write("writers: %s\n", writing(*w)); err != nil {
			return err
		}
	}
	return nil
}

// stateOf tells whether the ferry runs, and where.
func stateOf(s ferry.Status) string {
	switch h := s.Holder; {
	case s.Running:
		return "running"
	case h != nil:
		return fmt.Sprintf("running on %s, pid %d, since %s", plain(h.Host), h.PID, h.Since.Format(time.RFC3339))
	default:
		return "not running"
	}
}

// crewed names the workers.
func crewed(all []workers.Worker) string {
	names := make([]string, len(all))
	for i, w := range all {
		names[i] = plain(w.String())
	}
	slices.Sort(names)
	return fmt.Sprintf("%d: %s", len(names), strings.Join(names, ", "))
}

// showDowntime tells how long a cutover would hold writers back.
func (iv *invocation) showDowntime(d *history.Downtime) error {
	switch {
	case d == nil:
		return nil
	case !d.Known:
		return iv.write("downtime of a cutover: not known yet: %s\n", d.Why)
	}
	without := ""
	if len(d.NotMeasured) > 0 {
		without = "; not measured yet, and to be added: " + strings.Join(d.NotMeasured, ", ")
	}
	return iv.write("stop the writers now and you are down %s s, give or take %s (from the last %d passes%s)\n", about(d.Seconds), about(d.GiveOrTake), d.Laps, without)
}

// about gives seconds with no more digits than a prediction has.
func about(s float64) string {
	if s < 10 {
		return fmt.Sprintf("%.1f", s)
	}
	return fmt.Sprintf("%.0f", s)
}

// showUnended tells of what was begun piece by piece and has not ended.
func (iv *invocation) showUnended(p ferry.Pieces) error {
	for _, t := range p.Snapshots {
		if t.State == "" {
			if err := iv.write("snapshot %s of %d indices has not ended: esferry snapshot create goes on with it\n", plain(t.Name), len(t.Indices)); err != nil {
				return err
			}
		}
	}
	for _, r := range p.Restores {
		if r.Phase == ferry.RestoreDone {
			continue
		}
		warning := ""
		if r.Phase == ferry.RestoreRecorded && r.Way == snapshotpath.CloseWay {
			warning = ", and may be closed until then"
		}
		if err := iv.write("index %s on the target is being restored from snapshot %s%s: esferry restore goes on with it\n", plain(r.Target), plain(r.From), warning); err != nil {
			return err
		}
	}
	return nil
}
