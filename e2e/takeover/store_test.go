package takeover_test

import (
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"esferry/checkpoint"
	"esferry/checkpoint/etcdstore"
	"esferry/checkpoint/storetest"
)

func rootOf(t *testing.T) string {
	t.Helper()
	return "/esferry/" + strings.NewReplacer("/", "_", " ", "_", "'", "_").Replace(t.Name()) + "/"
}

// open opens a store, to be closed by the test or at its end.
func open(tb testing.TB, o etcdstore.Options) *etcdstore.Store {
	tb.Helper()
	s, err := etcdstore.Open(tb.Context(), o)
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	tb.Cleanup(func() { _ = s.Close() }) //nolint:errcheck // the test itself looks at Close where it matters
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	c := cluster(t, 1)
	storetest.Run(t, func(t *testing.T) checkpoint.Store {
		t.Helper()
		return open(t, etcdstore.Options{Endpoints: c.endpoints(), Root: rootOf(t)})
	})
}

// TestShared lets leases run out: by SIGSTOP of the client's process it would be
// the same to the cluster, which hears nothing.
func TestShared(t *testing.T) {
	t.Parallel()
	c := cluster(t, 1)
	operator := c.client(t)
	storetest.RunShared(t, storetest.Shared{
		Open: func(t *testing.T) checkpoint.Store {
			t.Helper()
			return open(t, etcdstore.Options{Endpoints: c.endpoints(), Root: rootOf(t), TTL: 2 * time.Second})
		},
		Sleep: func(t *testing.T, _ checkpoint.Store) {
			t.Helper()
			claim, err := operator.Get(t.Context(), rootOf(t)+"claim")
			if err != nil || len(claim.Kvs) != 1 {
				t.Fatalf("the claim: got %v, %v", claim, err)
			}
			if _, err := operator.Revoke(t.Context(), clientv3.LeaseID(claim.Kvs[0].Lease)); err != nil {
				t.Fatal(err)
			}
		},
	})
}
