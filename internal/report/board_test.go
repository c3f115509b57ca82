package report_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"esferry/internal/report"
)

// night is a board under the events of a night, each a second after the last.
type night struct {
	board *report.Board
	at    time.Time
}

func newNight() *night {
	return &night{report.NewBoard(), time.Date(2026, 11, 20, 2, 0, 0, 0, time.UTC)}
}

func (n *night) tell(events ...report.Event) {
	for _, e := range events {
		e.Time = n.at
		n.board.Observe(e)
		n.at = n.at.Add(time.Second)
	}
}

func (n *night) wants(t *testing.T, width, height int, want string) {
	t.Helper()
	got := strings.Join(n.board.Frame(n.at, width, height), "\n")
	if diff := cmp.Diff(strings.Trim(want, "\n"), got); diff != "" {
		t.Errorf("%d columns (-want +got):\n%s", width, diff)
	}
}

func begun(phase, index string) report.Event {
	return report.Event{Kind: report.PhaseBegun, Phase: phase, Index: index}
}

func ended(phase, index string) report.Event {
	return report.Event{Kind: report.PhaseEnded, Phase: phase, Index: index}
}

func carried(index string, docs, bytes, outstanding int64) report.Event {
	return report.Event{Kind: report.Progress, Index: index, Docs: docs, Bytes: bytes, Lag: outstanding}
}

func TestFrame(t *testing.T) {
	n := newNight()
	n.wants(t, 120, 40, "")
	n.tell(
		report.Event{Kind: report.Planned, Index: "users", Docs: 40_000},
		report.Event{Kind: report.Planned, Index: "logs-2026.11.01", Docs: 1_000_000},
		report.Event{Kind: report.Planned, Index: "tiny", Docs: 10},
		report.Event{Kind: report.Adapted, Done: 4, Total: 8, Busy: 3},
		begun("snapshot", ""),
		report.Event{Kind: report.Progress, Phase: "snapshot", Done: 1, Total: 3, Bytes: 1 << 30, Amount: report.Amount{Files: 4, TotalFiles: 9, TotalBytes: 4 << 30}},
		begun("stream", "tiny"), ended("stream", "tiny"),
		begun("stream", "users"),
		carried("users", 5000, 1<<20, 40_000),
		carried("users", 5000, 1<<20, 35_000),
		carried("users", 5000, 1<<20, 30_000),
		begun("stream", "logs-2026.11.01"),
		carried("logs-2026.11.01", 50_000, 10<<20, 1_000_000),
		carried("logs-2026.11.01", 50_000, 10<<20, 950_000),
	)
	// With every column, with some, and with none but what matters most.
	n.wants(t, 140, 40, `
snapshot        [=======>                      ]  25%                        102.4 MiB/s     33s left                    for 11s
logs-2026.11.01 [===>                          ]  10% 100.0k docs    50.0k/s  10.0 MiB/s     27s left 900.0k to go        stream
users           [===========>                  ]  37%  15.0k docs     2500/s 512.0 KiB/s     12s left  25.0k to go        stream
all             [===>                          ]  11% 115.0k docs    19.2k/s   3.8 MiB/s   1m12s left 925.0k to go        for 9s
1 of 3 indices done, 2 running, 4 writers, target busy (429) 3 times
`)
	n.wants(t, 90, 40, `
snapshot        [====>            ]  25%                            33s left
logs-2026.11.01 [=>               ]  10% 100.0k docs    50.0k/s     27s left 900.0k to go
users           [======>          ]  37%  15.0k docs     2500/s     12s left  25.0k to go
all             [=>               ]  11% 115.0k docs    19.2k/s   1m12s left 925.0k to go
1 of 3 indices done, 2 running, 4 writers, target busy (429) 3 times
`)
	n.wants(t, 60, 40, `
snapshot        [===>        ]  25%                33s left
logs-2026.11.01 [=>          ]  10%    50.0k/s     27s left
users           [====>       ]  37%     2500/s     12s left
all             [=>          ]  11%    19.2k/s   1m12s left
1 of 3 indices done, 2 running, 4 writers, target busy (429
`)
	n.wants(t, 30, 5, `
snapshot [===>         ]  25%
all      [=>           ]  11%
1 of 3 indices done, 2 runnin
`)
}

// TestADocumentIsCountedOnce: what is looked at besides is not carried a second
// time; where nothing is carried it is all there is.
func TestADocumentIsCountedOnce(t *testing.T) {
	looked := report.Event{Kind: report.Progress, Phase: "look for deletes", Index: "users", Docs: 7000}
	all := func(n *night) string {
		frame := n.board.Frame(n.at, 140, 40)
		return frame[len(frame)-2]
	}
	n := newNight()
	n.tell(begun("verify", "users"), looked)
	if got := all(n); !strings.Contains(got, " 7000 docs") {
		t.Errorf("got %q, want what was looked at", got)
	}
	n.tell(begun("stream", "users"), carried("users", 500, 1<<20, 500), looked)
	if got := all(n); !strings.Contains(got, " 500 docs") {
		t.Errorf("got %q, want what was carried", got)
	}
}

func TestFrameOfManyIndices(t *testing.T) {
	n := newNight()
	for i := range 500 {
		n.tell(begun("sync", fmt.Sprintf("logs-%03d", i)), carried(fmt.Sprintf("logs-%03d", i), 1, 100, int64(1000+i)))
	}
	for i := range 200 {
		n.tell(ended("sync", fmt.Sprintf("logs-%03d", i)))
	}
	frame := n.board.Frame(n.at, 100, 10)
	if len(frame) > 8 || !strings.HasPrefix(frame[0], "logs-499 ") || !strings.HasPrefix(frame[1], "logs-498 ") {
		t.Errorf("got\n%s\nwant the largest first, on a screen of ten lines", strings.Join(frame, "\n"))
	}
	if last := frame[len(frame)-1]; last != "200 of 500 indices done, 300 running" {
		t.Errorf("got %q", last)
	}
	if wide := slices.MaxFunc(frame, func(a, b string) int { return len(a) - len(b) }); len(wide) > 99 {
		t.Errorf("%q is wider than the terminal", wide)
	}
	// The next round begins with none done.
	for i := range 500 {
		n.tell(ended("sync", fmt.Sprintf("logs-%03d", i)))
	}
	n.tell(begun("sync", "logs-000"))
	if frame := n.board.Frame(n.at, 100, 10); frame[len(frame)-1] != "0 of 1 indices done, 1 running" {
		t.Errorf("got %q", frame)
	}
}

func TestAStandingTargetSlowsDown(t *testing.T) {
	n := newNight()
	n.tell(begun("stream", "users"), carried("users", 1000, 1, 9000), carried("users", 1000, 1, 8000), carried("users", 1000, 1, 7000))
	if frame := n.board.Frame(n.at, 100, 30); !strings.Contains(frame[0], "1000/s") {
		t.Errorf("got %q", frame)
	}
	n.at = n.at.Add(27 * time.Second)
	if frame := n.board.Frame(n.at, 100, 30); !strings.Contains(frame[0], " 100/s") {
		t.Errorf("got %q", frame)
	}
}

func TestForeignNamesCannotDraw(t *testing.T) {
	n := newNight()
	n.tell(begun("stream", "evil\x1b[2J"))
	if frame := strings.Join(n.board.Frame(n.at, 80, 30), ""); strings.ContainsRune(frame, '\x1b') {
		t.Errorf("got %q", frame)
	}
}
