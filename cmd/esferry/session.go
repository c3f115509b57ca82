package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"esferry/checkpoint"
	"esferry/checkpoint/etcdstore"
	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/config"
	"esferry/internal/control"
	"esferry/internal/ferry"
	"esferry/internal/group"
	"esferry/internal/report"
)

// session is an open ferry: both clusters probed, the store held.
type session struct {
	config         *config.Config
	source, target *cluster.Cluster
	store          checkpoint.Store
	lease          checkpoint.Lease
	ferry          *ferry.Ferry
	// desk is where workers are asked; nil for stores that have none.
	desk *etcdstore.Desk
}

// withFerry opens a ferry, serves its control socket while fn works with it,
// and closes everything.
func (iv *invocation) withFerry(ctx context.Context, fn func(ctx context.Context, f *ferry.Ferry) error) error {
	return iv.withSession(ctx, func(ctx context.Context, s *session) error { return iv.serving(ctx, s, fn) })
}

// withCrew is withFerry for what workers take part in, who end with it.
func (iv *invocation) withCrew(ctx context.Context, fn func(ctx context.Context, f *ferry.Ferry) error) error {
	return iv.withSession(ctx, func(ctx context.Context, s *session) error {
		if err := s.employ(); err != nil {
			return err
		}
		return s.conclude(ctx, iv.command, iv.serving(ctx, s, fn))
	})
}

// serving serves the control socket, and those who watch and help, while fn works.
func (iv *invocation) serving(ctx context.Context, s *session, fn func(ctx context.Context, f *ferry.Ferry) error) error {
	served, stop := context.WithCancel(ctx)
	g, _ := group.New(served)
	g.Go("control socket", func(ctx context.Context) error {
		return control.Serve(ctx, s.config.Checkpoint.Beside(), steering{ferry: s.ferry})
	})
	g.Go("source's health", s.ferry.Heed)
	g.Go("workers", s.ferry.Lead)
	var result error
	g.Go("command", func(ctx context.Context) error {
		defer stop()
		result = fn(ctx, s.ferry)
		return result
	})
	first := g.Wait()
	return howEnded(ctx, result, first)
}

// withSession opens everything a ferry needs, once, and closes it.
func (iv *invocation) withSession(ctx context.Context, fn func(ctx context.Context, s *session) error) error {
	return iv.openSession(ctx, holding, fn)
}

// opening lends a ferry's store to fn.
type opening func(ctx context.Context, c *config.Config, fn func(ctx context.Context, store checkpoint.Store, lease checkpoint.Lease) error) error

func (iv *invocation) openSession(ctx context.Context, open opening, fn func(ctx context.Context, s *session) error) (err error) {
	c, err := iv.load()
	if err != nil {
		return err
	}
	s := &session{config: c}
	if s.source, s.target, err = connect(ctx, c); err != nil {
		return err
	}
	defer s.source.Close()
	defer s.target.Close()
	return open(ctx, c, func(ctx context.Context, store checkpoint.Store, lease checkpoint.Lease) error {
		s.store, s.lease = store, lease
		options, err := iv.options(ctx, c, s.source)
		if err == nil && iv.reverse {
			s.source, s.target = s.target, s.source
			options, err = ferry.WayBack(ctx, store, options)
		}
		if err != nil {
			return err
		}
		noteClocks(options.Observer, s.source, s.target)
		if s.ferry, err = ferry.Open(ctx, s.source, s.target, store, lease, options); err != nil {
			return err
		}
		s.ferry.Sign(iv.command, thisBuild().Version)
		result := fn(ctx, s)
		if closed := s.ferry.Close(ctx, result); result == nil {
			return closed
		}
		return result
	})
}

// holding opens the store and takes hold of the ferry while fn works: nobody
// else changes anything of it meanwhile.
func holding(ctx context.Context, c *config.Config, fn func(ctx context.Context, store checkpoint.Store, lease checkpoint.Lease) error) (err error) {
	store, err := openStore(ctx, c.Checkpoint, c.Name)
	if err != nil {
		return err
	}
	defer func() {
		if closed := store.Close(); err == nil && closed != nil {
			err = fmt.Errorf("close the checkpoint store: %w", closed)
		}
	}()
	lease, err := acquire(ctx, store)
	if err != nil {
		return err
	}
	return whileHeld(ctx, store, func(ctx context.Context) error { return fn(ctx, store, lease) })
}

// holderHere is this process.
func holderHere() checkpoint.Holder {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return checkpoint.Holder{Host: host, PID: os.Getpid(), Since: time.Now().UTC()}
}

func acquire(ctx context.Context, store checkpoint.Store) (checkpoint.Lease, error) {
	lease, err := store.Acquire(ctx, holderHere())
	if err != nil {
		return lease, fmt.Errorf("take hold of the ferry: %w", err)
	}
	return lease, nil
}

// connect reaches both clusters, at the same time. Where neither answers, the source's
// error is told.
func connect(ctx context.Context, c *config.Config) (source, target *cluster.Cluster, err error) {
	g, _ := group.New(ctx)
	var there error
	g.Go("reach the source", func(ctx context.Context) (err error) {
		source, err = reach(ctx, "source", c.Source)
		return err
	})
	g.Go("reach the target", func(ctx context.Context) error {
		target, there = reach(ctx, "target", c.Target)
		return nil
	})
	if err = cmp.Or(g.Wait(), there); err == nil {
		return source, target, nil
	}
	for _, reached := range []*cluster.Cluster{source, target} {
		if reached != nil {
			reached.Close()
		}
	}
	return nil, nil, err
}

func reach(ctx context.Context, side string, e config.Endpoint) (*cluster.Cluster, error) {
	authorize, err := authorization(ctx, e.Auth)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", side, err)
	}
	c, err := cluster.Dial(cluster.Options{
		Side: side, URLs: e.URLs, Authorize: authorize, CAFile: e.TLS.CAFile, CertFile: e.TLS.CertFile, KeyFile: e.TLS.KeyFile,
		InsecureSkipVerify: e.TLS.InsecureSkipVerify, Gzip: e.Compress, Logger: tracer(ctx),
	})
	if err != nil {
		return nil, &usageError{err: fmt.Errorf("%s: %w", side, err)}
	}
	if _, err := c.Probe(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("%s: %w", side, err)
	}
	return c, nil
}

func (iv *invocation) options(ctx context.Context, c *config.Config, source *cluster.Cluster) (ferry.Options, error) {
	o := ferry.Options{
		Name: c.Name, Select: &c.Indices, Observer: report.Tee(append(iv.watchers, iv.timed())...),
		IgnoreDeletes: c.Deletes == config.DeletesIgnore, MaxDelete: float64(c.MaxDelete) / 100,
		Reconcile: ferry.ReconcileOptions{Dir: filepath.Dir(c.Checkpoint.Beside()), VersionsOnly: c.Reconcile == config.ReconcileVersions},
		Stream: ferry.StreamOptions{
			Readers: c.Stream.Readers.Or(0), Writers: c.Stream.Writers.Or(0), Indices: 4,
			PageBytes: int64(c.Stream.Page.Bytes), BulkBytes: int64(c.Stream.Bulk.Bytes), PageDocs: c.Stream.Page.Docs.Or(0),
			Memory:        int64(c.Stream.Memory),
			Rates:         batch.Rates{Docs: c.Stream.Rate.DocsPerSecond, Bytes: int64(c.Stream.Rate.BytesPerSecond), Requests: c.Stream.Rate.RequestsPerSecond},
			AsyncTranslog: c.Stream.TargetDurability == config.DurabilityAsync,
			Brake:         ferry.Brake{SearchQueue: c.Stream.Brake.SearchQueue, CPU: float64(c.Stream.Brake.CPU)},
		},
		Cutover: ferry.CutoverOptions{
			Freeze: string(c.Cutover.Freeze), MaxLag: c.Cutover.MaxLag, MaxFreeze: time.Duration(c.Cutover.MaxFreeze),
			Aliases: c.Cutover.Aliases, Hooks: programs(c.Cutover.Hooks), Hook: iv.hooks(c),
		},
	}
	if c.Stream.OnReject == config.OnRejectDeadLetter {
		o.Reject = deadLetters(c).Reject
	}
	if c.Snapshot == nil {
		return o, nil
	}
	o.Snapshot = &ferry.SnapshotOptions{
		Replicas: c.Snapshot.Restore.NumberOfReplicas, Refresh: c.Snapshot.Restore.RefreshInterval,
		OnExisting: ferry.OnExisting(c.Snapshot.OnExisting), Fallback: ferry.RefuseExisting,
		Partial: c.Snapshot.Partial == config.PartialAccept, Aliases: c.Snapshot.Restore.IncludeAliases,
	}
	o.Snapshot.Source, o.Snapshot.Target = repositories(c)
	if c.Snapshot.OnExistingFallback != config.FallbackRefuse {
		o.Snapshot.Fallback = ferry.OnExisting(c.Snapshot.OnExistingFallback)
	}
	if c.Snapshot.Copy == nil {
		return o, nil
	}
	copier, err := openCopier(ctx, c.Snapshot)
	if err != nil {
		return o, err
	}
	o.Snapshot.Copy = copying(copier, c.Snapshot, source, o.Observer)
	o.Snapshot.CopyBundle = copyingFor(copier, o.Observer)
	return o, nil
}
