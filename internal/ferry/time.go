package ferry

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"esferry/internal/batch"
	"esferry/internal/report"
	"esferry/internal/shard"
	"esferry/stream"
)

// timeRound carries the documents of an append-only index that are new by its
// time field, and some from before the last round: what its name says, and no
// more (protocol 3). The lag is what was new.
func (ix *index) timeRound(ctx context.Context) (int64, error) {
	began := time.Now().UTC()
	if ix.snapshotRecord().Since == nil {
		// Before the first document is read, so that none falls in between.
		if err := ix.change(ctx, func(r *IndexRecord) { r.Since = &began }); err != nil {
			return 0, err
		}
	}
	if err := ix.pour(ctx); err != nil {
		return 0, err
	}
	if err := ix.noteActivity(ctx); err != nil {
		return 0, err
	}
	rec := ix.snapshotRecord()
	query, err := ix.sinceQuery(*rec.Since)
	if err != nil {
		return 0, err
	}
	positions, err := ix.ferry.source.Primaries(ctx, rec.Index)
	if err != nil {
		return 0, err
	}
	if err := ix.ferry.source.Refresh(ctx, rec.Index); err != nil {
		return 0, err
	}
	if err := ix.fence(ctx); err != nil {
		return 0, err
	}
	p := ix.pipe(stream.Options{Query: query})
	p.landed = func(shard.Window) error { return nil }
	p.commit = func(context.Context) error { return nil }
	tasks := make([]task, len(positions))
	for i, at := range positions {
		tasks[i] = task{window: shard.All(at.Shard), position: at, versioning: batch.External}
	}
	if err := ix.ferry.reading(ctx, func(ctx context.Context) error { return p.run(ctx, tasks) }); err != nil {
		return 0, err
	}
	lag := p.result().Applied
	ix.ferry.note(report.Event{Kind: report.RoundEnded, Index: rec.Index, Docs: p.result().Documents(), Lag: lag, Seconds: time.Since(began).Seconds()})
	return lag, ix.change(ctx, func(r *IndexRecord) { r.Since, r.Written, r.Lag = &began, rec.Written.Add(p.result()), lag })
}

// sinceQuery selects what may have come since the last round began.
func (ix *index) sinceQuery(since time.Time) (json.RawMessage, error) {
	field, overlap := ix.ferry.options.Select.TimeField(ix.id())
	if field == "" {
		return nil, fmt.Errorf("index %s is carried by time, but indices.time_fields names no field for it any more", ix.id())
	}
	query, err := json.Marshal(map[string]any{"range": map[string]any{field: map[string]string{
		"gte": since.Add(-overlap).Format("2006-01-02T15:04:05.000Z"), "format": "strict_date_optional_time",
	}}})
	if err != nil {
		return nil, fmt.Errorf("build the query of index %s: %w", ix.id(), err)
	}
	return query, nil
}
