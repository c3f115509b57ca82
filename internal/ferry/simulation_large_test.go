//go:build !race

package ferry_test

import "testing"

// TestTenThousandShards has a hundred workers, of which 5 % are lost in an hour,
// carry 10,000 shards by the real scheduler (docs/scale.md). Some ten thousand
// goroutines at a time are too many for the race detector.
func TestTenThousandShards(t *testing.T) {
	t.Parallel()
	simulated(t, &simulation{indices: 2000, shards: 5, crew: 100, room: 4, dying: 0.05, atOnce: 1000}, 1.1)
}
