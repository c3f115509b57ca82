//go:build !race

package reconcile_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"esferry/internal/cluster"
	"esferry/internal/group"
	"esferry/internal/reconcile"
)

// TestFiveMillionDocuments holds the bound on memory: 5,000,000 documents on
// both sides, four goroutines, under 150 MB of heap at any moment.
// The race detector would take several times that for itself.
func TestFiveMillionDocuments(t *testing.T) {
	const docs, bound = 5_000_000, 150 << 20
	s := open(t)
	var most uint64
	measure := func() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapSys-m.HeapReleased)
	}
	g, _ := group.New(t.Context())
	for worker := range 4 {
		side := reconcile.Side(worker % 2)
		g.Go("tell", func(context.Context) error {
			for i := worker / 2; i < docs; i += 2 {
				e := reconcile.Entry{Key: cluster.Key{ID: fmt.Sprintf(`"document-%012d"`, i)}, Version: int64(i % 7), SeqNo: int64(i), Term: 1}
				if side == reconcile.Target && i%100_000 == 0 {
					continue
				}
				if err := s.Add(side, e); err != nil {
					return err
				}
				if worker == 0 && i%100_000 == 0 {
					measure()
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	missing := 0
	if err := s.Compare(t.Context(), func(d reconcile.Difference) error {
		measure()
		if d.Kind != reconcile.Missing {
			return fmt.Errorf("got %+v", d)
		}
		missing++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	measure()
	if missing != docs/100_000 || s.Docs(reconcile.Source) != docs {
		t.Errorf("got %d missing of %d, want %d of %d", missing, s.Docs(reconcile.Source), docs/100_000, docs)
	}
	if most > bound {
		t.Errorf("got %d MB of heap, want at most %d", most>>20, bound>>20)
	}
	t.Logf("%d MB of heap at most", most>>20)
}
