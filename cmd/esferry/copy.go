package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"esferry/checkpoint"
	"esferry/internal/cluster"
	"esferry/internal/config"
	"esferry/internal/ferry"
	"esferry/internal/report"
	"esferry/snapshotpath"
	"esferry/snapshotpath/bucket"
)

// copyRepository copies from bucket to bucket, with the source's engine watched.
func (iv *invocation) copyRepository(ctx context.Context, c *config.Config, snapshots []string) error {
	copier, err := openCopier(ctx, c.Snapshot)
	if err != nil {
		return err
	}
	copier.Snapshots = snapshots
	source, err := reach(ctx, "source", c.Source)
	if err != nil {
		return err
	}
	defer source.Close()
	tell := iv.teller("copy")
	copier.Observe = tell.progress
	copier.Quiet = quiet(source, c.Snapshot.Repository, tell.waits)
	began := time.Now()
	var r bucket.Report
	// Two copies into one bucket would abort each other's uploads.
	err = holding(ctx, c, func(ctx context.Context, _ checkpoint.Store, _ checkpoint.Lease) (err error) {
		r, err = copier.Copy(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if r.Unread != "" {
		tell.note(unread(r))
	}
	if iv.json {
		return iv.print(struct {
			Type string `json:"type"`
			bucket.Report
			Equal   bool    `json:"equal"`
			Seconds float64 `json:"seconds"`
		}{"summary", r, r.Source == r.Target, time.Since(began).Seconds()})
	}
	if err := iv.write("copied %s, %s were there\nsource %s\ntarget %s\n", total(r.Copied), total(r.Skipped), total(r.Source), total(r.Target)); err != nil {
		return err
	}
	return iv.showAsides(r.Foreign, r.LeftOver, r.Kept)
}

func (iv *invocation) planCopy(ctx context.Context, c *config.Config, snapshots []string) error {
	copier, err := openCopier(ctx, c.Snapshot)
	if err != nil {
		return err
	}
	copier.Snapshots = snapshots
	p, err := copier.Plan(ctx)
	if err != nil {
		return err
	}
	if iv.json {
		return iv.print(map[string]any{
			"type": "copy_plan", "copy": p.Missing, "skip": p.Skipped, "source": p.Source, "target": p.Target,
			"foreign": p.Foreign, "left_over": p.LeftOver, "kept": p.Kept,
		})
	}
	if err := iv.write("to copy %s, %s are there\n", total(p.Missing), total(p.Skipped)); err != nil {
		return err
	}
	return iv.showAsides(p.Foreign, p.LeftOver, p.Kept)
}

func (iv *invocation) compareContents(ctx context.Context, c *config.Config, snapshots []string) error {
	copier, err := openCopier(ctx, c.Snapshot)
	if err != nil {
		return err
	}
	copier.Snapshots = snapshots
	copier.Observe = iv.teller("compare").progress
	found, err := copier.Contents(ctx)
	if err != nil {
		return err
	}
	if iv.json {
		err = iv.print(struct {
			Type string `json:"type"`
			bucket.Comparison
		}{"summary", found})
	} else {
		err = iv.showComparison(found)
	}
	if err != nil || len(found.Differences) == 0 {
		return err
	}
	return fmt.Errorf("%w: %d of %d objects, the first is %s", ferry.ErrDifference, len(found.Differences), found.Source.Objects, found.Differences[0].Key)
}

// completeTarget looks whether the target's snapshots are there, whole.
func (iv *invocation) completeTarget(ctx context.Context, c *config.Config) error {
	target, err := openBucket(ctx, c.Snapshot.Copy.To)
	if err != nil {
		return err
	}
	found, err := target.Complete(ctx)
	if err != nil {
		return err
	}
	if iv.json {
		err = iv.print(struct {
			Type string `json:"type"`
			bucket.Completeness
		}{"summary", found})
	} else {
		err = iv.showCompleteness(found)
	}
	if err != nil || len(found.Differences) == 0 {
		return err
	}
	return fmt.Errorf("%w: %d of %d objects, the first is %s", ferry.ErrDifference, len(found.Differences), found.Named.Objects, found.Differences[0].Key)
}

func (iv *invocation) showCompleteness(found bucket.Completeness) error {
	for _, d := range found.Differences {
		if err := iv.write("missing: %s: %s\n", plain(d.Key), d.Reason); err != nil {
			return err
		}
	}
	if len(found.LeftOut) > 0 {
		if err := iv.write("note: not looked at, for they did not end with success: %s\n", plain(strings.Join(found.LeftOut, ", "))); err != nil {
			return err
		}
	}
	return iv.write("%d snapshots need %s, there are %s\n", len(found.Snapshots), total(found.Named), total(found.There))
}

func (iv *invocation) showComparison(found bucket.Comparison) error {
	for _, d := range found.Differences {
		if err := iv.write("different: %s: %s\n", plain(d.Key), d.Reason); err != nil {
			return err
		}
	}
	if len(found.Unlisted) > 0 {
		// A ferry carries its own snapshots: those of others are no loss.
		if err := iv.write("note: the target does not list %s; --snapshot compares only what is named\n", plain(strings.Join(found.Unlisted, ", "))); err != nil {
			return err
		}
	}
	return iv.write("compared %s, equal %s\n", total(found.Source), total(found.Equal))
}

// showAsides names what lies about and was not copied.
func (iv *invocation) showAsides(foreign, leftOver, kept bucket.Aside) error {
	for _, a := range []struct {
		what string
		bucket.Aside
	}{
		{"foreign to the repository, not touched", foreign},
		{"left over from verifications and the like, not copied", leftOver},
		{"on the target only, kept", kept},
	} {
		if a.Objects == 0 {
			continue
		}
		if err := iv.write("note: %s: %s, such as %s\n", a.what, total(a.Total), plain(strings.Join(a.Keys, ", "))); err != nil {
			return err
		}
	}
	return nil
}

func total(t bucket.Total) string {
	return fmt.Sprintf("%d objects (%s)", t.Objects, report.Size(t.Bytes))
}

// teller turns what happens in a command into events.
type teller struct {
	observer report.Observer
	phase    string
}

func (iv *invocation) teller(phase string) teller { return teller{iv.observer(), phase} }

func (t teller) progress(done, total, bytes int64) {
	t.observer.Observe(report.Event{Time: time.Now().UTC(), Kind: report.Progress, Phase: t.phase, Done: done, Total: total, Bytes: bytes})
}

func (t teller) waits(what string) { t.note("waits for " + what + " to end") }

func (t teller) note(message string) {
	t.observer.Observe(report.Event{Time: time.Now().UTC(), Kind: report.Noted, Phase: t.phase, Message: message})
}

// unread says that more was copied than was asked for.
func unread(r bucket.Report) string { return "the whole repository was copied: " + r.Unread }

// quiet waits for the source's engine.
func quiet(source *cluster.Cluster, repository string, note func(what string)) func(ctx context.Context) error {
	return func(ctx context.Context) error { return snapshotpath.AwaitQuiet(ctx, source, repository, note) }
}

func openCopier(ctx context.Context, s *config.Snapshot) (*bucket.Copier, error) {
	c := s.Copy
	from, err := openBucket(ctx, c.From)
	if err != nil {
		return nil, err
	}
	to, err := openBucket(ctx, c.To)
	if err != nil {
		return nil, err
	}
	return &bucket.Copier{From: from, To: to, BytesPerSecond: int64(c.BytesPerSecond), Partial: s.Partial == config.PartialAccept}, nil
}

func openBucket(ctx context.Context, b config.Bucket) (*bucket.Bucket, error) {
	provider, err := awsCredentials(ctx, b.Region, b.RoleARN, b.Keys)
	if err != nil {
		return nil, err
	}
	return bucket.Open(bucket.Options{
		Bucket: b.Bucket, Prefix: b.Prefix, Region: b.Region, Endpoint: b.Endpoint, PathStyle: b.PathStyle, Credentials: provider,
	}), nil
}
