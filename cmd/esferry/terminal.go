package main

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"slices"
	"time"

	"esferry/internal/config"
	"esferry/internal/ferry"
	"esferry/internal/report"
	"esferry/internal/retry"
)

// watchEvery is how often status --watch looks again.
const watchEvery = 2 * time.Second

// observer tells events: JSON lines to stdout, records to a log that is JSON, bars
// to a terminal, or plain lines to stderr.
func (iv *invocation) observer() report.Observer {
	if iv.json {
		iv.lines = report.NewJSON(iv.stdout)
		return iv.lines
	}
	if log, ok := iv.logged(); ok {
		return log
	}
	if iv.bars != nil {
		return iv.bars
	}
	if terminal, ok := iv.stderr.(*os.File); ok && !iv.noProgress && report.Terminal(terminal) {
		iv.bars = report.NewBars(terminal)
		// Hooks and warnings must not tear the bars.
		iv.stderr = iv.bars
		return iv.bars
	}
	return report.NewLines(iv.stderr)
}

// timed is observer, with a watch on how long each index takes.
func (iv *invocation) timed() report.Observer {
	iv.took = report.NewStopwatch(iv.observer())
	return iv.took
}

// settle takes the bars off the terminal, before something else is shown there.
func (iv *invocation) settle() {
	if iv.bars != nil {
		iv.bars.Close()
	}
}

// watch shows the status until it is stopped: in place on a terminal, one below
// the other elsewhere.
func (iv *invocation) watch(ctx context.Context, c *config.Config) error {
	show := iv.showStatus
	if terminal, ok := iv.stdout.(*os.File); ok && !iv.json && report.Terminal(terminal) {
		show = iv.inPlace(report.NewPage(terminal))
	}
	for {
		s, err := readStatus(ctx, c)
		if err != nil {
			return err
		}
		if err := show(s); err != nil {
			return err
		}
		if err := retry.Sleep(ctx, watchEvery); err != nil {
			return err
		}
	}
}

// inPlace shows the status on a page; where it is too long for one, the indices
// with the most outstanding are seen.
func (iv *invocation) inPlace(page *report.Page) func(s ferry.Status) error {
	return func(s ferry.Status) error {
		var text bytes.Buffer
		slices.SortStableFunc(s.Indices, func(a, b ferry.IndexRecord) int { return cmp.Compare(b.Lag, a.Lag) })
		if err := (&invocation{stdout: &text}).showStatus(s); err != nil {
			return err
		}
		return page.Show(text.String())
	}
}
