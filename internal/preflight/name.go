package preflight

import (
	"context"
	"fmt"
)

// nameIsFree: nothing on the target may be overwritten, unless this ferry made
// it.
func nameIsFree(ctx context.Context, s Subject) (Obstacle, error) {
	if s.Ours {
		return Obstacle{}, nil
	}
	_, found, err := s.Target.Index(ctx, s.TargetName)
	if err != nil || !found {
		return Obstacle{}, err
	}
	return Obstacle{
		Problem: fmt.Sprintf("the target has an index or alias named %s already", s.TargetName),
		Remedy:  fmt.Sprintf("delete it on the target, let snapshot.on_existing decide where it goes by snapshot, or give another name under indices.rename: {%s: NEW-NAME}", s.Index.Name),
	}, nil
}
