package ferry //nolint:testpackage // what holds readers back is the room's own

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"esferry/internal/cluster"
)

func TestOver(t *testing.T) {
	t.Parallel()
	f := func(b Brake, before, now cluster.Load, want ...string) {
		t.Helper()
		got := b.over([]cluster.Load{before}, []cluster.Load{{Node: "idle"}, now})
		if len(want) == 0 && got != "" {
			t.Errorf("%+v after %+v under %+v: got %q, want nothing", now, before, b, got)
		}
		for _, word := range want {
			if !strings.Contains(got, word) {
				t.Errorf("%+v after %+v under %+v: got %q, want it to say %q", now, before, b, got, word)
			}
		}
	}
	queue, cpu := Brake{SearchQueue: 100}, Brake{CPU: 85}
	was := cluster.Load{Node: "a", Rejected: 7}
	f(queue, was, cluster.Load{Node: "a", Queued: 100, Rejected: 7, CPU: 100})
	f(queue, was, cluster.Load{Node: "a", Queued: 101, Rejected: 7}, "node a", "101 searches waiting", "stream.brake.search_queue (100)")
	f(queue, was, cluster.Load{Node: "a", Rejected: 9}, "node a", "turned 2 searches away")
	// Started anew, or new: its rejections are of before.
	f(queue, was, cluster.Load{Node: "a", Rejected: 2})
	f(queue, was, cluster.Load{Node: "b", Rejected: 9})
	f(cpu, was, cluster.Load{Node: "a", Queued: 5000, Rejected: 9, CPU: 85})
	f(cpu, was, cluster.Load{Node: "a", CPU: 86}, "CPU of node a is at 86%", "stream.brake.cpu (85%)")
	f(cpu, was, cluster.Load{Node: "a", CPU: -1})
	f(Brake{}, was, cluster.Load{Node: "a", Queued: 5000, Rejected: 5000, CPU: 100})
}

// However it goes up and down, something is left to readers, and eight quiet
// looks give them everything back.
func TestShareAfter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		share := 1.0
		for _, over := range rapid.SliceOf(rapid.Bool()).Draw(t, "over") {
			next := shareAfter(share, over)
			if over && next > share || !over && next < share || next < leastShare || next > 1 || math.IsNaN(next) {
				t.Fatalf("from %g, over %v: got %g", share, over, next)
			}
			share = next
		}
		for range 8 {
			share = shareAfter(share, false)
		}
		if share != 1 {
			t.Fatalf("after eight quiet looks: got %g, want 1", share)
		}
	})
}
