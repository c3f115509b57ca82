package main

import (
	"context"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"esferry/internal/ferry"
	"esferry/internal/metadata"
)

func (iv *invocation) metadataCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "metadata",
		Short: "Compare, or carry, templates, pipelines and policies; compare indices",
		Long: `metadata looks at what both clusters hold besides documents: lifecycle policies
(ILM, ISM), ingest pipelines, templates (component, index, legacy), and each
index's settings, mappings and aliases. Everything is translated between the
versions first, and each thing that is dropped on the way is named.`,
		Example: "  esferry metadata diff -c ferry.yaml\n  esferry metadata apply -c ferry.yaml --dry-run",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(iv.metadataDiffCommand(), iv.metadataApplyCommand())
	return cmd
}

func (iv *invocation) metadataDiffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff",
		Short: "Tell what is missing or different on the target, and what cannot be carried",
		Long: `diff changes nothing. It exits with 3 when something is missing on the target or
different there. What cannot be carried at all is named, and does not count.`,
		Example: "  esferry metadata diff -c ferry.yaml\n  esferry metadata diff -c ferry.yaml --json | jq '.pieces[] | select(.verdict != \"same\")'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return iv.withLook(cmd.Context(), func(ctx context.Context, s *session) error {
				pieces, err := s.ferry.MetadataPieces(ctx)
				if err != nil {
					return err
				}
				if err := iv.showPieces(pieces, false); err != nil {
					return err
				}
				return remaining(pieces, func(p metadata.Piece) bool { return p.Verdict == metadata.Missing || p.Verdict == metadata.Differs })
			})
		},
	}
}

func (iv *invocation) metadataApplyCommand() *cobra.Command {
	var o metadata.ApplyOptions
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Make policies, pipelines and templates on the target that it lacks",
		Long: `apply makes what is missing, what others refer to first. What is different on the
target stays as it is unless --overwrite is given. Indices are compared only:
baseline makes them, and the cutover puts their settings back and switches their
aliases. It exits with 3 while anything that it could carry is different, and
with 1 when the target refuses something.`,
		Example: "  esferry metadata apply -c ferry.yaml --dry-run\n  esferry metadata apply -c ferry.yaml --overwrite",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			with := iv.withSession
			if o.DryRun {
				with = iv.withLook
			}
			return with(cmd.Context(), func(ctx context.Context, s *session) error {
				pieces, err := s.ferry.MetadataPieces(ctx)
				if err != nil {
					return err
				}
				if err := s.ferry.ApplyMetadata(ctx, pieces, o); err != nil {
					return err
				}
				if err := iv.showPieces(pieces, o.DryRun); err != nil {
					return err
				}
				return applied(pieces)
			})
		},
	}
	cmd.Flags().BoolVar(&o.Overwrite, "overwrite", false, "replace what is different on the target")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "tell what would be done, and change nothing")
	return cmd
}

// applied gives the error that an apply ends with.
func applied(pieces []metadata.Piece) error {
	for _, p := range pieces {
		if p.Outcome == metadata.Refused {
			return &refusedError{piece: p}
		}
	}
	return remaining(pieces, func(p metadata.Piece) bool { return p.Outcome == metadata.Kept })
}

// refusedError says that the target would not take a piece.
type refusedError struct{ piece metadata.Piece }

// Error gives the engine's words.
func (e *refusedError) Error() string {
	notes := e.piece.Notes
	return e.piece.Title() + ": " + notes[len(notes)-1].Reason
}

// NextStep is printed on a line of its own.
func (e *refusedError) NextStep() string {
	return "make it on the target by hand, in the target's terms, or correct it on the source; all that could be carried is"
}

// remaining is an error where pieces are still not as on the source.
func remaining(pieces []metadata.Piece, is func(p metadata.Piece) bool) error {
	n := 0
	for _, p := range pieces {
		if is(p) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%w in their metadata: %d of %d pieces", ferry.ErrDifference, n, len(pieces))
}

func (iv *invocation) showPieces(pieces []metadata.Piece, dryRun bool) error {
	if iv.json {
		return iv.print(struct {
			Type   string           `json:"type"`
			DryRun bool             `json:"dry_run,omitempty"`
			Pieces []metadata.Piece `json:"pieces"`
		}{"metadata", dryRun, pieces})
	}
	t := tableOf("kind", "name", "", "done")
	for _, p := range pieces {
		done := string(p.Outcome)
		if dryRun && (p.Outcome == metadata.Created || p.Outcome == metadata.Overwritten) {
			done = "would be " + done
		}
		t.AppendRow(table.Row{p.Kind, plain(p.Name), p.Verdict, done})
	}
	if err := iv.write("%s\n", t.Render()); err != nil {
		return err
	}
	for _, p := range pieces {
		for _, d := range p.Differences {
			if err := iv.write("differs: %s %s: %s\n", p.Kind, plain(p.Name), plain(d.String())); err != nil {
				return err
			}
		}
		for _, n := range p.Notes {
			if err := iv.write("note: %s %s: %s %s: %s\n", p.Kind, plain(p.Name), plain(n.Path), n.Level, plain(n.Reason)); err != nil {
				return err
			}
		}
	}
	return nil
}
