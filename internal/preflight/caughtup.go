package preflight

import (
	"context"
	"fmt"
)

// caughtUp tells what is outstanding. It refuses nothing: the rounds before the
// freeze bring it down, and fail where they cannot.
func caughtUp(_ context.Context, c Crossing) (Finding, error) {
	var lag int64
	unnumbered := 0
	for _, i := range c.Indices {
		if i.Lag == nil {
			unnumbered++
			continue
		}
		lag += *i.Lag
	}
	f := Finding{State: OK, Detail: fmt.Sprintf("%d operations are outstanding", lag)}
	if unnumbered > 0 {
		f = Finding{State: Note, Detail: f.Detail + fmt.Sprintf("; all documents of %d indices without sequence numbers are compared under the freeze", unnumbered)}
	}
	if lag > c.MaxLag {
		f.State, f.Detail = Note, f.Detail+fmt.Sprintf(", more than cutover.max_lag (%d): rounds before the freeze come first", c.MaxLag)
	}
	return f, nil
}
