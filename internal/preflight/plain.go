package preflight

import (
	"context"
	"strings"
)

// DataStream refuses a stream whose name was asked for: its documents lie in
// hidden indices, which would be left behind without a word.
func DataStream(name string) Obstacle {
	return Obstacle{
		Index:   name,
		Problem: "it is a data stream, whose indices take no versions from outside",
		Remedy:  "put it under indices.exclude, and carry it by snapshot and restore while its writers rest",
	}
}

// isPlain: backing indices of data streams refuse external versions (S3.7), and
// frozen or mounted indices do not answer searches in full (S5).
func isPlain(_ context.Context, s Subject) (Obstacle, error) {
	name, settings := s.Index.Name, s.Index.Settings
	switch {
	case strings.HasPrefix(name, ".ds-"):
		return Obstacle{Problem: "it backs a data stream, which takes no versions", Remedy: "put it under indices.exclude and carry the data stream by snapshot and restore"}, nil
	case settings["index.store.type"] == "snapshot" || settings["index.store.type"] == "remote_snapshot":
		return Obstacle{Problem: "it is a mounted snapshot, not an index", Remedy: "mount the same snapshot on the target, and put the index under indices.exclude"}, nil
	case settings["index.frozen"] == "true":
		return Obstacle{Problem: "it is frozen, and searches skip it", Remedy: "unfreeze it (POST " + name + "/_unfreeze), or put it under indices.exclude"}, nil
	default:
		return Obstacle{}, nil
	}
}
