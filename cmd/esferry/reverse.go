package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"esferry/internal/config"
	"esferry/internal/ferry"
)

// followEvery is the pause between two rounds where nobody says another.
const followEvery = 10 * time.Second

// reversible gives a command that can be about the way back the flag for it.
func (iv *invocation) reversible(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&iv.reverse, "reverse", false, "the way back: from the new cluster to the old one, from the switch on")
	return cmd
}

// turned gives the configuration as it is on the way back.
func turned(c *config.Config) *config.Config {
	back := *c
	back.Name, back.Source, back.Target = ferry.BackName(c.Name), c.Target, c.Source
	return &back
}

// asked gives the configuration of the way that the command is about.
func (iv *invocation) asked() (*config.Config, error) {
	c, err := iv.load()
	if err == nil && iv.reverse {
		c = turned(c)
	}
	return c, err
}

// otherWayError refuses to tell of one way by what the other one says, which runs.
type otherWayError struct{ wanted, runs string }

// Error names both.
func (e *otherWayError) Error() string {
	return fmt.Sprintf("what runs on this store is %s, not %s", e.runs, e.wanted)
}

// NextStep is printed on a line of its own.
func (e *otherWayError) NextStep() string {
	if e.runs == ferry.BackName(e.wanted) {
		return "add --reverse, which is the way back, or wait until that has ended"
	}
	return "leave --reverse out, or wait until that has ended"
}

// back brings the old cluster up to the new one, from wherever the way back stands.
func (*invocation) back(ctx context.Context, f *ferry.Ferry) error {
	// Before anything that takes long: writers may be waiting.
	if err := f.Aftermath(ctx); err != nil {
		return err
	}
	p, err := f.Plan(ctx)
	if err != nil {
		return err
	}
	return f.Carry(ctx, p)
}

// forth makes the journey of run, in the direction that is asked for.
func (iv *invocation) forth(ctx context.Context, f *ferry.Ferry, cutover bool) error {
	if !iv.reverse {
		p, err := f.Plan(ctx)
		if err != nil {
			return err
		}
		return iv.travel(ctx, f, p, cutover)
	}
	if err := iv.back(ctx, f); err != nil {
		return err
	}
	if !cutover {
		return f.Follow(ctx, followEvery)
	}
	_, err := f.Cutover(ctx)
	return err
}

// ready brings a way back to where it can be kept up; the way forth is there.
func (iv *invocation) ready(ctx context.Context, f *ferry.Ferry) error {
	if !iv.reverse {
		return nil
	}
	return iv.back(ctx, f)
}
