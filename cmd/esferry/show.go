package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"esferry/internal/ferry"
	"esferry/internal/foreign"
	"esferry/internal/report"
)

// tableOf gives an empty table with these columns.
func tableOf(columns ...any) table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row(columns))
	return t
}

func (iv *invocation) write(format string, args ...any) error {
	iv.settle()
	if _, err := fmt.Fprintf(foreign.Text(iv.stdout), format, args...); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

func (iv *invocation) showPlan(p ferry.Plan) error {
	if iv.json {
		return iv.print(struct {
			Type string `json:"type"`
			ferry.Plan
		}{"plan", p})
	}
	if err := iv.write("from %s (%s)\nto   %s (%s)\n", p.Source.Name, p.Source, p.Target.Name, p.Target); err != nil {
		return err
	}
	t := tableOf("index", "target", "path", "docs", "size", "shards", "about", "why")
	for _, i := range p.Indices {
		docs := "not counted"
		if i.Docs >= 0 {
			docs = strconv.FormatInt(i.Docs, 10)
		}
		t.AppendRow(table.Row{plain(i.Index), plain(i.Target), i.Path, docs, report.Size(i.Bytes), i.Shards, fmt.Sprintf("%.0f s", i.EstimatedSeconds), i.Reason})
	}
	if err := iv.write("%s\n", t.Render()); err != nil {
		return err
	}
	for _, i := range p.Indices {
		if err := iv.showNotes(i); err != nil {
			return err
		}
	}
	if len(p.UnreadRoles) > 0 {
		if err := iv.write("note: make sure that no role masks fields (masked_fields): the source's user may not read its own (%s), and masked values would be carried as they are seen\n", plain(strings.Join(p.UnreadRoles, ", "))); err != nil {
			return err
		}
	}
	for _, o := range p.Obstacles {
		if err := iv.write("obstacle: %s\n", plain(o.String())); err != nil {
			return err
		}
	}
	return nil
}

// summary closes every long command.
type summary struct {
	Type    string         `json:"type"`
	Equal   bool           `json:"equal"`
	Indices []indexSummary `json:"indices"`
	// ThisRun is there for commands that timers start; the indices' figures are
	// those of all runs.
	ThisRun *runTotals `json:"this_run,omitempty"`
	// FreezeSeconds and FreezeSteps are there once a cutover has switched.
	FreezeSeconds *float64     `json:"freeze_seconds,omitempty"`
	FreezeSteps   []ferry.Step `json:"freeze_steps,omitempty"`
}

// indexSummary is one line of it.
type indexSummary struct {
	ferry.IndexSummary
	// Seconds that this run has spent on the index.
	Seconds float64 `json:"seconds"`
}

func (iv *invocation) summaries(f *ferry.Ferry) []indexSummary {
	all := f.Summary()
	out := make([]indexSummary, len(all))
	for i, s := range all {
		out[i] = indexSummary{s, iv.took.Seconds(s.Index)}
	}
	return out
}

// summarize prints what a command did and how the sides stand, also when it
// failed with a difference, and gives the command's error.
func (iv *invocation) summarize(f *ferry.Ferry, result error) error {
	if result != nil && !errors.Is(result, ferry.ErrDifference) {
		return result
	}
	s := summary{Type: "summary", Equal: true, Indices: iv.summaries(f), ThisRun: iv.run}
	rejected := int64(0)
	for _, i := range s.Indices {
		s.Equal = s.Equal && i.Equal
		rejected += i.Rejected
	}
	if freeze := f.Freeze(); freeze != nil {
		s.FreezeSeconds, s.FreezeSteps = &freeze.Seconds, freeze.Steps
	}
	if err := iv.showSummary(s); err != nil {
		return err
	}
	if result == nil && rejected > 0 {
		return fmt.Errorf("%w: %d", errRejected, rejected)
	}
	return result
}

func (iv *invocation) showSummary(s summary) error {
	if iv.json {
		return iv.print(s)
	}
	t := tableOf("index", "path", "source", "target", "docs", "lag", "applied", "deleted", "seconds")
	for _, i := range s.Indices {
		t.AppendRow(table.Row{renamed(i.Index, i.Target), i.Path, i.SourceDocs, i.TargetDocs, verdict(i.IndexSummary), i.Lag, i.Applied, i.Deleted, fmt.Sprintf("%.1f", i.Seconds)})
	}
	if err := iv.write("%s\n", t.Render()); err != nil {
		return err
	}
	if s.FreezeSeconds == nil {
		return nil
	}
	if err := iv.write("writers were held back for %.2f s:\n", *s.FreezeSeconds); err != nil {
		return err
	}
	return iv.showSteps(s.FreezeSteps)
}

func (iv *invocation) showSteps(steps []ferry.Step) error {
	for _, step := range steps {
		if err := iv.write("  %-22s %6.2f s\n", step.Name, step.Seconds); err != nil {
			return err
		}
	}
	return nil
}

// renamed gives an index's name, and the one it has on the target where that is
// another: a table of few columns goes onto a terminal.
func renamed(index, target string) string {
	if index == target {
		return plain(index)
	}
	return plain(index + " -> " + target)
}

func verdict(i ferry.IndexSummary) string {
	switch {
	case i.Equal:
		return "equal"
	case i.Moving:
		return "moving"
	default:
		return "DIFFERENT"
	}
}

func (iv *invocation) showBackfills(done []ferry.Backfill) error {
	rejected := int64(0)
	t := tableOf("index", "target", "source docs", "target docs", "applied", "replayed")
	for _, b := range done {
		rejected += b.Written.Rejected
		t.AppendRow(table.Row{plain(b.Index), plain(b.Target), b.Counts.Source, b.Counts.Target, b.Written.Applied, b.Written.Replayed})
	}
	if iv.json {
		if err := iv.print(map[string]any{"type": "summary", "backfills": done}); err != nil {
			return err
		}
	} else if err := iv.write("%s\n", t.Render()); err != nil {
		return err
	}
	if rejected > 0 {
		return fmt.Errorf("%w: %d", errRejected, rejected)
	}
	return nil
}

// showNotes tells what is to be known of an index before it goes.
func (iv *invocation) showNotes(i ferry.IndexPlan) error {
	if err := iv.showDelta(i); err != nil {
		return err
	}
	if i.Existing != "" {
		if err := iv.write("note: index %s: the one that the target has already is %s\n", plain(i.Index), plain(i.Existing)); err != nil {
			return err
		}
	}
	for _, n := range i.Notes {
		if err := iv.write("note: index %s: %s %s: %s\n", plain(i.Index), n.Path, n.Level, n.Reason); err != nil {
			return err
		}
	}
	return nil
}

// showDelta tells how changes will be found where that is not by sequence number.
func (iv *invocation) showDelta(i ferry.IndexPlan) error {
	switch i.Delta {
	case ferry.ByReconcile:
		return iv.write("note: index %s: every round compares all its documents, since %s\n", plain(i.Index), plain(i.DeltaReason))
	case ferry.ByTime:
		return iv.write("note: index %s: rounds read what is new by its time field, and see neither updates of old documents nor deletes, since %s\n", plain(i.Index), plain(i.DeltaReason))
	case ferry.ByWindows:
	}
	return nil
}
