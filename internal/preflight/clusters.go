package preflight

import (
	"fmt"

	"esferry/internal/cluster"
)

// Clusters finds what is wrong with the pair as such.
func Clusters(source, target cluster.Identity) []Obstacle {
	if source.UUID != target.UUID {
		return nil
	}
	return []Obstacle{{
		Problem: fmt.Sprintf("source and target are the same cluster %s (%s)", source.Name, source.UUID),
		Remedy:  "give two different clusters under source.url and target.url",
		Usage:   true,
	}}
}
