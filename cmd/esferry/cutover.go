package main

import (
	"context"

	"github.com/spf13/cobra"

	"esferry/internal/ferry"
	"esferry/internal/preflight"
)

func (iv *invocation) cutoverCommand() *cobra.Command {
	var dryRun, rehearse bool
	cmd := &cobra.Command{
		Use:   "cutover",
		Short: "Hold writers back, carry what is left, verify and switch",
		Long: `cutover checks what can be known beforehand, catches up, holds the writers back,
carries what is left, verifies, and switches the aliases. A failure before the
switch, or a freeze of more than cutover.max_freeze, lifts the freeze: the source
serves on.

--dry-run makes the checks and changes nothing. --rehearse also walks the last lap
while writers go on, without block, hooks and switch, and tells how long it took.

--reverse goes back to the old cluster: the new one is blocked, the old one gets
the last of what it took, both are compared, and the old one is as before. No hook
is run: point the clients back when it has ended.`,
		Example: "  esferry cutover --dry-run -c ferry.yaml\n  esferry cutover --rehearse -c ferry.yaml\n  esferry cutover -c ferry.yaml\n" +
			"  esferry cutover --reverse -c ferry.yaml",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dryRun {
				return iv.withLook(cmd.Context(), func(ctx context.Context, s *session) error { return iv.preflight(ctx, s.ferry) })
			}
			return iv.withFerry(cmd.Context(), func(ctx context.Context, f *ferry.Ferry) error {
				if err := iv.ready(ctx, f); err != nil {
					return err
				}
				if rehearse {
					lap, err := f.Rehearse(ctx)
					if err != nil {
						return err
					}
					return iv.showRehearsal(lap)
				}
				_, err := f.Cutover(ctx)
				return iv.summarize(f, err)
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "make the checks before the freeze, and change nothing")
	cmd.Flags().BoolVar(&rehearse, "rehearse", false, "walk the last lap without block and switch, and tell how long it took")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "rehearse")
	iv.reversible(cmd)
	cmd.AddCommand(iv.abortCommand())
	return cmd
}

func (iv *invocation) abortCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "abort",
		Short:   "Lift the freeze of a cutover that did not switch",
		Example: "  esferry cutover abort -c ferry.yaml\n  esferry cutover abort --reverse -c ferry.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return iv.withFerry(cmd.Context(), func(ctx context.Context, f *ferry.Ferry) error { return f.Abort(ctx) })
		},
	}
	return iv.reversible(cmd)
}

// preflight shows the checks; what refuses a cutover is the error.
func (iv *invocation) preflight(ctx context.Context, f *ferry.Ferry) error {
	found, err := f.Preflight(ctx)
	if err != nil {
		return err
	}
	if err := iv.showFindings(found); err != nil {
		return err
	}
	return ferry.Refusals(found)
}

func (iv *invocation) showFindings(found []preflight.Finding) error {
	if iv.json {
		return iv.print(struct {
			Type   string              `json:"type"`
			Checks []preflight.Finding `json:"checks"`
		}{"preflight", found})
	}
	for _, one := range found {
		if err := iv.write("%-8s %s: %s\n", one.State, one.Check, plain(one.Detail)); err != nil {
			return err
		}
		if one.Remedy == "" {
			continue
		}
		if err := iv.write("         next: %s\n", plain(one.Remedy)); err != nil {
			return err
		}
	}
	return nil
}

func (iv *invocation) showRehearsal(lap ferry.Freeze) error {
	if iv.json {
		return iv.print(struct {
			Type string `json:"type"`
			ferry.Freeze
		}{"rehearsal", lap})
	}
	if err := iv.write("the last lap took %.2f s, while writers went on; the block, the switch and hooks come on top:\n", lap.Seconds); err != nil {
		return err
	}
	return iv.showSteps(lap.Steps)
}
