package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"esferry/internal/config"
	"esferry/sink"
)

func (iv *invocation) deadletterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deadletter",
		Short: "See, or write again, the documents that the target rejected",
		Long: `With stream.on_reject: dead_letter, documents that the target refuses are kept
in a file beside the checkpoint store, one JSON line each, whole and with the
reason. They are your documents: the file is for its owner only.`,
		Example: "  esferry deadletter list -c ferry.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(iv.deadletterListCommand(), iv.deadletterRetryCommand())
	return cmd
}

// deadLetters of a ferry.
func deadLetters(c *config.Config) *sink.DeadLetters {
	return sink.NewDeadLetters(c.Checkpoint.Beside() + ".deadletters.ndjson")
}

func (iv *invocation) deadletterListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the rejected documents and why they were",
		Example: "  esferry deadletter list -c ferry.yaml --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := iv.load()
			if err != nil {
				return err
			}
			letters, err := deadLetters(c).List()
			if err != nil {
				return err
			}
			return iv.showLetters(letters)
		},
	}
}

func (iv *invocation) deadletterRetryCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "retry",
		Short: "Write the rejected documents again, as the source holds them now",
		Long: `retry reads each rejected document from the source as it is now, and writes it.
What is refused again stays in the file, with the reason of now; a document that
is gone on the source leaves it. It exits with 4 while any is left.`,
		Example: "  esferry deadletter retry -c ferry.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dryRun {
				return iv.withLook(cmd.Context(), func(_ context.Context, s *session) error {
					letters, err := deadLetters(s.config).List()
					if err != nil {
						return err
					}
					return iv.wouldRedeliver(letters)
				})
			}
			return iv.withSession(cmd.Context(), func(ctx context.Context, s *session) error {
				kept := deadLetters(s.config)
				letters, err := kept.List()
				if err != nil {
					return err
				}
				left, err := s.ferry.Redeliver(ctx, letters)
				if err != nil {
					return err
				}
				if err := kept.Replace(left); err != nil {
					return err
				}
				if err := iv.showLetters(left); err != nil || len(left) == 0 {
					return err
				}
				return fmt.Errorf("%w: the target still rejects %d of %d documents", errRejected, len(left), len(letters))
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "tell how many documents of which index would be written, and change nothing")
	return cmd
}

func (iv *invocation) showLetters(letters []sink.DeadLetter) error {
	if iv.json {
		if letters == nil {
			letters = []sink.DeadLetter{}
		}
		return iv.print(struct {
			Type    string            `json:"type"`
			Letters []sink.DeadLetter `json:"letters"`
		}{"dead_letters", letters})
	}
	if len(letters) == 0 {
		return iv.write("no document is rejected\n")
	}
	t := tableOf("index", "id", "routing", "version", "when", "why")
	for _, l := range letters {
		t.AppendRow(table.Row{plain(l.SourceIndex), text(l.ID), text(l.Routing), l.Version, l.Time.Format("2006-01-02 15:04:05"), plain(l.Reason)})
	}
	return iv.write("%s\n", t.Render())
}

// text gives a JSON string's plain text.
func text(raw json.RawMessage) string {
	var s string
	if len(raw) > 0 && json.Unmarshal(raw, &s) != nil {
		s = string(raw)
	}
	return plain(s)
}
