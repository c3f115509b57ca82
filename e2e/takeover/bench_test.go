package takeover_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"esferry/checkpoint"
	"esferry/checkpoint/boltstore"
	"esferry/checkpoint/etcdstore"
	"esferry/internal/group"
)

// BenchmarkCommit writes what a ferry does, the records of an index and of its
// history, by one ferry and by eight at a time: docs/scale.md.
func BenchmarkCommit(b *testing.B) {
	b.Run("embedded", func(b *testing.B) {
		dir := b.TempDir()
		commits(b, 1, func(n int) checkpoint.Store {
			s, err := boltstore.Open(b.Context(), filepath.Join(dir, fmt.Sprintf("%d.db", n)))
			if err != nil {
				b.Fatal(err)
			}
			return s
		})
	})
	for _, members := range []int{1, 3} {
		for _, ferries := range []int{1, 8} {
			b.Run(fmt.Sprintf("etcd of %d, %d ferries", members, ferries), func(b *testing.B) {
				c := cluster(b, members)
				commits(b, ferries, func(n int) checkpoint.Store {
					return open(b, etcdstore.Options{Endpoints: c.endpoints(), Root: fmt.Sprintf("/esferry/%d/", n)})
				})
			})
		}
	}
}

// commits shares b.N commits between so many ferries.
func commits(b *testing.B, ferries int, open func(n int) checkpoint.Store) {
	b.Helper()
	stores, leases := make([]checkpoint.Store, ferries), make([]checkpoint.Lease, ferries)
	for n := range ferries {
		stores[n] = open(n)
		var err error
		if leases[n], err = stores[n].Acquire(b.Context(), checkpoint.Holder{Host: "h", PID: n + 1}); err != nil {
			b.Fatal(err)
		}
	}
	var mu sync.Mutex
	var took []time.Duration
	record, history := make([]byte, 1500), make([]byte, 3000)
	b.ResetTimer()
	g, _ := group.New(b.Context())
	for n := range ferries {
		g.Go("ferry", func(ctx context.Context) error {
			for i := n; i < b.N; i += ferries {
				began := time.Now()
				err := stores[n].Commit(ctx, leases[n], checkpoint.Record{Key: "x/index/users", Value: record}, checkpoint.Record{Key: "x/history/index/users", Value: history})
				if err != nil {
					return err
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms/p99")
	for _, s := range stores {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}
}
