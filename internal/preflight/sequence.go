package preflight

import (
	"context"
	"encoding/json"
	"fmt"
)

// keepsSequenceNumbers: windows need documents that can be searched by their
// number; proven by counting, never by a version (protocol 1).
func keepsSequenceNumbers(ctx context.Context, s Subject) (Obstacle, error) {
	remedy := "re-index it on the source into an index made there now, or put it under indices.exclude"
	if !s.Source.Identity().SequenceNumbers() {
		return Obstacle{Problem: fmt.Sprintf("%s keeps no sequence numbers, which the delta is read by", s.Source.Identity()), Remedy: "upgrade the source to 6.8 first, or put the index under indices.exclude"}, nil
	}
	if s.Index.Settings["index.disable_sequence_numbers"] == "true" {
		return Obstacle{Problem: "its sequence numbers are disabled (index.disable_sequence_numbers)", Remedy: remedy}, nil
	}
	// One count, so that writes in between cannot make two counts disagree.
	without, err := s.Source.Count(ctx, s.Index.Name, json.RawMessage(`{"bool":{"must_not":{"range":{"_seq_no":{"gte":0}}}}}`))
	if err != nil || without == 0 {
		return Obstacle{}, err
	}
	return Obstacle{Problem: fmt.Sprintf("%d of its documents have no searchable sequence number, as in indices made before 6.0", without), Remedy: remedy}, nil
}
