package ferry

import (
	"context"
	"encoding/json"
	"errors"

	"esferry/internal/report"
	"esferry/internal/workers"
)

// CopyErrand is a bundle of a copy from bucket to bucket. What is in it is the affair
// of SnapshotOptions on both sides: the ferry hands it on.
type CopyErrand struct {
	Bundle json.RawMessage `json:"bundle"`
}

// Copyists are the workers of a ferry, who copy bundles from bucket to bucket. Safe
// for concurrent use.
type Copyists struct{ ferry *Ferry }

// copyists gives nil where there are no workers.
func (f *Ferry) copyists() *Copyists {
	if f.pool == nil {
		return nil
	}
	return &Copyists{ferry: f}
}

// Room is how many bundles they copy at a time, together.
func (c *Copyists) Room() (room int) {
	there, _ := c.ferry.pool.Workers()
	for _, w := range there {
		room += w.Room
	}
	return room
}

// Hire waits until a worker has room; the error is ctx's.
func (c *Copyists) Hire(ctx context.Context) (*Copyist, error) {
	hand, err := c.ferry.pool.Hire(ctx)
	if err != nil {
		return nil, err
	}
	return &Copyist{ferry: c.ferry, hand: hand}, nil
}

// Copyist is room at a worker for one bundle.
type Copyist struct {
	ferry *Ferry
	hand  *workers.Hand
}

// Copy has a bundle copied. Where refused is true the worker has not done it, or may
// still be at it: others are to do it. Any other error is the end of this process's
// work: it has lost the ferry or its store, or ctx has ended.
func (c *Copyist) Copy(ctx context.Context, bundle json.RawMessage) (refused bool, err error) {
	var done struct{}
	refused, err = c.ferry.send(ctx, c.hand, Errand{Copy: &CopyErrand{Bundle: bundle}}, &done)
	if refused {
		c.ferry.note(report.Event{Kind: report.Retried, Phase: "copy", Message: err.Error()})
	}
	return refused, err
}

// Free gives the room back.
func (c *Copyist) Free() { c.hand.Free() }

// copyBundle copies what a leader lends.
func (c *Carrier) copyBundle(ctx context.Context, e *CopyErrand) error {
	s := c.ferry.options.Snapshot
	if s == nil || s.CopyBundle == nil {
		return errors.New("a copy from bucket to bucket is asked for, and the configuration here has no snapshot.copy")
	}
	return s.CopyBundle(ctx, e.Bundle)
}
