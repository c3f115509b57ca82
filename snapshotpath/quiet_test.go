package snapshotpath_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"esferry/snapshotpath"
)

// writer is busy with these, one an answer.
type writer struct {
	with []string
	err  error
}

func (w *writer) Busy(context.Context, string) (string, error) {
	what := w.with[0]
	if len(w.with) > 1 {
		w.with = w.with[1:]
	}
	return what, w.err
}

func TestAwaitQuiet(t *testing.T) {
	f := func(with, told []string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			got := []string{}
			err := snapshotpath.AwaitQuiet(t.Context(), &writer{with: with}, "ferry", func(what string) { got = append(got, what) })
			if err != nil || !slices.Equal(got, told) {
				t.Errorf("%v: told %v, %v, want %v", with, got, err, told)
			}
		})
	}
	f([]string{""}, []string{})
	f([]string{"snapshot a", "snapshot a", "a clean-up", ""}, []string{"snapshot a", "a clean-up"})
	refused := errors.New("forbidden")
	if err := snapshotpath.AwaitQuiet(t.Context(), &writer{with: []string{""}, err: refused}, "ferry", nil); !errors.Is(err, refused) {
		t.Errorf("got %v: what cannot be asked passes for quiet", err)
	}
}
