package ferry_test

import (
	"errors"
	"strings"
	"testing"

	"esferry/internal/ferry"
)

func TestCountError(t *testing.T) {
	f := func(day, want string) {
		t.Helper()
		err := &ferry.CountError{Index: "users", Day: day, Source: 3, Target: 2}
		if got := err.Error(); got != want || !errors.Is(err, ferry.ErrDifference) || !strings.Contains(err.NextStep(), "--repair") {
			t.Errorf("got %q, next %q, want %q, a difference, and how to mend it", got, err.NextStep(), want)
		}
	}
	f("", "index users: source and target differ: 3 documents on the source, 2 on the target")
	f("2026-11-20", "index users: source and target differ on 2026-11-20: 3 documents on the source, 2 on the target")
}
