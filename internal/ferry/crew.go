package ferry

import (
	"context"
	"slices"
	"sync"

	"esferry/internal/group"
	"esferry/internal/shard"
)

// fewestWriters is what a pipe begins with: one sends while the other takes the
// next page. More are hired as the target's pace allows.
const fewestWriters = 2

// crew is the writers of one pipe. Of those that the target's controller lets
// send at once, all may be of this index, and one more has a page in hand when
// one of them is done.
type crew struct {
	pipe    *pipe
	group   *group.Group
	parcels <-chan parcel
	acks    chan<- shard.Window
	ended   sync.WaitGroup

	mu   sync.Mutex
	size int
}

// hire adds a writer. It ends with the parcels, or when it is one too many.
func (c *crew) hire() {
	c.mu.Lock()
	c.size++
	c.mu.Unlock()
	c.ended.Add(1)
	c.group.Go("writer of "+c.pipe.index, func(ctx context.Context) error {
		defer c.ended.Done()
		for parcel := range c.parcels {
			if err := c.pipe.write(ctx, parcel, c.acks); err != nil {
				return err
			}
			if c.dismiss() {
				return nil
			}
			if c.short() {
				c.hire() //nolint:contextcheck // the group hands the context on
			}
		}
		return nil
	})
}

// wanted is the size that the target's pace asks for.
func (c *crew) wanted() int { return c.pipe.controller.Pace().Writers + 1 }

// short reports whether pages wait for one more writer.
func (c *crew) short() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size < c.wanted() && len(c.parcels) > 0
}

// dismiss reports whether the writer that asks is one too many.
func (c *crew) dismiss() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.size <= c.wanted() {
		return false
	}
	c.size--
	return true
}

// The readers of an index, unless they are configured: one for each shard, so
// that each of its primaries has something to do; two, so that there is always a
// page on its way; and no more than four, since several indices are read at once
// and an engine of two cores has four threads for searches.
const fewestReaders, mostReaders = 2, 4

// readersOf gives the readers for tasks, or those that are configured.
func readersOf(configured int, tasks []task) int {
	shards := map[shard.ID]struct{}{}
	for _, t := range tasks {
		shards[t.window.Shard] = struct{}{}
	}
	return readersFor(configured, len(shards))
}

// readersFor gives those of one side of an index with so many shards, or those
// that are configured.
func readersFor(configured, shards int) int {
	if configured > 0 {
		return configured
	}
	return min(max(shards, fewestReaders), mostReaders)
}

// spread orders tasks so that readers work on all shards at the same time, each
// shard from its lowest window on.
func spread(tasks []task) []task {
	rank := make(map[shard.ID]int)
	type ranked struct {
		task
		rank int
	}
	all := make([]ranked, len(tasks))
	for i, t := range tasks {
		all[i] = ranked{t, rank[t.window.Shard]}
		rank[t.window.Shard]++
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return a.rank - b.rank })
	out := make([]task, len(all))
	for i := range all {
		out[i] = all[i].task
	}
	return out
}
