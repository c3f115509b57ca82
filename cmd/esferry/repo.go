package main

import (
	"github.com/spf13/cobra"
)

func (iv *invocation) repoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "repo",
		Short:   "Work with snapshot repositories and the buckets below them",
		Example: "  esferry repo copy -c ferry.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(iv.repoCopyCommand())
	return cmd
}
