package ferry

import (
	"context"
	"fmt"
	"slices"

	"esferry/checkpoint"
	"esferry/internal/report"
)

// letGo forgets indices that were deleted on the source since the switch, in both
// directions: the other side keeps what it has of them, and where it is the source
// again they are carried like new ones.
func (f *Ferry) letGo(ctx context.Context, p Plan) error {
	for _, ix := range f.named(f.known()) {
		rec := ix.snapshotRecord()
		planned := slices.ContainsFunc(p.Indices, func(one IndexPlan) bool { return one.name() == rec.name() })
		if rec.Path != AtSwitch || rec.Phase == Switched || planned || !f.options.Select.Match(rec.Index) {
			continue
		}
		// What this user no longer sees may be there.
		_, found, err := f.source.Index(ctx, rec.Index)
		if err != nil {
			return err
		}
		if found {
			continue
		}
		if err := ix.letGo(ctx); err != nil {
			return fmt.Errorf("leave index %s behind: %w", rec.Index, err)
		}
	}
	return nil
}

func (ix *index) letGo(ctx context.Context) error {
	f, rec := ix.ferry, ix.snapshotRecord()
	if rec.PutBack != nil {
		if err := f.unfence(ctx, []*index{ix}); err != nil {
			return err
		}
		if err := f.target.PutSettings(ctx, []string{rec.Target}, rec.PutBack); err != nil {
			return err
		}
	}
	if err := f.put(ctx, checkpoint.Record{Key: f.indexKey(rec.name())}, checkpoint.Record{Key: otherWay(f.options.Name) + "/index/" + rec.Target}); err != nil {
		return err
	}
	f.mu.Lock()
	delete(f.indices, rec.name())
	f.mu.Unlock()
	f.note(report.Event{Kind: report.Noted, Index: rec.Index, Message: "it was deleted since the switch: index " + rec.Target + " stays as it is, and is no longer kept up"})
	return nil
}

// final gives what breaks a binding for good. On the way back no index is deleted
// to be carried anew: it would be the one which is to be returned to.
func (ix *index) final(broken *checkpoint.BindingError, remedy string) error {
	if broken.Final && wayBack(ix.ferry.options.Name) {
		return obstacle(broken.Shard.Index, broken.Error(), remedy)
	}
	return broken
}
