package main

import (
	"context"
	"errors"

	"esferry/internal/cluster"
	"esferry/internal/config"
	"esferry/internal/report"
	"esferry/snapshotpath"
)

// engine is one side as commands about repositories see it.
type engine struct {
	side       string
	cluster    *cluster.Cluster
	repository snapshotpath.Repository
}

// withEngines reaches both clusters. No state of the ferry is read or written.
func (iv *invocation) withEngines(ctx context.Context, fn func(ctx context.Context, sides []engine) error) error {
	c, err := iv.load()
	if err != nil {
		return err
	}
	if c.Snapshot == nil {
		return &usageError{err: errors.New("snapshot is not set: every index goes by stream, without a repository"), hint: "name a repository for each side under snapshot"}
	}
	source, target, err := connect(ctx, c)
	if err != nil {
		return err
	}
	defer source.Close()
	defer target.Close()
	noteClocks(iv.aside(), source, target)
	from, to := repositories(c)
	return fn(ctx, []engine{{"source", source, from}, {"target", target, to}})
}

// aside tells events beside a result that is one document: to stderr.
func (iv *invocation) aside() report.Observer {
	if iv.json {
		return report.NewJSON(iv.stderr)
	}
	if log, ok := iv.logged(); ok {
		return log
	}
	return report.NewLines(iv.stderr)
}

// repositories gives how each cluster sees the repository; the target never
// writes to its own.
func repositories(c *config.Config) (source, target snapshotpath.Repository) {
	source = repository(c.Source, c.Snapshot.Source)
	target = repository(c.Target, c.Snapshot.Target)
	source.Name, target.Name = c.Snapshot.Repository, c.Snapshot.Repository
	target.ReadOnly = true
	return source, target
}

func repository(e config.Endpoint, r config.Repository) snapshotpath.Repository {
	var region, service string
	if s := e.Auth.SigV4; s != nil {
		region, service = s.Region, s.Service
	}
	return snapshotpath.Repository{
		Type: r.Type, Settings: r.Settings.Plain(), Keeper: snapshotpath.KeeperOf(e.URLs, service), Signed: service != "", Region: region,
	}
}
