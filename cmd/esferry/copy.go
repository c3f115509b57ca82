package main

import (
	"context"

	"esferry/internal/config"
	"esferry/snapshotpath/bucket"
)

// copier gives what carries the repository from bucket to bucket.
func copier(ctx context.Context, c config.Copy) (func(ctx context.Context, observe func(done, total, bytes int64)) error, error) {
	from, err := openBucket(ctx, c.From)
	if err != nil {
		return nil, err
	}
	to, err := openBucket(ctx, c.To)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, observe func(done, total, bytes int64)) error {
		copier := &bucket.Copier{From: from, To: to, Observe: observe}
		_, err := copier.Copy(ctx)
		return err
	}, nil
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
