package preflight

import (
	"context"
	"fmt"

	"esferry/internal/cluster"
)

// roomLeft: a target whose disks are over the high watermark moves shards about,
// and soon takes no writes, in the middle of a freeze.
func roomLeft(ctx context.Context, c Crossing) (Finding, error) {
	disks, err := c.Target.Disks(ctx)
	if err != nil {
		return notTold(err)
	}
	low, high, err := c.Target.Watermarks(ctx)
	if err != nil {
		return notTold(err)
	}
	finding := Finding{State: OK, Detail: "every data node is below its disk watermarks"}
	for _, d := range disks {
		used := fmt.Sprintf("the disk of node %s is %.0f %% full", d.Node, 100*d.Used())
		switch {
		case high.Over(d):
			return Finding{State: Refused, Detail: used + ", over the high watermark", Remedy: "make room on it, or add a node"}, nil
		case low.Over(d):
			finding = Finding{State: Note, Detail: used + ", over the low watermark: replicas will find no room there"}
		}
	}
	return finding, nil
}

// notTold makes a note of what this user, or this service, does not let us see.
func notTold(err error) (Finding, error) {
	if cluster.Forbidden(err) || cluster.NotAllowed(err) || cluster.NotFound(err) {
		return Finding{State: Note, Detail: "not looked at: " + err.Error(), Remedy: "look yourself, or give the user the privilege monitor"}, nil
	}
	return Finding{}, err
}
