package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"esferry/internal/ferry"
)

func (iv *invocation) checkpointCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "checkpoint",
		Short:   "Read and reset the state of this ferry",
		Example: "  esferry checkpoint list -c ferry.yaml\n  esferry checkpoint export -c ferry.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(iv.checkpointListCommand(), iv.checkpointShowCommand(), iv.checkpointExportCommand(), iv.checkpointResetCommand(), iv.checkpointRestoreCommand())
	return cmd
}

func (iv *invocation) checkpointShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show [INDEX]",
		Short:   "Print the checkpoint of an index, or of all, as JSON",
		Example: "  esferry checkpoint show users -c ferry.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := iv.load()
			if err != nil {
				return err
			}
			s, err := readStatus(cmd.Context(), c)
			if err == nil && len(args) == 1 {
				s.Indices, err = recordsOf(s, args[0])
			}
			if err != nil {
				return err
			}
			out := json.NewEncoder(iv.stdout)
			out.SetIndent("", "  ")
			if err := out.Encode(s.Indices); err != nil {
				return fmt.Errorf("write the result: %w", err)
			}
			return nil
		},
	}
}

func (iv *invocation) checkpointResetCommand() *cobra.Command {
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use:     "reset INDEX",
		Short:   "Forget how far an index is carried, so that it is carried anew",
		Example: "  esferry checkpoint reset users -c ferry.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if dryRun {
				return iv.wouldReset(cmd.Context(), args[0])
			}
			if !yes {
				if err := iv.confirm(cmd, fmt.Sprintf("forget how far index %s is carried?", args[0])); err != nil {
					return err
				}
			}
			return iv.withSession(cmd.Context(), func(ctx context.Context, s *session) error { return s.ferry.Forget(ctx, args[0]) })
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "tell what would be forgotten, and change nothing")
	return cmd
}

// wouldReset looks at the store alone.
func (iv *invocation) wouldReset(ctx context.Context, index string) error {
	c, err := iv.load()
	if err != nil {
		return err
	}
	s, err := readStatus(ctx, c)
	if err != nil {
		return err
	}
	records, err := recordsOf(s, index)
	if err != nil {
		return err
	}
	return iv.wouldForget(records[0])
}

// recordsOf gives the record of one index.
func recordsOf(s ferry.Status, index string) ([]ferry.IndexRecord, error) {
	at := slices.IndexFunc(s.Indices, func(r ferry.IndexRecord) bool { return r.Index == index })
	if at < 0 {
		return nil, fmt.Errorf("ferry %s holds no checkpoint of index %s", s.Name, index)
	}
	return s.Indices[at : at+1], nil
}

// confirm asks, and takes anything but yes for no.
func (iv *invocation) confirm(cmd *cobra.Command, question string) error {
	iv.settle()
	if _, err := fmt.Fprintf(iv.stderr, "%s [y/N] ", plain(question)); err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err == nil && strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "y") {
		return nil
	}
	return &usageError{err: errors.New("nothing was changed"), hint: "answer y, or give --yes"}
}

func (iv *invocation) checkpointRestoreCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "restore",
		Short: "Make the store anew from the export beside it, where it is damaged or gone",
		Long: `restore makes the checkpoint store anew from the JSON export beside it. The
export may be a second older than the store was: that costs repeated work, and
nothing else. A store in etcd has none: etcd's own snapshots are its backup.`,
		Example: "  esferry checkpoint restore -c ferry.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := iv.load()
			if err != nil {
				return err
			}
			return restoreStore(cmd.Context(), c.Checkpoint)
		},
	}
}
