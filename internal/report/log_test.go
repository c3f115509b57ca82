package report_test

import (
	"bytes"
	"log/slog"
	"testing"

	"esferry/internal/report"
	"esferry/internal/shard"
)

func TestLog(t *testing.T) {
	var out bytes.Buffer
	untimed := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	l := report.NewLog(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: untimed})))
	l.Observe(report.Event{Kind: report.PhaseBegun, Phase: "stream", Index: "users"})
	l.Observe(report.Event{Kind: report.Progress, Index: "users", Docs: 5})
	l.Observe(report.Event{Kind: report.Retried, Index: "users", Window: shard.Window{Shard: shard.ID{Index: "users"}, From: 1, To: 9}, Message: "busy"})
	l.Observe(report.Event{Kind: report.RoundEnded, Index: "users", Docs: 5, Lag: 2, Seconds: 1.5})
	l.Observe(report.Event{Kind: report.PhaseEnded, Phase: "stream", Index: "users", Message: "no room"})
	want := `{"level":"INFO","msg":"phase_begun","phase":"stream","index":"users"}
{"level":"WARN","msg":"retried","index":"users","message":"busy","window":"users[0](1,9]"}
{"level":"INFO","msg":"round_ended","index":"users","docs":5,"lag":2,"seconds":1.5}
{"level":"WARN","msg":"phase_ended","phase":"stream","index":"users","message":"no room"}
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
