package preflight

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"slices"
)

// hooksExecutable: a hook that cannot be started would fail under the freeze.
func hooksExecutable(_ context.Context, c Crossing) (Finding, error) {
	for _, moment := range slices.Sorted(maps.Keys(c.Hooks)) {
		if _, err := exec.LookPath(c.Hooks[moment]); err != nil {
			return Finding{
				State: Refused, Detail: fmt.Sprintf("the hook for %s cannot be run: %v", moment, err),
				Remedy: "correct cutover.hooks, or make the file executable (chmod +x); a relative name begins where esferry is started",
			}, nil
		}
	}
	return Finding{State: OK, Detail: fmt.Sprintf("%d can be run", len(c.Hooks))}, nil
}
