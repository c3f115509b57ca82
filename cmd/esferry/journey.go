package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"esferry/internal/ferry"
)

func (iv *invocation) runCommand() *cobra.Command {
	var cutover, dryRun bool
	var j job
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Carry everything: plan, baseline, rounds, and with --cutover to the end",
		Long: `run plans, carries policies, pipelines and templates, then the baseline of every
index by its path, and catches up while writers go on. With --cutover it then holds
the writers back, carries what is left, verifies, and switches the aliases.
Killed at any point, the same command goes on.

After a cutover, --reverse is the way back: what the new cluster took since the
switch, deletes included, is carried to the old one until run is stopped, so that
returning to it loses nothing. It lifts our write block on the old cluster: keep
its other writers away. esferry cutover --reverse then goes back.`,
		Example: "  esferry run -c ferry.yaml\n  esferry run -c ferry.yaml --cutover\n  esferry run --reverse -c ferry.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dryRun {
				return iv.withLook(cmd.Context(), iv.plan)
			}
			return iv.withJob(cmd.Context(), j, func(ctx context.Context, f *ferry.Ferry) error { return iv.forth(ctx, f, cutover) })
		},
	}
	cmd.Flags().BoolVar(&cutover, "cutover", false, "go on to the end: freeze, last round, verify, switch")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show the plan and change nothing")
	iv.reversible(cmd)
	j.flags(cmd)
	return cmd
}

// travel is the whole journey.
func (iv *invocation) travel(ctx context.Context, f *ferry.Ferry, p ferry.Plan, cutover bool) error {
	if err := iv.bring(ctx, f, p); err != nil {
		return err
	}
	if !cutover {
		return f.Arrive(ctx)
	}
	_, err := f.Cutover(ctx)
	return err
}

// bring carries definitions and baselines.
func (*invocation) bring(ctx context.Context, f *ferry.Ferry, p ferry.Plan) error {
	if err := ferry.Obstructed(p.Obstacles); err != nil {
		return err
	}
	carry := func(ctx context.Context) error { return f.Carry(ctx, p) }
	steps := []func(ctx context.Context) error{carry, f.Metadata}
	if f.MetadataFirst() {
		slices.Reverse(steps)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (iv *invocation) baselineCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:     "baseline",
		Short:   "Carry each planned index once, by its path, and catch up",
		Example: "  esferry baseline -c ferry.yaml\n  esferry baseline -c ferry.yaml --dry-run",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dryRun {
				return iv.withLook(cmd.Context(), iv.plan)
			}
			return iv.withCrew(cmd.Context(), func(ctx context.Context, f *ferry.Ferry) error {
				p, err := f.Plan(ctx)
				if err != nil {
					return err
				}
				return iv.summarize(f, f.Carry(ctx, p))
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show the plan and change nothing")
	return cmd
}

func (iv *invocation) syncCommand() *cobra.Command {
	var follow, dryRun bool
	var interval time.Duration
	var j job
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Carry what changed, deletes included, and count both sides",
		Long: `sync makes one round of every index that is carried, looks up its deletes and
counts both sides. It is made for nightly jobs: silent differences exit with 3, and
nights that were missed are carried by the next one.`,
		Example: "  esferry sync -c ferry.yaml\n  esferry sync -c ferry.yaml --follow --interval 30s\n" +
			"  esferry sync -c ferry.yaml --json --metrics-file /var/lib/node_exporter/esferry.prom",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if follow && (j.metrics != "" || j.unchanged != 0) {
				return &usageError{err: errors.New("--metrics-file and --exit-code-unchanged tell of a run that ends, and --follow does not"), hint: "leave --follow out"}
			}
			if dryRun {
				return iv.withLook(cmd.Context(), iv.wouldSync)
			}
			return iv.withJob(cmd.Context(), j, func(ctx context.Context, f *ferry.Ferry) error {
				if err := iv.ready(ctx, f); err != nil {
					return err
				}
				if follow {
					return f.Follow(ctx, interval)
				}
				return f.Sync(ctx)
			})
		},
	}
	cmd.Flags().BoolVar(&follow, "follow", false, "go on until stopped, or until the cutover that esferry ctl cutover asks for")
	cmd.Flags().DurationVar(&interval, "interval", followEvery, "with --follow, the pause between two rounds")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "tell what is outstanding of each index, and change nothing")
	cmd.Flags().IntVar(&j.unchanged, "exit-code-unchanged", 0, "exit with this code where nothing had changed, for schedulers that then skip what follows")
	iv.reversible(cmd)
	j.flags(cmd)
	return cmd
}

// selection is what --query, --since and --until ask for.
type selection struct {
	query, field, since, until string
}

// json gives the query, nil for everything.
func (s selection) json() (json.RawMessage, error) {
	var clauses []any
	if s.query != "" {
		if !json.Valid([]byte(s.query)) {
			return nil, &usageError{err: errors.New("--query is not JSON"), hint: `give a query such as {"term":{"user":"x"}}`}
		}
		clauses = append(clauses, json.RawMessage(s.query))
	}
	if s.since != "" || s.until != "" {
		bounds := map[string]string{}
		if s.since != "" {
			bounds["gte"] = s.since
		}
		if s.until != "" {
			bounds["lt"] = s.until
		}
		clauses = append(clauses, map[string]any{"range": map[string]any{s.field: bounds}})
	}
	if len(clauses) == 0 {
		return nil, nil
	}
	query, err := json.Marshal(map[string]any{"bool": map[string]any{"filter": clauses}})
	if err != nil {
		return nil, fmt.Errorf("build the query: %w", err)
	}
	return query, nil
}

func (iv *invocation) backfillCommand() *cobra.Command {
	var s selection
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "backfill INDEX...",
		Short: "Carry one index by scroll and bulk, whole or by a query",
		Long: `backfill carries the documents that an index holds now, whole or those that a
query selects, without deletes. It resumes where it stopped.`,
		Example: "  esferry backfill users -c ferry.yaml\n  esferry backfill logs-2026.11 --since 2026-11-01 --until 2026-11-15 -c ferry.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, indices []string) error {
			query, err := s.json()
			if err != nil {
				return err
			}
			if dryRun {
				return iv.withLook(cmd.Context(), func(ctx context.Context, s *session) error { return iv.wouldBackfill(ctx, s.ferry, indices, query) })
			}
			return iv.withCrew(cmd.Context(), func(ctx context.Context, f *ferry.Ferry) error {
				var done []ferry.Backfill
				for _, name := range indices {
					b, err := f.Backfill(ctx, name, query)
					if err != nil {
						return err
					}
					done = append(done, b)
				}
				return iv.showBackfills(done)
			})
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&dryRun, "dry-run", false, "count the documents that match, and change nothing")
	flags.StringVar(&s.query, "query", "", "carry only documents that match this query (JSON)")
	flags.StringVar(&s.field, "field", "@timestamp", "the time field of --since and --until")
	flags.StringVar(&s.since, "since", "", "carry only documents at or after this time")
	flags.StringVar(&s.until, "until", "", "carry only documents before this time")
	return cmd
}
