package preflight

import (
	"context"
	"fmt"
)

// allCarried: an index that came up since the last run would stay behind.
func allCarried(_ context.Context, c Crossing) (Finding, error) {
	if len(c.New) > 0 {
		return Finding{
			State: Refused, Detail: fmt.Sprintf("index %s is new on the source and is not carried yet (%d such indices)", c.New[0], len(c.New)),
			Remedy: "run esferry run --cutover (with --reverse on the way back), which carries it first, or put it under indices.exclude",
		}, nil
	}
	return Finding{State: OK, Detail: "every index of the source that is asked for is carried"}, nil
}
