package preflight

import "context"

// isOpen: a closed index can be neither read nor counted.
func isOpen(_ context.Context, s Subject) (Obstacle, error) {
	if s.Index.Open {
		return Obstacle{}, nil
	}
	return Obstacle{Problem: "it is closed on the source", Remedy: "open it (POST " + s.Index.Name + "/_open), or put it under indices.exclude"}, nil
}
