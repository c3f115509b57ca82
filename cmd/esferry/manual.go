package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manualCommand is for who packages esferry, hence hidden.
func (iv *invocation) manualCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "man DIR",
		Short:   "Write the manual pages into a folder",
		Example: "  esferry man /usr/local/share/man/man1",
		Args:    cobra.ExactArgs(1),
		Hidden:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil { //nolint:gosec // manual pages are for everybody
				return fmt.Errorf("make the folder of the manual: %w", err)
			}
			root := cmd.Root()
			// The date is SOURCE_DATE_EPOCH's where that is set, so that one commit gives one page.
			root.DisableAutoGenTag = true
			header := &doc.GenManHeader{Section: "1", Source: "esferry " + thisBuild().Version, Manual: "User commands"}
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return fmt.Errorf("write the manual: %w", err)
			}
			return nil
		},
	}
}
