package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"esferry/internal/config"
	"esferry/internal/ferry"
	"esferry/internal/retry"
)

// attempt gives the cutover as it stands after a command, unless it was refused.
func (s steering) attempt(err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return s.ferry.Attempt(), nil
}

func (iv *invocation) askCutoverCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cutover",
		Short: "Let the running ferry cut over, and wait for the end",
		Long: `cutover lets the esferry serve or sync --follow that runs on this store end its round,
hold the writers back, carry what is left, verify and switch. It waits and tells the
steps; interrupted, the cutover goes on. Where it fails, the freeze is lifted and the
source is followed as before.`,
		Example: "  esferry ctl cutover -c ferry.yaml\n  esferry ctl cutover --json -c ferry.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return iv.order(cmd.Context(), "cutover", ferry.CutoverSwitched)
		},
	}
}

func (iv *invocation) giveUpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "abort",
		Short: "Let the running ferry give its cutover up, and wait until the source serves again",
		Long: `abort gives the cutover up that is under way, and lifts the freeze. Once everything
is verified and the switch has begun it is refused. Where no ferry runs any more,
esferry cutover abort lifts what it has left.`,
		Example: "  esferry ctl abort -c ferry.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return iv.order(cmd.Context(), "abort", ferry.CutoverGivenUp)
		},
	}
}

// order gives a command about the cutover and waits for an end of it; another one
// than was wanted is an error.
func (iv *invocation) order(ctx context.Context, command string, wanted ferry.CutoverState) error {
	c, err := iv.load()
	if err != nil {
		return err
	}
	s, err := readStatus(ctx, c)
	if err != nil {
		return err
	}
	if s.Name == ferry.BackName(c.Name) {
		// It is the way back that runs, and whose end the store will tell.
		c = turned(c)
	}
	var now *ferry.Attempt
	if err := iv.tell(ctx, command, struct{}{}, &now); err != nil {
		return err
	}
	told := 0
	err = retry.Poll(ctx, "the end of the cutover", 200*time.Millisecond, func(ctx context.Context) (bool, error) {
		if now, err = present(ctx, c, now); err != nil {
			return false, err
		}
		for ; now != nil && !iv.json && told < len(now.Steps) && now.Steps[told].Ended; told++ {
			if err := iv.write("  %-22s %6.2f s\n", now.Steps[told].Name, now.Steps[told].Seconds); err != nil {
				return false, err
			}
		}
		return !now.Open(), nil
	})
	if err != nil {
		return err
	}
	return iv.showAttempt(now, wanted)
}

// present asks for the cutover as it stands. A ferry that has switched may be over:
// then the store tells.
func present(ctx context.Context, c *config.Config, before *ferry.Attempt) (*ferry.Attempt, error) {
	s, err := readStatus(ctx, c)
	switch {
	case err != nil:
		return nil, err
	case s.Running:
		return s.Cutover, nil
	case before.Open() && s.Freeze != nil && !s.Freeze.At.Before(before.Since):
		over := *before
		over.State = ferry.CutoverSwitched
		return &over, nil
	case before.Open():
		return nil, &stoppedError{}
	default:
		return before, nil
	}
}

// stoppedError says that the ferry ended before its cutover did.
type stoppedError struct{}

// Error says so.
func (*stoppedError) Error() string { return "the ferry has ended before its cutover" }

// NextStep is printed on a line of its own.
func (*stoppedError) NextStep() string {
	return "esferry status tells whether write blocks are left on the source; esferry cutover goes on, esferry cutover abort lifts them"
}

// endedError is a cutover that ended otherwise than was wanted.
type endedError struct{ attempt ferry.Attempt }

// Error tells how.
func (e *endedError) Error() string {
	return fmt.Sprintf("the cutover has ended (%s): %s", e.attempt.State, e.attempt.Reason)
}

// NextStep is printed on a line of its own.
func (e *endedError) NextStep() string { return e.attempt.NextStep }

func (iv *invocation) showAttempt(a *ferry.Attempt, wanted ferry.CutoverState) error {
	if iv.json {
		if err := iv.print(struct {
			Type string `json:"type"`
			*ferry.Attempt
		}{"cutover", a}); err != nil {
			return err
		}
	}
	switch {
	case a != nil && a.State != wanted:
		return &endedError{*a}
	case iv.json:
		return nil
	case wanted == ferry.CutoverSwitched:
		return iv.write("switched\n")
	default:
		return iv.write("given up: the source serves writes\n")
	}
}
