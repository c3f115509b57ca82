package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"esferry/internal/config"
	"esferry/internal/ferry"
)

// comparison is what the flags of verify ask for.
type comparison struct {
	level    string
	sample   config.Percent
	repair   bool
	field    string
	from, to string
	all      bool
	// certificate is the file that one is written to; empty for none.
	certificate string
}

func (iv *invocation) verifyCommand() *cobra.Command {
	var c comparison
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare both sides: counts, ids, or contents",
		Long: `verify compares both sides of every index that is carried. A difference exits
with 3; what the source has changed since the last round is "on its way", and
the answer is then "moving".

  counts   live root documents, by _count (default)
  ids      id, routing, type and version of every document
  content  every document to the byte: both sides are read at the same time,
           hashed, and the documents that differ are named

--sample compares a share of the documents, chosen by their ids, on both sides
the same. For contents, a sample of up to 10% reads all ids, and only the chosen
documents' contents. --repair carries just the documents that differ, deletes
included within max_delete, and looks again. --by-day counts, or compares, day
by day (UTC, the last day included), and stops at the first that differs.

--certificate writes what was found equal as JSON, for who wants to check it
without esferry: per index and shard the counts and digests of both sides, and
the positions they hold at. None is written unless all indices are equal and
neither side took a write meanwhile.`,
		Example: `  esferry verify -c ferry.yaml
  esferry verify --level content -c ferry.yaml
  esferry verify --level content --sample 1% -c ferry.yaml
  esferry verify --level ids --repair -c ferry.yaml
  esferry verify --level content --certificate equal.json -c ferry.yaml
  esferry verify --by-day @timestamp --from 2026-11-01 --to 2026-11-30 -c ferry.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, days, err := c.request()
			if err == nil && q.Certify {
				err = mustBeFree(c.certificate, false)
			}
			if err != nil {
				return err
			}
			return iv.withCrew(cmd.Context(), func(ctx context.Context, f *ferry.Ferry) error {
				if days != nil {
					found, err := f.VerifyDays(ctx, q, *days)
					return iv.showDays(found, err)
				}
				if err := iv.showVerified(f, q, f.Verify(ctx, q)); err != nil || !q.Certify {
					return err
				}
				return writeCertificate(f, q.Level, c.certificate)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&c.level, "level", string(ferry.LevelCounts), "what is compared: counts, ids or content")
	flags.TextVar(&c.sample, "sample", config.Percent(100), "the share of documents that is compared by ids or content")
	flags.BoolVar(&c.repair, "repair", false, "carry the documents that differ, and look again")
	flags.StringVar(&c.certificate, "certificate", "", "write a certificate of equality into this file, which must not be there yet")
	flags.StringVar(&c.field, "by-day", "", "compare day by day, by this date field")
	flags.StringVar(&c.from, "from", "", "with --by-day, the first day, such as 2026-11-01")
	flags.StringVar(&c.to, "to", "", "with --by-day, the last day")
	flags.BoolVar(&c.all, "all", false, "with --by-day, go on after a day that differs")
	return iv.reversible(cmd)
}

// request makes of the flags what they ask for, and refuses what does not go
// together; days is nil without --by-day.
func (c *comparison) request() (ferry.VerifyRequest, *ferry.Days, error) {
	q := ferry.VerifyRequest{Level: ferry.Level(c.level), Sample: float64(c.sample) / 100, Repair: c.repair, Certify: c.certificate != ""}
	refuse := func(what, instead string) (ferry.VerifyRequest, *ferry.Days, error) {
		return q, nil, &usageError{err: errors.New(what), hint: instead}
	}
	switch q.Level {
	case ferry.LevelCounts, ferry.LevelIDs, ferry.LevelContent:
	default:
		return refuse(fmt.Sprintf("there is no --level %q", c.level), "give counts, ids or content")
	}
	switch {
	case q.Sample <= 0 || q.Sample > 1:
		return refuse("--sample is no share of the documents", "give a share such as 1%, of up to 100%")
	case q.Level == ferry.LevelCounts && (q.Sample < 1 || q.Repair):
		return refuse("counts name no documents to sample or to repair", "add --level ids or --level content")
	case q.Certify && (q.Level == ferry.LevelCounts || q.Sample < 1 || c.field != ""):
		return refuse("a certificate is of all documents of an index", "add --level content, and leave out --sample and --by-day")
	case c.field == "" && (c.from != "" || c.to != "" || c.all):
		return refuse("--from, --to and --all belong to --by-day", "name the date field by --by-day, such as --by-day @timestamp")
	case c.field == "":
		return q, nil, nil
	}
	from, err := time.Parse(time.DateOnly, c.from)
	to, other := time.Parse(time.DateOnly, c.to)
	if err != nil || other != nil || to.Before(from) {
		return refuse("--by-day wants the first and the last day", "add --from and --to, such as --from 2026-11-01 --to 2026-11-30")
	}
	return q, &ferry.Days{Field: c.field, From: from, To: to, All: c.all}, nil
}

// showVerified prints what was found, index by index, and gives the command's
// error.
func (iv *invocation) showVerified(f *ferry.Ferry, q ferry.VerifyRequest, result error) error {
	if iv.json || q.Level == ferry.LevelCounts || result != nil && !errors.Is(result, ferry.ErrDifference) {
		return iv.summarize(f, result)
	}
	t := tableOf("index", "target", "source docs", "target docs", "", "differing", "on their way", "repaired", "digest of the source", "seconds")
	var found []ferry.IndexSummary
	for _, i := range f.Summary() {
		if v := i.Verification; v != nil {
			found = append(found, i)
			t.AppendRow(table.Row{
				plain(i.Index), plain(i.Target), v.Source.Docs, v.Target.Docs, verdict(i), v.Differences, v.OnTheirWay, v.Repaired, v.Source.Digest,
				fmt.Sprintf("%.1f", v.Seconds),
			})
		}
	}
	if err := iv.write("%s\n", t.Render()); err != nil {
		return err
	}
	for _, i := range found {
		if err := iv.showDiffering(i.Index, i.Verification); err != nil {
			return err
		}
	}
	return result
}

// showDiffering names the documents that differ.
func (iv *invocation) showDiffering(index string, v *ferry.Verification) error {
	if v.Sample < 1 {
		if err := iv.write("index %s: a sample of %s was compared, chosen by id\n", plain(index), config.Percent(100*v.Sample)); err != nil {
			return err
		}
	}
	if v.OtherBytes > 0 {
		if err := iv.write("index %s: %d documents say the same in other bytes\n", plain(index), v.OtherBytes); err != nil {
			return err
		}
	}
	if v.DeletesIgnored > 0 {
		if err := iv.write("index %s: %d documents are left on the target, since deletes are ignored\n", plain(index), v.DeletesIgnored); err != nil {
			return err
		}
	}
	if len(v.Differing) == 0 {
		return nil
	}
	t := tableOf("index", "differs", "id", "routing", "type", "source version", "target version")
	for _, d := range v.Differing {
		t.AppendRow(table.Row{plain(index), d.Kind, text(d.ID), text(d.Routing), text(d.Type), version(d.SourceVersion), version(d.TargetVersion)})
	}
	if err := iv.write("%s\n", t.Render()); err != nil {
		return err
	}
	if more := v.Differences - int64(len(v.Differing)); more > 0 {
		return iv.write("index %s: and %d more\n", plain(index), more)
	}
	return nil
}

// version is empty where a side does not have the document.
func version(v *int64) any {
	if v == nil {
		return ""
	}
	return *v
}

// showDays prints the days that were compared, and gives the command's error.
func (iv *invocation) showDays(days []ferry.Day, result error) error {
	if result != nil && !errors.Is(result, ferry.ErrDifference) {
		return result
	}
	if iv.json {
		equal := result == nil
		for _, d := range days {
			equal = equal && d.Equal
		}
		line := struct {
			Type  string      `json:"type"`
			Equal bool        `json:"equal"`
			Days  []ferry.Day `json:"days"`
		}{"summary", equal, days}
		if err := iv.print(line); err != nil {
			return err
		}
		return result
	}
	t := tableOf("day", "index", "source docs", "target docs", "")
	for _, d := range days {
		t.AppendRow(table.Row{d.Day, plain(d.Index), d.Source, d.Target, verdict(ferry.IndexSummary{Equal: d.Equal, Moving: d.Moving})})
	}
	if err := iv.write("%s\n", t.Render()); err != nil {
		return err
	}
	for _, d := range days {
		if d.Verification == nil || len(d.Verification.Differing) == 0 {
			continue
		}
		if err := iv.showDiffering(d.Index, d.Verification); err != nil {
			return err
		}
	}
	return result
}
