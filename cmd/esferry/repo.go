package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"esferry/internal/config"
)

func (iv *invocation) repoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "repo",
		Short:   "Work with snapshot repositories and the buckets below them",
		Example: "  esferry repo copy -c ferry.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(iv.repoRegisterCommand(), iv.repoListCommand(), iv.repoCopyCommand(), iv.repoVerifyCommand())
	return cmd
}

func (iv *invocation) repoCopyCommand() *cobra.Command {
	var dryRun bool
	var snapshots []string
	cmd := &cobra.Command{
		Use:   "copy",
		Short: "Copy the repository from the source's bucket to the target's",
		Long: `copy makes the target's bucket hold what the source's does. It waits for running
snapshots first. What is there already is not copied again, and the root's
index-N comes last, so that no reader ever sees half a repository. Killed at any
point, the same command goes on.

With --snapshot it copies these snapshots and the indices in them, found by the
repository's own metadata, and adds them to those that the target holds. What it
does not copy is not listed either.`,
		Example: "  esferry repo copy -c ferry.yaml\n  esferry repo copy -c ferry.yaml --snapshot nightly-2026.11.21\n  esferry repo copy -c ferry.yaml --dry-run --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return iv.withBuckets(cmd.Context(), func(ctx context.Context, c *config.Config) error {
				if dryRun {
					return iv.planCopy(ctx, c, snapshots)
				}
				return iv.copyRepository(ctx, c, snapshots)
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "list both sides, show what would be copied, and change nothing")
	cmd.Flags().StringArrayVar(&snapshots, "snapshot", nil, "copy only this snapshot (may be repeated)")
	return cmd
}

func (iv *invocation) repoVerifyCommand() *cobra.Command {
	var contents, complete bool
	var snapshots []string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Let both clusters verify the repository, or look into the buckets",
		Long: `verify lets both clusters show that they reach the repository: the source's nodes
write and read; the target, which may only read, lists the snapshots.

verify --contents reads every object of the repository in both buckets, compares
their hashes and names the keys that differ; with --snapshot, of what these snapshots
consist of. verify --complete reads the metadata in the target's bucket, whose
checksums it verifies, and names the blobs that its snapshots need and that are
not there in full. Both exit with 3 when any does.`,
		Example: "  esferry repo verify -c ferry.yaml\n  esferry repo verify --contents -c ferry.yaml\n  esferry repo verify --complete -c ferry.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case len(snapshots) > 0 && !contents:
				return &usageError{err: errors.New("--snapshot says what --contents compares"), hint: "add --contents"}
			case contents:
				return iv.withBuckets(cmd.Context(), func(ctx context.Context, c *config.Config) error {
					return iv.compareContents(ctx, c, snapshots)
				})
			case complete:
				return iv.withBuckets(cmd.Context(), iv.completeTarget)
			default:
				return iv.withEngines(cmd.Context(), iv.verifyRepositories)
			}
		},
	}
	cmd.Flags().BoolVar(&contents, "contents", false, "read and compare all objects of both buckets")
	cmd.Flags().StringArrayVar(&snapshots, "snapshot", nil, "with --contents, compare only this snapshot (may be repeated)")
	cmd.Flags().BoolVar(&complete, "complete", false, "look whether all that the target's snapshots consist of is there")
	cmd.MarkFlagsMutuallyExclusive("contents", "complete")
	return cmd
}

// withBuckets reads a configuration that names two buckets.
func (iv *invocation) withBuckets(ctx context.Context, fn func(ctx context.Context, c *config.Config) error) error {
	c, err := iv.load()
	if err != nil {
		return err
	}
	if c.Snapshot == nil || c.Snapshot.Copy == nil {
		return &usageError{err: errors.New("snapshot.copy is not set: both clusters reach the same bucket"), hint: "name both buckets under snapshot.copy"}
	}
	return fn(ctx, c)
}
