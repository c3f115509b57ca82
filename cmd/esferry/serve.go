package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"esferry/internal/config"
	"esferry/internal/ferry"
	"esferry/internal/group"
	"esferry/internal/live"
	"esferry/internal/report"
)

// serving is what serve was asked for.
type serving struct {
	listen, tokenFile string
	hosts             []string
	interval          time.Duration
}

func (iv *invocation) serveCommand() *cobra.Command {
	var o serving
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Carry everything and follow the source, with a live page to watch and steer it",
		Long: `serve carries everything as run does, and then follows the source until a cutover
is asked for, on its page or by esferry ctl cutover. The page shows the indices, the
throughput, the lag and what stands between them and a cutover; beside it are /metrics
for Prometheus, /healthz and /readyz.

Without a token the page is shown on this machine only, and steers nothing. A token
comes from --token-file or from serve.token in the configuration; whoever has it may
pause, resume, bound the rate, cut over and give a cutover up. After the switch the
page stays until it is interrupted.`,
		Example: "  esferry serve -c ferry.yaml\n  esferry serve --token-file token -c ferry.yaml\n" +
			"  esferry serve --listen 0.0.0.0:7300 --token-file token --host ferry.example.com -c ferry.yaml",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return iv.serve(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.listen, "listen", "", "the page's address; serve.listen otherwise, 127.0.0.1:7300")
	flags.StringVar(&o.tokenFile, "token-file", "", "the file that holds the token; serve.token otherwise")
	flags.StringSliceVar(&o.hosts, "host", nil, "a name under which the page is asked for, such as a proxy's; beside serve.hosts")
	flags.DurationVar(&o.interval, "interval", 10*time.Second, "the pause between two rounds")
	_ = cmd.MarkFlagFilename("token-file") //nolint:errcheck // it fails only for a flag that is not there
	return cmd
}

// serve opens the page before it asks the clusters: an address that is taken, or
// must not be shown without a token, is told at once.
func (iv *invocation) serve(ctx context.Context, o serving) (err error) {
	c, err := iv.load()
	if err != nil {
		return err
	}
	deck := &deck{config: c}
	options, err := o.options(c)
	if err != nil {
		return err
	}
	options.Metrics = report.Scrape(deck.running)
	page, err := live.Listen(ctx, options)
	if weak, ok := errors.AsType[*live.WeakError](err); ok {
		return &usageError{err: err, hint: weak.NextStep()}
	}
	if err != nil {
		return &usageError{err: err, hint: "give another address with --listen"}
	}
	defer func() { err = errors.Join(err, page.Close()) }()
	iv.observer().Observe(report.Event{Time: time.Now(), Kind: report.Noted, Message: "the live page is " + page.URL()})
	iv.watchers = append(iv.watchers, page.Feed)
	return iv.withCrew(ctx, func(ctx context.Context, f *ferry.Ferry) error {
		deck.board(f, page.Feed)
		page.Show(deck)
		return iv.served(ctx, page, deck, o.interval)
	})
}

// options puts together what flags and the configuration say.
func (o serving) options(c *config.Config) (live.Options, error) {
	out := live.Options{Listen: c.Serve.Listen, Token: c.Serve.Token.Reveal(), Hosts: append(o.hosts, c.Serve.Hosts...)}
	if o.listen != "" {
		out.Listen = o.listen
	}
	if o.tokenFile == "" {
		return out, nil
	}
	text, err := config.System(".").ReadFile(o.tokenFile)
	hint := "write the token into it: openssl rand -hex 24"
	if errors.Is(err, config.ErrExposed) {
		hint = "chmod 600 " + o.tokenFile
	}
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		err = cause.Err
	}
	if err != nil {
		return out, &usageError{err: fmt.Errorf("read the token file %s: %w", o.tokenFile, err), hint: hint}
	}
	out.Token = string(bytes.TrimSpace(text))
	return out, nil
}

// served makes the journey while the page shows it, and shows its end.
func (iv *invocation) served(ctx context.Context, page *live.Page, d *deck, interval time.Duration) error {
	showing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, _ := group.New(ctx)
	g.Go("lookout", func(context.Context) error { return d.lookout.Run(showing) })
	g.Go("live page", func(context.Context) error { return page.Serve(showing) })
	g.Go("journey", func(ctx context.Context) error {
		defer stop()
		err := iv.voyage(ctx, d.ferry, interval)
		page.End(endOf(ctx, err))
		return err
	})
	return g.Wait()
}

// voyage carries everything, follows the source until a cutover that was asked
// for has switched, and then waits to be interrupted, for whoever looks.
func (iv *invocation) voyage(ctx context.Context, f *ferry.Ferry, interval time.Duration) error {
	// Before anything that takes long: writers may be waiting.
	if err := f.Aftermath(ctx); err != nil {
		return err
	}
	p, err := f.Plan(ctx)
	if err != nil {
		return err
	}
	if err := iv.bring(ctx, f, p); err != nil {
		return err
	}
	if err := iv.summarize(f, f.Follow(ctx, interval)); err != nil && !errors.Is(err, errRejected) {
		return err
	}
	<-ctx.Done()
	return nil
}

// endOf tells how the work ended, as exit does.
func endOf(ctx context.Context, err error) live.End {
	switch {
	case err == nil:
		return live.End{}
	case ctx.Err() != nil:
		return live.End{Message: "interrupted", NextStep: "run the same command again; it resumes"}
	default:
		return live.End{Message: plain(err.Error()), NextStep: plain(hintOf(err))}
	}
}
