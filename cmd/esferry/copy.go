package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"esferry/internal/config"
	"esferry/internal/report"
	"esferry/snapshotpath/bucket"
)

func (iv *invocation) repoCopyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "copy",
		Short: "Copy the repository from the source's bucket to the target's",
		Long: `copy makes the target's bucket hold what the source's does. What is there already
is not copied again, and the root's index-N comes last, so that no reader ever
sees half a repository. Killed at any point, the same command goes on.`,
		Example: "  esferry repo copy -c ferry.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(iv.config)
			if err != nil {
				return fmt.Errorf("read the configuration: %w", err)
			}
			return iv.copyRepository(cmd.Context(), c)
		},
	}
}

// errOneBucket refuses commands that need two buckets.
var errOneBucket = &usageError{err: errors.New("snapshot.copy is not set: both clusters reach the same bucket"), hint: "name both buckets under snapshot.copy"}

func (iv *invocation) copyRepository(ctx context.Context, c *config.Config) error {
	if c.Snapshot == nil || c.Snapshot.Copy == nil {
		return errOneBucket
	}
	copier, err := openCopier(ctx, *c.Snapshot.Copy)
	if err != nil {
		return err
	}
	observer := iv.observer()
	copier.Observe = func(done, total, bytes int64) {
		observer.Observe(report.Event{Time: time.Now().UTC(), Kind: report.Progress, Phase: "copy", Done: done, Total: total, Bytes: bytes})
	}
	r, err := copier.Copy(ctx)
	if err != nil {
		return err
	}
	if iv.json {
		return iv.print(struct {
			Type string `json:"type"`
			bucket.Report
		}{"summary", r})
	}
	return iv.write("copied %d objects (%s), %d were there; both sides hold %d objects (%s)\n",
		r.Copied, report.Size(r.Bytes), r.Skipped, r.Objects, report.Size(r.TotalBytes))
}

// copier gives what carries the repository from bucket to bucket.
func copier(ctx context.Context, c config.Copy) (func(ctx context.Context, observe func(done, total, bytes int64)) error, error) {
	copier, err := openCopier(ctx, c)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, observe func(done, total, bytes int64)) error {
		each := *copier
		each.Observe = observe
		_, err := each.Copy(ctx)
		return err
	}, nil
}

func openCopier(ctx context.Context, c config.Copy) (*bucket.Copier, error) {
	from, err := openBucket(ctx, c.From)
	if err != nil {
		return nil, err
	}
	to, err := openBucket(ctx, c.To)
	if err != nil {
		return nil, err
	}
	return &bucket.Copier{From: from, To: to}, nil
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
