package ferry_test

import (
	"testing"

	"esferry/internal/ferry"
	"esferry/internal/history"
)

// TestDowntime: a prediction is of what is still to be switched, and of nothing
// before all of it is there.
func TestDowntime(t *testing.T) {
	var run history.Run
	for range 3 {
		run.Laps.Entries = append(run.Laps.Entries, history.Lap{Seconds: 2, Work: history.Work{Documents: 10}})
	}
	told := history.History{Runs: []history.Run{run}}
	f := func(wantThere, wantKnown bool, phases ...ferry.Phase) {
		t.Helper()
		var records []ferry.IndexRecord
		for _, p := range phases {
			records = append(records, ferry.IndexRecord{Phase: p, Lag: 5})
		}
		got := ferry.Downtime(told, records)
		if (got != nil) != wantThere || got != nil && (got.Known != wantKnown || got.Known == (got.Why != "")) {
			t.Errorf("%v: got %+v", phases, got)
		}
		if got != nil && got.Known && (got.Seconds != 2 || len(got.NotMeasured) != 6) {
			t.Errorf("%v: got %+v, want the time of a pass, and the steps that were not measured", phases, got)
		}
	}
	f(false, false)
	f(false, false, ferry.Switched)
	f(true, false, ferry.Current, ferry.Bound)
	f(true, true, ferry.Current, ferry.Switched)
	f(true, true, ferry.Current, ferry.Current)
	// Far more is outstanding than any pass has carried.
	if got := ferry.Downtime(told, []ferry.IndexRecord{{Phase: ferry.Current, Lag: 1e9}}); got == nil || got.Known {
		t.Errorf("got %+v, want it not known", got)
	}
}
