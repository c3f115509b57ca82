package preflight

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"

	"esferry/internal/cluster"
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
				return Obstacle{Problem: fmt.Sprintf("a role of the source's user hides %s of it (document or field level security, or masked fields, on %s)", what(r.Documents), pattern), Remedy: remedy}, nil
			}
		}
	}
	if o, err := s.seesFields(ctx, remedy); err != nil || o.Problem != "" {
		return o, err
	}
	if bytes.Contains(s.Mappings, []byte(`"nested"`)) {
		// Statistics count nested parts, too.
		return Obstacle{}, nil
	}
	return s.countsAll(ctx, remedy)
}

// seesFields compares the mappings that the user is shown with those that are
// stored: OpenSearch leaves out the fields that a role hides.
func (s Subject) seesFields(ctx context.Context, remedy string) (Obstacle, error) {
	if s.Source.Identity().Product != cluster.OpenSearch {
		return Obstacle{}, nil
	}
	stored, err := s.Source.StoredMappings(ctx, s.Index.Name)
	if err != nil || !lacks(s.Mappings, stored) {
		return Obstacle{}, err
	}
	// A document may have brought a field meanwhile.
	again, err := s.Source.Definition(ctx, s.Index.Name)
	if err != nil || !lacks(again.Mappings, stored) {
		return Obstacle{}, err
	}
	return Obstacle{Problem: "the source's user is not shown all of its fields, which is what field level security looks like", Remedy: remedy}, nil
}

// lacks reports whether shown mappings have fewer fields than the stored ones.
func lacks(shown, stored json.RawMessage) bool {
	return len(stored) > 0 && fields(shown) < fields(stored)
}

// fields counts the fields of mappings, with those below, under a type or not.
func fields(mappings json.RawMessage) (n int) {
	var m struct {
		Properties map[string]json.RawMessage
		Typed      json.RawMessage `json:"_doc"`
	}
	if json.Unmarshal(mappings, &m) != nil {
		return 0
	}
	for _, below := range m.Properties {
		n += 1 + fields(below)
	}
	if len(m.Typed) > 0 {
		n += fields(m.Typed)
	}
	return n
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
