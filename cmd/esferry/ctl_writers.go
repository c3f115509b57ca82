package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"esferry/internal/config"
	"esferry/internal/report"
	"esferry/sink"
)

// setWriters carries ctl writers out: a number, or 0 to adapt; nothing is
// changed where there is none.
func (s steering) setWriters(arguments json.RawMessage) (any, error) {
	var asked *int
	if err := json.Unmarshal(arguments, &asked); err != nil {
		return nil, fmt.Errorf("read the writers: %w", err)
	}
	switch {
	case asked == nil:
	case *asked < 0:
		return nil, errors.New("writers are auto, or a number from 1")
	default:
		s.ferry.SetWriters(*asked)
	}
	return s.ferry.Writers(), nil
}

func (iv *invocation) writersCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "writers [N|auto]",
		Short: "Show or change how many bulk requests the target gets at once",
		Long: `writers fixes how many bulk requests the target gets at once, over all indices; auto
lets them follow the target again. Without either it shows them.`,
		Example: "  esferry ctl writers -c ferry.yaml\n  esferry ctl writers 2 -c ferry.yaml\n  esferry ctl writers auto -c ferry.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var asked *int
			if len(args) == 1 {
				var n config.AutoInt
				if err := n.UnmarshalText([]byte(args[0])); err != nil {
					return &usageError{err: fmt.Errorf("esferry ctl writers %w", err), hint: "esferry ctl writers --help shows how"}
				}
				number := n.Or(0)
				asked = &number
			}
			var now sink.Pace
			if err := iv.ask(cmd.Context(), "writers", asked, &now); err != nil {
				return err
			}
			if iv.json {
				return iv.print(struct {
					Type string `json:"type"`
					sink.Pace
				}{"writers", now})
			}
			return iv.write("%s\n", writing(now))
		},
	}
}

// writing tells the writers' pace in words.
func writing(p sink.Pace) string {
	return fmt.Sprintf("writers: %d of at most %d, bulks of at most %s; the target had no room %d times",
		p.Writers, p.Most, report.Size(int64(p.BulkBytes)), p.Busy)
}
