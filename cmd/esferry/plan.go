package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"esferry/internal/ferry"
)

func (iv *invocation) planCommand() *cobra.Command {
	var try int
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Tell how each index would travel, why, and what stands in the way",
		Long: `plan asks both clusters and changes nothing. It exits with 1 when something stands
in the way.

--try-documents N also makes a scratch index on the target for each index that
goes by stream, with its mapping and settings as they would be, writes N documents
of each shard into it, tells which are rejected and why, and removes it again, also
when it is interrupted. What a run that was killed leaves is removed by the next.`,
		Example: "  esferry plan -c ferry.yaml\n  esferry plan --try-documents 1000 -c ferry.yaml\n" +
			"  esferry plan -c ferry.yaml --json | jq '.indices[] | {index, path, reason}'",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case try < 0:
				return &usageError{err: errors.New("--try-documents wants a number of documents"), hint: "1000 of each shard tell most"}
			case try == 0:
				return iv.withLook(cmd.Context(), iv.plan)
			}
			return iv.withSession(cmd.Context(), func(ctx context.Context, s *session) error { return iv.tryDocuments(ctx, s.ferry, try) })
		},
	}
	cmd.Flags().IntVar(&try, "try-documents", 0, "write so many documents of each shard into scratch indices on the target, and remove them again")
	return cmd
}

// plan shows how each index would travel; what stands in the way is the error.
func (iv *invocation) plan(ctx context.Context, s *session) error {
	p, err := iv.showPlanned(ctx, s.ferry)
	if err != nil {
		return err
	}
	return ferry.Obstructed(p.Obstacles)
}

// showPlanned makes a plan and shows it.
func (iv *invocation) showPlanned(ctx context.Context, f *ferry.Ferry) (ferry.Plan, error) {
	p, err := f.Plan(ctx)
	if err != nil {
		return p, err
	}
	return p, iv.showPlan(p)
}

// tryDocuments is plan, with a trial.
func (iv *invocation) tryDocuments(ctx context.Context, f *ferry.Ferry, perShard int) error {
	p, err := iv.showPlanned(ctx, f)
	if err != nil {
		return err
	}
	trials, err := f.Try(ctx, p, perShard)
	if err != nil {
		return err
	}
	if err := iv.showTrials(trials); err != nil {
		return err
	}
	if err := ferry.Obstructed(p.Obstacles); err != nil {
		return err
	}
	return f.TrialRefusals(trials)
}

func (iv *invocation) showTrials(trials []ferry.Trial) error {
	if iv.json {
		return iv.print(struct {
			Type   string        `json:"type"`
			Trials []ferry.Trial `json:"trials"`
		}{"trials", trials})
	}
	t := tableOf("index", "tried", "accepted", "rejected", "all at this pace", "")
	for _, one := range trials {
		pace, note := "", one.Untried
		if one.PredictedSeconds != nil {
			pace = fmt.Sprintf("%.0f s", *one.PredictedSeconds)
		}
		if one.Refused != "" {
			note = "the target does not make it"
		}
		t.AppendRow(table.Row{plain(one.Index), one.Tried, one.Accepted, one.Rejected, pace, note})
	}
	if err := iv.write("%s\n", t.Render()); err != nil {
		return err
	}
	for _, one := range trials {
		if one.Refused != "" {
			if err := iv.write("refused: index %s: %s\n", plain(one.Index), plain(one.Refused)); err != nil {
				return err
			}
		}
		for _, r := range one.Reasons {
			if err := iv.write("rejected: index %s: %d documents, the first is %s: %s\n", plain(one.Index), r.Count, text(r.ID), plain(r.Reason)); err != nil {
				return err
			}
		}
	}
	return nil
}
