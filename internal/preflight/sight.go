package preflight

import (
	"bytes"
	"context"
	"fmt"
	"path"
)

const (
	// hidden is the share of an index that may be missing from a count before it
	// looks like a role that hides documents: statistics run ahead of searches by
	// what was written lately.
	hidden = 0.01
	// few is how many documents may be missing from any index.
	few = 1000
)

// seesAll: a user whose role hides documents or fields reads less with a 200,
// and what he does not see would be deleted on the target (S10).
func seesAll(ctx context.Context, s Subject) (Obstacle, error) {
	remedy := "give the source's user a role without document or field level security on it"
	for _, r := range s.Restrictions {
		for _, pattern := range r.Names {
			if ok, err := path.Match(pattern, s.Index.Name); err == nil && ok {
				return Obstacle{Problem: fmt.Sprintf("a role of the source's user hides %s of it (document or field level security on %s)", what(r.Documents), pattern), Remedy: remedy}, nil
			}
		}
	}
	if bytes.Contains(s.Mappings, []byte(`"nested"`)) {
		// Statistics count nested parts, too.
		return Obstacle{}, nil
	}
	return s.countsAll(ctx, remedy)
}

// countsAll compares a count with the statistics, which no role hides anything
// from. A little less is what a writer does between a refresh and the next one.
func (s Subject) countsAll(ctx context.Context, remedy string) (Obstacle, error) {
	before, err := s.Source.StoredDocs(ctx, s.Index.Name)
	if err != nil || before <= few {
		return Obstacle{}, err
	}
	seen, err := s.Source.Count(ctx, s.Index.Name, nil)
	if err != nil {
		return Obstacle{}, err
	}
	after, err := s.Source.StoredDocs(ctx, s.Index.Name)
	if err != nil {
		return Obstacle{}, err
	}
	stored := min(before, after)
	if missing := stored - seen; missing <= few || float64(missing) <= hidden*float64(stored) {
		return Obstacle{}, nil
	}
	return Obstacle{
		Problem: fmt.Sprintf("a search counts %d of its %d stored documents, which is what a role with partial sight looks like", seen, stored),
		Remedy:  remedy + "; where it has not been refreshed for long (refresh_interval -1), refresh it on the source",
	}, nil
}

func what(documents bool) string {
	if documents {
		return "documents"
	}
	return "fields"
}
