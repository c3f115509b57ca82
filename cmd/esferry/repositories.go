package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"esferry/internal/cluster"
	"esferry/internal/config"
	"esferry/snapshotpath"
)

func (iv *invocation) repoRegisterCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "register",
		Short: "Register the repository on both clusters",
		Long: `register makes the repository known to both clusters: to the source so that it may
write its snapshot, to the target only to read. Every node verifies it. One that
is registered already is kept; one that is registered in another way is refused
and left as it is. Where one side fails the other one stays registered, and the
same command goes on.`,
		Example: "  esferry repo register -c ferry.yaml\n  esferry repo register -c ferry.yaml --dry-run",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return iv.withEngines(cmd.Context(), func(ctx context.Context, sides []engine) error {
				return iv.register(ctx, sides, dryRun)
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be registered, and change nothing")
	return cmd
}

func (iv *invocation) repoListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the repositories that both clusters know",
		Example: "  esferry repo list -c ferry.yaml --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return iv.withEngines(cmd.Context(), iv.listRepositories)
		},
	}
}

// repositoryLine is what the commands print of one repository on one side.
type repositoryLine struct {
	Side       string `json:"side"`
	Repository string `json:"repository"`
	Kind       string `json:"kind"`
	ReadOnly   bool   `json:"read_only"`
	// Managed says that the service keeps it for its own snapshots.
	Managed bool `json:"managed"`
	// Settings are without secrets.
	Settings config.Settings `json:"settings"`
	// Action is what register did or would do.
	Action string `json:"action,omitempty"`
	// Nodes that verified it, and Snapshots that were read from it.
	Nodes     []string `json:"nodes,omitempty"`
	Snapshots []string `json:"snapshots,omitempty"`
}

func lineOf(side, name string, r cluster.Repository) repositoryLine {
	settings := config.Settings{}
	for key, value := range r.Settings {
		settings[key] = value
	}
	return repositoryLine{
		Side: side, Repository: name, Kind: r.Type, ReadOnly: r.Settings["readonly"] == "true",
		Managed: snapshotpath.Managed(name, r), Settings: settings,
	}
}

// register checks both sides before it changes either.
func (iv *invocation) register(ctx context.Context, sides []engine, dryRun bool) error {
	actions := make([]string, len(sides))
	for i, e := range sides {
		there, err := snapshotpath.Registered(ctx, e.cluster, e.repository)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", e.side, err)
		case there:
			actions[i] = "kept"
		case dryRun:
			actions[i] = "would be registered"
		default:
			actions[i] = "registered"
		}
	}
	lines := make([]repositoryLine, 0, len(sides))
	for i, e := range sides {
		there := cluster.Repository{Type: e.repository.Type}
		if !dryRun {
			if err := snapshotpath.Register(ctx, e.cluster, e.repository); err != nil {
				return fmt.Errorf("%s: %w", e.side, err)
			}
		}
		if !dryRun || actions[i] == "kept" {
			var err error
			if there, _, err = e.cluster.Repository(ctx, e.repository.Name); err != nil {
				return fmt.Errorf("%s: %w", e.side, err)
			}
		}
		line := lineOf(e.side, e.repository.Name, there)
		line.Action, line.ReadOnly = actions[i], e.repository.ReadOnly
		lines = append(lines, line)
	}
	return iv.showRepositories(lines, func(l repositoryLine) string { return l.Action })
}

func (iv *invocation) listRepositories(ctx context.Context, sides []engine) error {
	var lines []repositoryLine
	for _, e := range sides {
		all, err := e.cluster.Repositories(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", e.side, err)
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			lines = append(lines, lineOf(e.side, name, all[name]))
		}
	}
	return iv.showRepositories(lines, func(l repositoryLine) string {
		if l.Managed {
			return "the service's own, never written to"
		}
		return ""
	})
}

// verifyRepositories lets both engines show that they reach the repository. A
// side that fails is told after the other one was asked.
func (iv *invocation) verifyRepositories(ctx context.Context, sides []engine) error {
	var lines []repositoryLine
	var failed []error
	for _, e := range sides {
		line, err := verified(ctx, e)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", e.side, err))
			continue
		}
		lines = append(lines, line)
	}
	err := iv.showRepositories(lines, func(l repositoryLine) string {
		if l.ReadOnly {
			return fmt.Sprintf("read: %d snapshots", len(l.Snapshots))
		}
		return "written and read by " + strings.Join(l.Nodes, ", ")
	})
	return errors.Join(append(failed, err)...)
}

// verified has every node verify the repository; where they may only read, the
// snapshots in it are listed instead, since old engines verify nothing then.
func verified(ctx context.Context, e engine) (repositoryLine, error) {
	there, found, err := e.cluster.Repository(ctx, e.repository.Name)
	if err != nil {
		return repositoryLine{}, err
	}
	if !found {
		return repositoryLine{}, &unregisteredError{repository: e.repository.Name, at: e.cluster.Address()}
	}
	line := lineOf(e.side, e.repository.Name, there)
	if line.ReadOnly {
		line.Snapshots, err = e.cluster.SnapshotNames(ctx, e.repository.Name)
	} else {
		line.Nodes, err = e.cluster.VerifyRepository(ctx, e.repository.Name)
	}
	return line, err
}

// unregisteredError says that there is nothing to verify.
type unregisteredError struct{ repository, at string }

// Error names both.
func (e *unregisteredError) Error() string {
	return fmt.Sprintf("repository %s is not registered at %s", e.repository, e.at)
}

// NextStep is printed on a line of its own.
func (*unregisteredError) NextStep() string { return "esferry repo register" }

func (iv *invocation) showRepositories(lines []repositoryLine, remark func(repositoryLine) string) error {
	if iv.json {
		return iv.print(struct {
			Type         string           `json:"type"`
			Repositories []repositoryLine `json:"repositories"`
		}{"repositories", lines})
	}
	t := tableOf("side", "repository", "type", "access", "settings", "")
	for _, l := range lines {
		access := "read, write"
		if l.ReadOnly {
			access = "read"
		}
		var settings []string
		for key, value := range l.Settings.Redacted() {
			settings = append(settings, fmt.Sprintf("%s=%v", key, value))
		}
		slices.Sort(settings)
		t.AppendRow([]any{l.Side, plain(l.Repository), plain(l.Kind), access, plain(strings.Join(settings, " ")), plain(remark(l))})
	}
	return iv.write("%s\n", t.Render())
}
