package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"esferry/internal/config"
	"esferry/internal/foreign"
	"esferry/internal/report"
)

// environmentPrefix begins the name of each flag's twin.
const environmentPrefix = "ESFERRY_"

// invocation is one command line being executed.
type invocation struct {
	stdout, stderr io.Writer
	config         string
	json           bool
	lines          *report.JSON
	// command is what was asked for, as the history keeps it.
	command string
	logging logging
	// logger is there once the flags are read.
	logger *slog.Logger
	// noProgress: progress is told in lines, on terminals as elsewhere.
	noProgress bool
	// bars are on the terminal, once there are any; stderr then writes above them.
	bars *report.Bars
	// took is how long each index has taken.
	took *report.Stopwatch
	// watchers hear of events beside whoever prints them.
	watchers []report.Observer
	// run is what the command did, once a job has been done.
	run *runTotals
	// reverse: the command is about the way back.
	reverse bool
}

func (iv *invocation) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "esferry",
		Short: "Move live search indices between Elasticsearch and OpenSearch clusters",
		Long: `esferry moves live search indices between Elasticsearch and OpenSearch clusters,
with seconds of downtime, and proves that both sides are equal.

Every command resumes by default where it stopped: kill it, and run it again.
Every flag has a twin in the environment: ESFERRY_CONFIG for --config.

Exit codes: 0 done and equal, 1 failed, 2 wrong usage or configuration, 3 a
difference was found, 4 done with documents rejected by the target, 11 another
process holds this ferry, 130 interrupted.`,
		Example: `  esferry init --source https://old.example:9200 --target https://new.example:9200
  esferry plan -c ferry.yaml
  esferry run -c ferry.yaml --cutover
  esferry --version --json`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&iv.config, "config", "c", "ferry.yaml", "the ferry's configuration")
	flags.BoolVar(&iv.json, "json", false, "print JSON: one document, or one line for each event")
	flags.BoolVar(&iv.noProgress, "no-progress", false, "tell progress in plain lines on a terminal, too")
	iv.logging.flags(root)
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		iv.command = commandLine(cmd, args)
		return iv.begin(cmd)
	}
	_ = root.MarkPersistentFlagFilename("config", "yaml", "yml") //nolint:errcheck // it fails only for a flag that is not there
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{err: err, hint: cmd.CommandPath() + " --help lists the flags"}
	})
	root.AddCommand(
		iv.initCommand(), iv.planCommand(), iv.runCommand(), iv.workerCommand(), iv.baselineCommand(), iv.syncCommand(), iv.backfillCommand(),
		iv.verifyCommand(), iv.cutoverCommand(), iv.statusCommand(), iv.checkpointCommand(), iv.deadletterCommand(),
		iv.metadataCommand(), iv.repoCommand(), iv.snapshotCommand(), iv.restoreCommand(), iv.serveCommand(), iv.ctlCommand(), iv.reportCommand(), iv.manualCommand(),
	)
	for _, cmd := range root.Commands() {
		usageErrors(cmd)
	}
	var version bool
	root.Flags().BoolVar(&version, "version", false, "print what this binary was built from")
	root.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) > 0:
			return &usageError{err: fmt.Errorf("there is no command %q", args[0]), hint: "esferry --help lists the commands"}
		case version:
			return iv.showVersion()
		default:
			return cmd.Help()
		}
	}
	root.Args = cobra.ArbitraryArgs
	return root
}

// usageErrors makes wrong arguments of a command, and of those below it, the
// usage errors that they are.
func usageErrors(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return &usageError{err: err, hint: cmd.CommandPath() + " --help tells what it wants"}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		usageErrors(sub)
	}
}

// fromEnvironment gives each flag the value of its twin ESFERRY_NAME, which the
// command line then overrides.
func fromEnvironment(root *cobra.Command) error {
	var faults []error
	visit := func(f *pflag.Flag) {
		name := environmentPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := os.LookupEnv(name)
		if !ok || f.Name == "help" {
			return
		}
		if err := f.Value.Set(value); err != nil {
			faults = append(faults, &usageError{err: fmt.Errorf("the environment's %s is not what --%s wants", name, f.Name), hint: "correct or unset " + name})
		}
	}
	root.PersistentFlags().VisitAll(visit)
	below(root, func(cmd *cobra.Command) { cmd.Flags().VisitAll(visit) })
	return errors.Join(faults...)
}

// below does something with every command under one, to any depth.
func below(cmd *cobra.Command, do func(cmd *cobra.Command)) {
	for _, sub := range cmd.Commands() {
		do(sub)
		below(sub, do)
	}
}

// load reads the ferry's configuration.
func (iv *invocation) load() (*config.Config, error) {
	c, err := config.Load(iv.config)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return c, nil
}

// print writes a command's result as JSON, in line with its events.
func (iv *invocation) print(v any) error {
	if iv.lines != nil {
		return iv.lines.Print(v)
	}
	if err := json.NewEncoder(foreign.JSON(iv.stdout)).Encode(v); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}
