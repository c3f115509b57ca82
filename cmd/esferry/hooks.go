package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"esferry/internal/config"
	"esferry/internal/foreign"
)

// What a hook finds in its environment: the moment, and the ferry's name. Neither
// is the twin of a flag, so that a hook may call esferry.
const (
	hookEvent = environmentPrefix + "EVENT"
	hookFerry = environmentPrefix + "FERRY"
)

// hookPatience bounds a hook: writers wait for it.
const hookPatience = time.Minute

// hooks runs the operator's commands, without a shell, their output going to
// stderr, less the configuration's secrets. A hook that fails fails the step it
// belongs to.
func (iv *invocation) hooks(c *config.Config) func(ctx context.Context, event string) error {
	commands := commandsOf(c.Cutover.Hooks)
	return func(ctx context.Context, event string) error {
		argv := commands[event]
		if len(argv) == 0 {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, hookPatience)
		defer cancel()
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the operator's own command, from the operator's own file
		// One writer for both: exec then calls it from one goroutine.
		said := foreign.Without(foreign.Text(iv.stderr), c.Secrets())
		cmd.Stdout, cmd.Stderr = said, said
		cmd.Env = append(os.Environ(), hookEvent+"="+event, hookFerry+"="+c.Name)
		cmd.WaitDelay = time.Second
		if err := errors.Join(cmd.Run(), said.Flush()); err != nil {
			return fmt.Errorf("run the hook for %q (%s): %w", event, argv[0], err)
		}
		return nil
	}
}

// commandsOf gives each moment's command.
func commandsOf(h config.Hooks) map[string][]string {
	return map[string][]string{"frozen": h.Frozen, "switched": h.Switched, "aborted": h.Aborted}
}

// programs gives each command's program.
func programs(h config.Hooks) map[string]string {
	out := map[string]string{}
	for event, argv := range commandsOf(h) {
		if len(argv) > 0 {
			out[event] = argv[0]
		}
	}
	return out
}
