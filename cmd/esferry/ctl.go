package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"esferry/internal/batch"
	"esferry/internal/config"
	"esferry/internal/control"
	"esferry/internal/ferry"
	"esferry/internal/report"
	"esferry/sink"
)

// steering answers the control socket.
type steering struct{ ferry *ferry.Ferry }

// Status implements control.Handler.
func (s steering) Status(ctx context.Context) (any, error) {
	told := s.ferry.Status()
	var err error
	told.Pieces, err = s.ferry.Pieces(ctx)
	return told, err
}

// rates is what ctl rate asks for; what is left out stays as it is.
type rates struct {
	Docs     *int64 `json:"docs_per_second,omitempty"`
	Bytes    *int64 `json:"bytes_per_second,omitempty"`
	Requests *int64 `json:"requests_per_second,omitempty"`
}

// writers is what ctl writers asks for.
type writers struct {
	Writers config.AutoInt `json:"writers"`
}

// over gives the rates as they are after the change.
func (r rates) over(now batch.Rates) (batch.Rates, error) {
	for _, one := range []struct{ from, to *int64 }{{r.Docs, &now.Docs}, {r.Bytes, &now.Bytes}, {r.Requests, &now.Requests}} {
		switch {
		case one.from == nil:
		case *one.from < 0:
			return now, errors.New("a rate is 0, for no bound, or more")
		default:
			*one.to = *one.from
		}
	}
	return now, nil
}

// Do implements control.Handler.
func (s steering) Do(_ context.Context, command string, arguments json.RawMessage) (any, error) {
	switch command {
	case historyCommand:
		return s.ferry.History(), nil
	case "pause":
		if err := s.ferry.Pause(); err != nil {
			return nil, err
		}
	case "resume":
		s.ferry.Resume()
	case "rate":
		var asked rates
		if err := json.Unmarshal(arguments, &asked); err != nil {
			return nil, fmt.Errorf("read the rates: %w", err)
		}
		now, err := asked.over(s.ferry.Pace().Rates)
		if err != nil {
			return nil, err
		}
		s.ferry.SetRates(now)
	case "writers":
		var asked writers
		if err := json.Unmarshal(arguments, &asked); err != nil {
			return nil, fmt.Errorf("read the writers: %w", err)
		}
		s.ferry.SetWriters(asked.Writers.Or(0))
		return s.ferry.Status().Writers, nil
	case "cutover":
		return s.attempt(s.ferry.AskCutover())
	case "abort":
		return s.attempt(s.ferry.AbortCutover())
	default:
		return nil, control.ErrUnknown
	}
	return s.ferry.Pace(), nil
}

func (iv *invocation) ctlCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ctl",
		Short: "Pause the running ferry, let it go on, change how fast it reads, let it cut over",
		Long: `ctl speaks to the ferry that runs on this store, from the same machine. What it
changes holds until that process ends; the configuration is what the next one goes by.`,
		Example: "  esferry ctl pause -c ferry.yaml\n  esferry ctl rate --docs-per-second 2000 -c ferry.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		iv.steerCommand("pause", "Read no more documents from the source until resumed", `pause lets what was read be written, and then nothing is read from the source. A
snapshot, a restore or a copy of a repository goes on. Under the freeze it is refused.`),
		iv.steerCommand("resume", "Let a paused ferry go on", "resume lets a paused ferry go on."),
		iv.rateCommand(), iv.writersCommand(), iv.askCutoverCommand(), iv.giveUpCommand(),
	)
	return cmd
}

func (iv *invocation) steerCommand(name, short, long string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Long: long, Example: "  esferry ctl " + name + " -c ferry.yaml", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return iv.steer(cmd.Context(), name, struct{}{}) },
	}
}

func (iv *invocation) rateCommand() *cobra.Command {
	var docs, requests int64
	var bytes string
	cmd := &cobra.Command{
		Use:   "rate",
		Short: "Show or change the bounds on what is read from the source",
		Long: `rate changes the bounds that are given and leaves the others; without any it shows
them. 0 is no bound. They hold over all indices and readers, and not under the freeze.`,
		Example: "  esferry ctl rate -c ferry.yaml\n  esferry ctl rate --bytes-per-second 10MiB --requests-per-second 0 -c ferry.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asked, err := ratesOf(docs, requests, bytes)
			if err != nil {
				return err
			}
			return iv.steer(cmd.Context(), "rate", asked)
		},
	}
	flags := cmd.Flags()
	flags.Int64Var(&docs, "docs-per-second", unchanged, "documents read a second; 0 is no bound")
	flags.StringVar(&bytes, "bytes-per-second", "", "bytes read a second, such as 10MiB; 0 is no bound")
	flags.Int64Var(&requests, "requests-per-second", unchanged, "pages asked for a second; 0 is no bound")
	return cmd
}

func (iv *invocation) writersCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "writers N|auto",
		Short: "Fix how many bulk requests are under way at once, or let them adapt",
		Long: `writers fixes how many bulk requests the target gets at once, over all indices.
With auto they follow the target's answers.`,
		Example: "  esferry ctl writers 2 -c ferry.yaml\n  esferry ctl writers auto -c ferry.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var asked writers
			if err := asked.Writers.UnmarshalText([]byte(args[0])); err != nil {
				return &usageError{err: fmt.Errorf("ctl writers %w", err), hint: "esferry ctl writers --help tells what it wants"}
			}
			var now sink.Pace
			if err := iv.tell(cmd.Context(), "writers", asked, &now); err != nil {
				return err
			}
			if iv.json {
				return iv.print(struct {
					Type string `json:"type"`
					sink.Pace
				}{"writers", now})
			}
			return iv.write("writers: %s\n", writing(now))
		},
	}
}

// writing tells the pace of writers in words.
func writing(p sink.Pace) string {
	return fmt.Sprintf("%d of at most %d, bulks of at most %s; the target had no room %d times", p.Writers, p.Most, report.Size(int64(p.BulkBytes)), p.Busy)
}

// unchanged is the rate that leaves a bound as it is.
const unchanged = -1

// ratesOf reads the flags; unchanged and "" leave a bound as it is.
func ratesOf(docs, requests int64, bytes string) (rates, error) {
	var r rates
	if docs != unchanged {
		r.Docs = &docs
	}
	if requests != unchanged {
		r.Requests = &requests
	}
	if bytes == "" {
		return r, nil
	}
	var size config.ByteSize
	if err := size.UnmarshalText([]byte(bytes)); err != nil {
		return r, &usageError{err: fmt.Errorf("--bytes-per-second %w", err), hint: "esferry ctl rate --help lists the flags"}
	}
	n := int64(size)
	r.Bytes = &n
	return r, nil
}

// steer gives the running ferry a command and shows its pace after it.
func (iv *invocation) steer(ctx context.Context, command string, arguments any) error {
	var now ferry.Pace
	if err := iv.tell(ctx, command, arguments, &now); err != nil {
		return err
	}
	if iv.json {
		return iv.print(struct {
			Type string `json:"type"`
			ferry.Pace
		}{"pace", now})
	}
	return iv.write("reading: %s\n", speed(now))
}

// tell gives the running ferry a command and reads its answer.
func (iv *invocation) tell(ctx context.Context, command string, arguments, answer any) error {
	c, err := iv.load()
	if err != nil {
		return err
	}
	raw, err := control.Do(ctx, c.Checkpoint.Beside(), command, arguments)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, answer); err != nil {
		return fmt.Errorf("read the running ferry's answer: %w", err)
	}
	return nil
}

// speed tells how fast is read, in words.
func speed(p ferry.Pace) string {
	var bounds []string
	if n := p.Rates.Docs; n > 0 {
		bounds = append(bounds, fmt.Sprintf("%d documents/s", n))
	}
	if n := p.Rates.Bytes; n > 0 {
		bounds = append(bounds, report.Size(n)+"/s")
	}
	if n := p.Rates.Requests; n > 0 {
		bounds = append(bounds, fmt.Sprintf("%d requests/s", n))
	}
	text := "without bounds"
	switch {
	case p.Paused:
		text = "paused; esferry ctl resume lets it go on"
	case p.Lifted:
		text = "without bounds, under the freeze"
	case len(bounds) > 0:
		text = "at most " + strings.Join(bounds, ", ")
	}
	if p.Braked != "" {
		text += fmt.Sprintf("; readers at %.0f%% of their time, since %s", 100*p.Share, plain(p.Braked))
	}
	return text
}
