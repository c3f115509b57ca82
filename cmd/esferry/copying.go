package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"esferry/internal/cluster"
	"esferry/internal/config"
	"esferry/internal/ferry"
	"esferry/internal/report"
	"esferry/snapshotpath/bucket"
)

// copying gives what carries a ferry's snapshot from bucket to bucket, with its
// workers.
func copying(copier *bucket.Copier, c *config.Snapshot, source *cluster.Cluster, observer report.Observer) func(ctx context.Context, snapshot string, by *ferry.Copyists, observe func(done, total, bytes int64)) error {
	tell := teller{observer, "copy"}
	return func(ctx context.Context, snapshot string, by *ferry.Copyists, observe func(done, total, bytes int64)) error {
		each := *copier
		each.Quiet = quiet(source, c.Repository, tell.waits)
		each.Observe, each.Snapshots = observe, []string{snapshot}
		if by != nil {
			each.Lender = lender{by}
		}
		r, err := each.Copy(ctx)
		if err == nil && r.Unread != "" {
			tell.note(unread(r))
		}
		if r.Lent.Objects > 0 {
			tell.note("workers copied " + total(r.Lent) + " of " + total(r.Copied))
		}
		return ofOurs(err, snapshot, c.Copy.From)
	}
}

// lender lends bundles to a ferry's workers.
type lender struct{ workers *ferry.Copyists }

// Room implements bucket.Lender.
func (l lender) Room() int { return l.workers.Room() }

// Hire implements bucket.Lender.
func (l lender) Hire(ctx context.Context) (bucket.Hand, error) {
	worker, err := l.workers.Hire(ctx)
	if err != nil {
		return nil, err
	}
	return copyist{worker}, nil
}

// copyist is a worker with room for a bundle.
type copyist struct{ *ferry.Copyist }

// Copy implements bucket.Hand.
func (c copyist) Copy(ctx context.Context, b bucket.Bundle) (refused bool, err error) {
	text, err := json.Marshal(b)
	if err != nil {
		return false, fmt.Errorf("encode what a worker is to copy: %w", err)
	}
	return c.Copyist.Copy(ctx, text)
}

// copyingFor gives what copies bundles that another process lends.
func copyingFor(copier *bucket.Copier, observer report.Observer) func(ctx context.Context, bundle json.RawMessage) error {
	porter := bucket.NewPorter(copier.From, copier.To, func(objects, bytes int64) {
		observer.Observe(report.Event{Time: time.Now().UTC(), Kind: report.Progress, Phase: "copy", Done: objects, Bytes: bytes})
	})
	return func(ctx context.Context, bundle json.RawMessage) error {
		var b bucket.Bundle
		if err := json.Unmarshal(bundle, &b); err != nil {
			return fmt.Errorf("decode what is to be copied: %w", err)
		}
		return porter.Carry(ctx, b)
	}
}
