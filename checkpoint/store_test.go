package checkpoint_test

import (
	"testing"
	"time"

	"esferry/checkpoint"
)

func TestHeldErrorNamesTheHolder(t *testing.T) {
	t.Parallel()
	f := func(holder checkpoint.Holder, want string) {
		t.Helper()
		if got := (&checkpoint.HeldError{Holder: holder}).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(checkpoint.Holder{}, "another process holds this ferry")
	f(checkpoint.Holder{Host: "a", PID: 7, Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, "another process holds this ferry: pid 7 on a since 2026-01-02T03:04:05Z")
}
