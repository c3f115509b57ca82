package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"esferry/checkpoint"
	"esferry/internal/config"
	"esferry/internal/control"
	"esferry/internal/ferry"
	"esferry/internal/history"
	"esferry/internal/report/page"
	"esferry/sink"
)

// historyCommand asks a running ferry for its history.
const historyCommand = "history"

// mostLetters bounds the rejected documents that a report lists.
const mostLetters = 200

func (iv *invocation) reportCommand() *cobra.Command {
	var output string
	var force bool
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write what this ferry did as one HTML file, for a change ticket",
		Long: `report writes what the checkpoint store holds of this ferry, also while it runs,
as one HTML file that needs nothing beside it: a timeline of all runs, the freeze
step by step, every index with the counts and digests of both sides, what was
translated or dropped, rejected documents, the versions of both clusters, and the
configuration without secrets. It asks neither cluster.

With --json it prints the same as one JSON document instead.`,
		Example: "  esferry report -c ferry.yaml\n  esferry report -o CHG-4711.html --force -c ferry.yaml\n  esferry report --json -c ferry.yaml | jq .freeze\n  esferry report --reverse -c ferry.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := iv.load()
			if err != nil {
				return err
			}
			r, err := iv.gather(cmd.Context(), c)
			if err != nil {
				return err
			}
			if iv.json {
				return iv.print(r)
			}
			if output == "" {
				output = strings.ReplaceAll(r.Ferry, "/", "-") + "-report.html"
			}
			var text bytes.Buffer
			if err := page.Write(&text, r); err != nil {
				return err
			}
			if err := writeNew(output, text.Bytes(), force); err != nil {
				return err
			}
			return iv.write("%s\n", plain(output))
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "the file to write; NAME-report.html by default")
	cmd.Flags().BoolVar(&force, "force", false, "write over a file that is there")
	iv.reversible(cmd)
	_ = cmd.MarkFlagFilename("output", "html") //nolint:errcheck // it fails only for a flag that is not there
	return cmd
}

// writeNew writes a file for its owner, as a whole or not at all, and over
// another one only by force.
func writeNew(path string, content []byte, force bool) (err error) {
	if err := mustBeFree(path, force); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".esferry-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(file.Name()))
		}
	}()
	_, err = file.Write(content)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// gather puts a report together from the store, or from the ferry that runs on it.
func (iv *invocation) gather(ctx context.Context, written *config.Config) (page.Report, error) {
	c := written
	if iv.reverse {
		c = turned(c)
	}
	r := page.Report{Type: "report", Schema: jsonSchema, Ferry: c.Name, Made: time.Now().UTC(), Version: thisBuild().Version, Indices: []page.Index{}}
	s, err := readStatus(ctx, c)
	if err != nil {
		return r, err
	}
	if s.Name != c.Name {
		return r, &otherWayError{wanted: c.Name, runs: s.Name}
	}
	if r.History, err = readHistory(ctx, c); err != nil {
		return r, err
	}
	var letters []sink.DeadLetter
	if !iv.reverse {
		// On the way back nothing is set aside.
		if letters, err = deadLetters(c).List(); err != nil {
			return r, err
		}
	}
	if r.Config, err = written.Redacted(); err != nil {
		return r, fmt.Errorf("print the configuration: %w", err)
	}
	r.Running, r.Downtime, r.Rejected = s.Running, s.Downtime, rejectedOf(letters)
	r.Source, r.Target = page.Side{URLs: c.Source.URLs}, page.Side{URLs: c.Target.URLs}
	if n := len(r.History.Runs); n > 0 {
		last := r.History.Runs[n-1]
		r.Source.Engine, r.Target.Engine = &last.Source, &last.Target
	}
	if s.Freeze != nil {
		r.Freeze = &page.Freeze{At: s.Freeze.At, Seconds: s.Freeze.Seconds}
		for _, step := range s.Freeze.Steps {
			r.Freeze.Steps = append(r.Freeze.Steps, page.Step(step))
		}
	}
	for _, rec := range s.Indices {
		r.Indices = append(r.Indices, indexOf(rec))
	}
	return r, nil
}

func indexOf(r ferry.IndexRecord) page.Index {
	out := page.Index{
		Index: r.Index, Target: r.Target, Path: string(r.Path), Phase: string(r.Phase), Lag: r.Lag,
		Applied: r.Written.Applied + r.Written.Repaired, Deleted: r.Deleted, Rejected: r.Written.Rejected,
	}
	if c := r.Counts; c != nil {
		counts := page.Counts(*c)
		out.Counts = &counts
	}
	return out
}

func rejectedOf(letters []sink.DeadLetter) page.Rejected {
	r := page.Rejected{Total: int64(len(letters)), Listed: []page.Letter{}}
	for _, l := range letters[:min(len(letters), mostLetters)] {
		r.Listed = append(r.Listed, page.Letter{
			At: l.Time, Index: l.SourceIndex, ID: text(l.ID), Routing: text(l.Routing), Version: l.Version, Reason: plain(l.Reason),
		})
	}
	return r
}

// readHistory asks the running ferry, or reads the store where none runs.
func readHistory(ctx context.Context, c *config.Config) (h history.History, err error) {
	raw, err := control.Do(ctx, c.Checkpoint.Beside(), historyCommand, nil)
	if running, err := answered(raw, err, &h); running || err != nil {
		return h, err
	}
	err = looking(ctx, c, func(ctx context.Context, store checkpoint.Store, _ checkpoint.Lease) (err error) {
		h, err = history.Load(ctx, store, c.Name)
		return err
	})
	return h, err
}

// commandLine gives a command as the history keeps it: with its arguments and
// flags, but not the place of the configuration, nor what a query looks for.
func commandLine(cmd *cobra.Command, args []string) string {
	words := append([]string{cmd.CommandPath()}, args...)
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch {
		case f.Name == "config" || f.Name == "json":
		case f.Name == "query":
			words = append(words, "--query ...")
		case f.Value.Type() == "bool":
			words = append(words, "--"+f.Name)
		default:
			words = append(words, "--"+f.Name+" "+f.Value.String())
		}
	})
	return strings.Join(words, " ")
}
