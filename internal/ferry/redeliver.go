package ferry

import (
	"context"
	"fmt"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/sink"
	"esferry/stream"
)

// Redeliver writes rejected documents again, as the source holds them now: one
// that has changed since is carried as it is, one that is gone needs no letter
// any more. It gives the letters that are left, with the reasons of now.
func (f *Ferry) Redeliver(ctx context.Context, letters []sink.DeadLetter) (left []sink.DeadLetter, err error) {
	byIndex := map[string][]sink.DeadLetter{}
	var names []string
	for _, l := range letters {
		if byIndex[l.SourceIndex] == nil {
			names = append(names, l.SourceIndex)
		}
		byIndex[l.SourceIndex] = append(byIndex[l.SourceIndex], l)
	}
	for _, name := range names {
		ix := f.named([]string{name})
		if len(ix) == 0 || ix[0].snapshotRecord().TargetUUID == "" {
			return nil, fmt.Errorf("index %s: %w", name, &NothingCarriedError{Ferry: f.options.Name})
		}
		refused, err := ix[0].redeliver(ctx, byIndex[name])
		if err != nil {
			return nil, fmt.Errorf("write the rejected documents of index %s again: %w", name, err)
		}
		left = append(left, refused...)
	}
	return left, nil
}

func (ix *index) redeliver(ctx context.Context, letters []sink.DeadLetter) ([]sink.DeadLetter, error) {
	if err := ix.checkTarget(ctx); err != nil {
		return nil, err
	}
	if err := ix.fence(ctx); err != nil {
		return nil, err
	}
	f, rec := ix.ferry, ix.snapshotRecord()
	keys := make([]cluster.Key, len(letters))
	for i := range letters {
		keys[i] = letters[i].Key()
	}
	var left []sink.DeadLetter
	o := ix.writing()
	o.Reject = func(_ context.Context, r sink.Rejection) error {
		left = append(left, sink.NewDeadLetter(r))
		return nil
	}
	writer := sink.NewWriter(ix.source(), f.target, o)
	var sum sink.Result
	fetcher := stream.NewFetcher(ix.source(), rec.Index, f.budget, ix.paced(stream.Options{}))
	for b, err := range fetcher.Fetch(ctx, keys) {
		if err != nil {
			return nil, err
		}
		b.Versioning = batch.External
		r, err := writer.Write(ctx, b)
		b.Release()
		if err != nil {
			return nil, err
		}
		sum = sum.Add(r)
	}
	return left, ix.change(ctx, func(r *IndexRecord) {
		r.Written = r.Written.Add(sum)
		// What is left is all that is still refused.
		r.Written.Rejected = int64(len(left))
	})
}
