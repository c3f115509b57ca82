package live_test

import (
	"testing"

	"pgregory.net/rapid"

	"esferry/internal/live"
	"esferry/internal/report"
)

func TestFeedCountsWhatMoves(t *testing.T) {
	f := live.NewFeed()
	for _, e := range []report.Event{
		{Kind: report.Progress, Docs: 10, Bytes: 100},
		{Kind: report.Progress, Index: "users", Docs: 5, Bytes: 50},
		// A copy tells sums, a snapshot moves nothing through this process, and what
		// is compared is not moved.
		{Kind: report.Progress, Phase: "copy", Done: 1, Total: 3, Bytes: 1000},
		{Kind: report.Progress, Phase: "copy", Done: 2, Total: 3, Bytes: 4000},
		{Kind: report.Progress, Phase: "snapshot", Done: 2, Total: 3, Bytes: 9000},
		{Kind: report.Progress, Phase: "verify", Index: "users", Docs: 7, Bytes: 70},
		{Kind: report.PhaseEnded, Phase: "copy"},
		{Kind: report.Progress, Phase: "copy", Done: 1, Total: 1, Bytes: 500},
		{Kind: report.Retried, Message: "busy"},
	} {
		f.Observe(e)
	}
	if got, want := f.Totals(), (live.Totals{Documents: 15, Bytes: 4650, Retries: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// However long a run is, its history is bounded, in order, evenly spaced but for
// its end, and begins at the beginning.
func TestHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h live.History
		n := rapid.IntRange(1, 20_000).Draw(t, "n")
		for i := range n {
			h.Add(live.Sample{At: float64(i), Documents: int64(i)})
		}
		points := h.Points()
		if len(points) == 0 || len(points) > 600 || n >= 600 && len(points) < 250 {
			t.Fatalf("got %d points of %d samples", len(points), n)
		}
		if points[0].At != 0 {
			t.Fatalf("the first point is at %v", points[0].At)
		}
		for i := 2; i < len(points); i++ {
			if a, b := points[i-1].At-points[i-2].At, points[i].At-points[i-1].At; a <= 0 || b <= 0 || a > 2*b || b > 2*a {
				t.Fatalf("points at %v, %v, %v", points[i-2].At, points[i-1].At, points[i].At)
			}
		}
		if last := points[len(points)-1].At; float64(n-1)-last > float64(n)/100+1 {
			t.Fatalf("the last of %d points is at %v of %d", len(points), last, n)
		}
	})
}
