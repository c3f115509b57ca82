package boltstore_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"esferry/checkpoint"
	"esferry/checkpoint/boltstore"
)

// storeToFill makes this binary a process that fills the store it names, until
// it is killed.
const storeToFill = "BOLTSTORE_TEST_FILL"

func TestMain(m *testing.M) {
	if path := os.Getenv(storeToFill); path != "" {
		fmt.Fprintln(os.Stderr, fill(context.Background(), path))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// fill commits pairs of equal records for ever, and prints each number once it
// is durable.
func fill(ctx context.Context, path string) error {
	s, err := boltstore.Open(ctx, path)
	if err != nil {
		return err
	}
	lease, err := s.Acquire(ctx, checkpoint.Holder{Host: "child", PID: os.Getpid()})
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		value := fmt.Appendf(nil, "%d", n)
		// A third record that grows and goes makes pages split and merge.
		ballast := checkpoint.Record{Key: fmt.Sprintf("ballast/%d", n%50), Value: make([]byte, n%7*1000)}
		if n%3 == 0 {
			ballast.Value = nil
		}
		if err := s.Commit(ctx, lease, checkpoint.Record{Key: "left", Value: value}, ballast, checkpoint.Record{Key: "right", Value: value}); err != nil {
			return err
		}
		fmt.Println(n)
	}
}
