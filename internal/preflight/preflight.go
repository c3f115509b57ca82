package preflight

import (
	"context"
	"encoding/json"
	"fmt"

	"esferry/internal/cluster"
)

// Obstacle is a reason why an index, or the whole ferry, cannot go.
type Obstacle struct {
	// Index is empty where the whole ferry is concerned.
	Index string `json:"index,omitempty"`
	// Problem is one sentence; Remedy is what to do about it.
	Problem string `json:"problem"`
	Remedy  string `json:"remedy"`
	// Usage says that the configuration is wrong, not the clusters.
	Usage bool `json:"-"`
}

// String gives both in one line.
func (o Obstacle) String() string {
	if o.Index == "" {
		return o.Problem + "; " + o.Remedy
	}
	return fmt.Sprintf("index %s: %s; %s", o.Index, o.Problem, o.Remedy)
}

// Subject is an index and where it is to go.
type Subject struct {
	Source, Target *cluster.Cluster
	Index          cluster.Index
	// Mappings of the index, as the source sends them.
	Mappings json.RawMessage
	// TargetName is the index's name on the target.
	TargetName string
	// Restrictions of the source's user.
	Restrictions []cluster.Restriction
	// Ours says that the target index was made by this ferry.
	Ours bool
}

// check is one question about a subject; an empty Problem is no obstacle.
type check func(ctx context.Context, s Subject) (Obstacle, error)

// Index runs every check of an index, cheapest first, and stops at the first
// obstacle: later ones ask an index that may not be able to answer.
func Index(ctx context.Context, s Subject) ([]Obstacle, error) {
	for _, ask := range []check{isOpen, isPlain, nameIsFree, keepsSource, seesAll} {
		o, err := ask(ctx, s)
		if err != nil {
			return nil, err
		}
		if o.Problem != "" {
			o.Index = s.Index.Name
			return []Obstacle{o}, nil
		}
	}
	return nil, nil
}
