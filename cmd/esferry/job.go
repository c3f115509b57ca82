package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"esferry/internal/ferry"
	"esferry/internal/report"
)

// job is a command that a timer starts, and what it tells those who watch it.
type job struct {
	command string
	// metrics is the file that is left for node_exporter; empty for none.
	metrics string
	// unchanged is the exit code of a run that had nothing to carry; 0 is no other
	// than that of one that had.
	unchanged int
}

func (j *job) flags(cmd *cobra.Command) {
	j.command = cmd.Name()
	cmd.Flags().StringVar(&j.metrics, "metrics-file", "", "leave figures of this run in a file for node_exporter's textfile collector")
	_ = cmd.MarkFlagFilename("metrics-file", "prom") //nolint:errcheck // it fails only for a flag that is not there
}

// check refuses exit codes that mean something already, here or to a shell.
func (j *job) check() error {
	if j.unchanged == 0 || j.unchanged > exitRejected && j.unchanged <= 125 && j.unchanged != exitHeld {
		return nil
	}
	return &usageError{
		err:  fmt.Errorf("--exit-code-unchanged %d is taken: another end of a command means that", j.unchanged),
		hint: "give one from 5 to 125, but not 11; Airflow's tasks take 99 for skipped",
	}
}

// unchangedError ends a run that had nothing to carry, where that was asked for.
type unchangedError struct{ code int }

// Error is never printed.
func (e *unchangedError) Error() string { return "nothing had changed since the last run" }

// runTotals is what one run did, over all indices.
type runTotals struct {
	Applied  int64   `json:"applied"`
	Deleted  int64   `json:"deleted"`
	Rejected int64   `json:"rejected"`
	Seconds  float64 `json:"seconds"`
}

// totals of all that a ferry did since it was first started.
func totals(f *ferry.Ferry) runTotals {
	var t runTotals
	for _, r := range f.Status().Indices {
		t.Applied += r.Written.Applied + r.Written.Repaired
		t.Deleted += r.Deleted
		t.Rejected += r.Written.Rejected
	}
	return t
}

func (t runTotals) since(o runTotals) runTotals {
	return runTotals{Applied: t.Applied - o.Applied, Deleted: t.Deleted - o.Deleted, Rejected: t.Rejected - o.Rejected}
}

// withJob opens a ferry, does the work, sums it up, and tells those who watch
// how it ended, whatever the end.
func (iv *invocation) withJob(ctx context.Context, j job, work func(ctx context.Context, f *ferry.Ferry) error) error {
	if err := j.check(); err != nil {
		return err
	}
	began, unchanged := time.Now(), false
	told := report.Job{Command: j.command}
	err := iv.withCrew(ctx, func(ctx context.Context, f *ferry.Ferry) error {
		before := totals(f)
		err := work(ctx, f)
		run := totals(f).since(before)
		unchanged = run == runTotals{}
		run.Seconds = time.Since(began).Seconds()
		iv.run = &run
		told.Ferry = f.Status().Name
		if err == nil || errors.Is(err, ferry.ErrDifference) {
			told.Indices = jobIndices(f.Summary())
		}
		return iv.summarize(f, err)
	})
	if j.metrics != "" {
		// To those who watch, a night without changes ended like others.
		told.Code, told.Ended, told.Took = codeOf(ctx, err), time.Now(), time.Since(began)
		err = errors.Join(err, report.WriteMetrics(j.metrics, told))
	}
	if err == nil && unchanged && j.unchanged != 0 {
		return &unchangedError{code: j.unchanged}
	}
	return err
}

func jobIndices(summaries []ferry.IndexSummary) []report.JobIndex {
	out := make([]report.JobIndex, len(summaries))
	for i, s := range summaries {
		out[i] = report.JobIndex{
			Index: s.Index, SourceDocs: s.SourceDocs, TargetDocs: s.TargetDocs, Equal: s.Equal, Moving: s.Moving,
			Lag: s.Lag, Applied: s.Applied, Deleted: s.Deleted, Rejected: s.Rejected,
		}
	}
	return out
}
