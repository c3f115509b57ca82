package sink

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"esferry/internal/cluster"
	"esferry/internal/retry"
)

// answer is what a target said to one bulk request.
type answer struct {
	// items and size of the request.
	items, size int
	verdicts    []cluster.Item
	err         error
}

// tooLarge reports whether smaller bodies would pass: one document that is too
// large by itself says nothing of others.
func (a answer) tooLarge() bool { return a.items > 1 && cluster.TooLarge(a.err) }

// busy reports whether the target had no room for all of it.
func (a answer) busy() bool {
	return retry.Retryable(a.err) || slices.ContainsFunc(a.verdicts, func(i cluster.Item) bool { return unserved(i.Status) })
}

// pressed reports whether what the target lacks is memory or a place in its
// queues, and not a shard or a node.
func (a answer) pressed() bool {
	if e, ok := errors.AsType[*cluster.Error](a.err); ok {
		return pressing(e.Type)
	}
	return slices.ContainsFunc(a.verdicts, func(i cluster.Item) bool { return i.Error != nil && pressing(i.Error.Type) })
}

// pressing knows the names that Elasticsearch and OpenSearch give it.
func pressing(kind string) bool {
	return kind == "circuit_breaking_exception" || strings.Contains(kind, "rejected_execution")
}

// unserved reports whether an item's status says that it may be sent again.
func unserved(status int) bool {
	return status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}
