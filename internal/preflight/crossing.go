package preflight

import (
	"context"
	"time"

	"esferry/internal/cluster"
)

// Crossing is a cutover that is about to begin.
type Crossing struct {
	Source, Target *cluster.Cluster
	Indices        []Carried
	// New are indices of the source that are asked for and not carried.
	New []string
	// MaxLag is how many operations may be outstanding when the freeze begins.
	MaxLag int64
	// Aliases of the configuration, to indices of the target.
	Aliases map[string]string
	// Hooks are the programs that are run, by their moment.
	Hooks map[string]string
}

// Carried is an index that is to be switched.
type Carried struct {
	Index, Target string
	// Lag is the operations outstanding; nil where they are not numbered.
	Lag *int64
	// Compared is when both sides were last counted; zero for never.
	Compared time.Time
	// Differs: they were not equal then, and nothing explains it.
	Differs bool
}

// State is what a check comes to.
type State string

// The states.
const (
	// OK: nothing stands in the way.
	OK State = "ok"
	// Note: the cutover may begin, and this is to be known.
	Note State = "note"
	// Refused: the cutover does not begin.
	Refused State = "refused"
)

// Finding is what one check found.
type Finding struct {
	Check  string `json:"check"`
	State  State  `json:"state"`
	Detail string `json:"detail"`
	// Remedy is what to do about it; empty where nothing is to be done.
	Remedy string `json:"remedy,omitempty"`
}

// String gives all in one line.
func (f Finding) String() string {
	s := f.Check + ": " + string(f.State) + ", " + f.Detail
	if f.Remedy != "" {
		s += "; " + f.Remedy
	}
	return s
}

// Cutover runs every check of a cutover, in the order in which they are told. An
// error is a question that was not answered.
func Cutover(ctx context.Context, c Crossing) ([]Finding, error) {
	var found []Finding
	for _, check := range []struct {
		name string
		ask  func(ctx context.Context, c Crossing) (Finding, error)
	}{
		{"source healthy", sourceHealthy},
		{"target healthy", targetHealthy},
		{"room on the target", roomLeft},
		{"nothing new", allCarried},
		{"lag", caughtUp},
		{"last comparison", compared},
		{"aliases", aliasesFree},
		{"hooks", hooksExecutable},
	} {
		f, err := check.ask(ctx, c)
		if err != nil {
			return found, err
		}
		f.Check = check.name
		found = append(found, f)
	}
	return found, nil
}
