package preflight

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"esferry/internal/cluster"
)

// Numbered reports whether every document of an index can be searched by its
// sequence number, which windows need; proven by counting, never by a version
// (protocol 1). Where it is not so, why says it, and the delta of the index is
// found by reconciling (protocol 3).
func Numbered(ctx context.Context, source *cluster.Cluster, index cluster.Index) (numbered bool, why string, err error) {
	switch {
	case !source.Identity().SequenceNumbers():
		return false, source.Identity().String() + " keeps no sequence numbers", nil
	case index.Settings["index.disable_sequence_numbers"] == "true":
		return false, "its sequence numbers are disabled (index.disable_sequence_numbers)", nil
	case madeBeforeNumbers(index.Created()):
		return false, "it was made before 6.0, without sequence numbers", nil
	}
	// One count, so that writes in between cannot make two counts disagree.
	without, err := source.Count(ctx, index.Name, json.RawMessage(`{"bool":{"must_not":{"range":{"_seq_no":{"gte":0}}}}}`))
	if err != nil || without == 0 {
		return err == nil, "", err
	}
	return false, fmt.Sprintf("%d of its documents have no searchable sequence number", without), nil
}

// madeBeforeNumbers reads index.version.created, such as 5061699. OpenSearch
// counts its own versions from 135217827 on.
func madeBeforeNumbers(created string) bool {
	n, err := strconv.Atoi(created)
	return err == nil && n < 6000000
}
