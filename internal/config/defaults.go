package config

import (
	"maps"
	"time"
)

// applyDefaults fills in what the file leaves out; has tells which keys it
// holds, and path gives a path meant from the file's folder.
func applyDefaults(c *Config, has func(key string) bool, path func(string) string) {
	fill(has, "indices.include", &c.Indices.Include, []string{"*"})
	fill(has, "indices.types", &c.Indices.Types, TypesRefuse)
	// A document's own time is the writer's, and it may wait in a queue.
	fill(has, "indices.time_overlap", &c.Indices.TimeOverlap, Duration(10*time.Minute))
	// Larger bulks take more of the target's time for each document, larger pages
	// only memory, and both wait longer for their turn (docs/benchmarks.md). Under
	// 10 MiB they are what the smallest of Amazon's instances accept.
	fill(has, "stream.page.bytes", &c.Stream.Page.Bytes, 4<<20)
	fill(has, "stream.bulk.bytes", &c.Stream.Bulk.Bytes, 2<<20)
	fill(has, "stream.memory", &c.Stream.Memory, 48<<20)
	fill(has, "stream.on_reject", &c.Stream.OnReject, OnRejectStop)
	// A node's queue holds a thousand by default; what esferry itself asks for at
	// once is far from a hundred. Its own reading shows in the CPU, so that a bound
	// there is a choice.
	fill(has, "stream.brake.search_queue", &c.Stream.Brake.SearchQueue, 100)
	fill(has, "stream.target_durability", &c.Stream.TargetDurability, DurabilityIndex)
	fill(has, "reconcile", &c.Reconcile, ReconcileContent)
	fill(has, "deletes", &c.Deletes, DeletesExact)
	fill(has, "max_delete", &c.MaxDelete, 20)
	fill(has, "cutover.freeze", &c.Cutover.Freeze, FreezeBlock)
	fill(has, "cutover.max_lag", &c.Cutover.MaxLag, 1000)
	fill(has, "cutover.max_freeze", &c.Cutover.MaxFreeze, Duration(10*time.Minute))
	fill(has, "serve.listen", &c.Serve.Listen, "127.0.0.1:7300")
	fill(has, "checkpoint.store", &c.Checkpoint.Store, StoreEmbedded)
	if c.Checkpoint.Store == StoreEmbedded {
		fill(has, "checkpoint.path", &c.Checkpoint.Path, path("ferry.db"))
	} else {
		fill(has, "checkpoint.prefix", &c.Checkpoint.Prefix, "/esferry/")
		c.Checkpoint.Local = path(c.Name)
	}
	for key, e := range map[string]*Endpoint{"source": &c.Source, "target": &c.Target} {
		if e.Auth.SigV4 != nil {
			fill(has, key+".auth.sigv4.service", &e.Auth.SigV4.Service, "es")
		}
	}
	s := c.Snapshot
	if s == nil {
		return
	}
	fill(has, "snapshot.repository", &s.Repository, "ferry")
	fill(has, "snapshot.on_existing", &s.OnExisting, OnExistingError)
	fill(has, "snapshot.on_existing_fallback", &s.OnExistingFallback, FallbackRefuse)
	fill(has, "snapshot.partial", &s.Partial, PartialError)
	fill(has, "snapshot.restore.refresh_interval", &s.Restore.RefreshInterval, "-1")
	if s.Copy == nil {
		// Both clusters reach the same bucket, most often by the same settings.
		fill(has, "snapshot.target", &s.Target, Repository{Type: s.Source.Type, Settings: maps.Clone(s.Source.Settings)})
	}
}

func fill[T any](has func(string) bool, key string, dst *T, standard T) {
	if !has(key) {
		*dst = standard
	}
}
