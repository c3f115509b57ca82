package report_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"go.uber.org/goleak"

	"esferry/internal/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLines(t *testing.T) {
	var out bytes.Buffer
	l := report.NewLines(&out)
	at := time.Date(2026, 11, 20, 2, 0, 0, 0, time.UTC)
	for _, e := range []report.Event{
		{Kind: report.PhaseBegun, Phase: "copy"},
		{Kind: report.Progress, Phase: "copy", Done: 1, Total: 9, Bytes: 1 << 20},
		{Kind: report.Progress, Phase: "copy", Done: 7, Total: 9, Bytes: 5 << 20, Time: at.Add(6 * time.Second)},
		{Kind: report.Progress, Index: "users", Docs: 10, Bytes: 100},
		{Kind: report.Progress, Index: "users", Docs: 5, Bytes: 50, Time: at.Add(7 * time.Second)},
		{Kind: report.RoundEnded, Index: "users", Docs: 15, Seconds: 1.25, Lag: 3},
		{Kind: report.Progress, Phase: "look for deletes", Index: "users", Docs: 9},
		{Kind: report.Progress, Phase: "look for deletes", Index: "users", Docs: 3, Time: at.Add(9 * time.Second)},
		{Kind: report.Progress, Phase: "snapshot", Done: 1, Total: 3, Amount: report.Amount{Files: 4, TotalFiles: 9, TotalBytes: 5 << 20}, Bytes: 1 << 20},
		{Kind: report.Progress, Phase: "snapshot", Done: 2, Total: 3, Amount: report.Amount{Files: 6, TotalFiles: 9, TotalBytes: 5 << 20}, Bytes: 2 << 20, Time: at.Add(8 * time.Second)},
		{Kind: report.Committed, Index: "users"},
		{Kind: report.Retried, Index: "evil\x1b[2J", Message: "busy\nagain"},
		{Kind: report.PhaseEnded, Phase: "copy", Seconds: 2},
		{Kind: report.PhaseEnded, Phase: "restore", Seconds: 2, Message: "no room"},
	} {
		if e.Time.IsZero() {
			e.Time = at
		}
		l.Observe(e)
	}
	want := `02:00:00  copy: begins
02:00:06  copy: 7 of 9, 5.0 MiB
02:00:07  users: 15 documents, 150 B
02:00:00  users: round: 15 documents in 1.2 s, lag 3
02:00:09  look for deletes users: 12 documents
02:00:08  snapshot: 2 of 3 shards, 6 of 9 files, 2.0 MiB of 5.0 MiB
02:00:00  evil [2J: tries again: busy again
02:00:00  copy: done in 2.0 s
02:00:00  restore: stopped after 2.0 s
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestJSONLines(t *testing.T) {
	var out bytes.Buffer
	j := report.NewJSON(&out)
	j.Observe(report.Event{Kind: report.RoundEnded, Index: "users", Lag: 3})
	if err := j.Print(map[string]string{"type": "summary"}); err != nil {
		t.Fatal(err)
	}
	for i, line := range bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n")) {
		var event struct{ Type string }
		if err := json.Unmarshal(line, &event); err != nil || event.Type != []string{"round_ended", "summary"}[i] {
			t.Errorf("line %d: got %s (%v)", i, line, err)
		}
	}
}
