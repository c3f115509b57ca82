package screen_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"esferry/e2e/screen"
	"esferry/internal/report"
	"esferry/internal/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// await waits until the screen shows this, and gives what it shows then.
func await(t *testing.T, s *screen.Screen, want string) {
	t.Helper()
	want = strings.TrimRight(strings.TrimPrefix(want, "\n"), "\n")
	for range 100 {
		if s.Text() == want {
			return
		}
		if err := retry.Sleep(t.Context(), 50*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	t.Errorf("(-want +seen):\n%s", cmp.Diff(want, s.Text()))
}

// TestBars looks at the screen while bars come, change with the window, let lines
// pass above them, and go.
func TestBars(t *testing.T) {
	t.Setenv("TERM", "xterm-256color")
	s := screen.Open(t, 100, 20)
	if !report.Terminal(s.TTY) {
		t.Fatal("a terminal is not seen as one")
	}
	bars := report.NewBars(s.TTY)
	defer bars.Close()
	// Ahead of every clock, so that rates do not follow the test's own time.
	at := time.Date(2226, 11, 21, 2, 0, 0, 0, time.UTC)
	tell := func(events ...report.Event) {
		for _, e := range events {
			e.Time = at
			bars.Observe(e)
			at = at.Add(time.Second)
		}
	}
	tell(
		report.Event{Kind: report.Planned, Index: "users", Docs: 40_000},
		report.Event{Kind: report.Planned, Index: "logs", Docs: 90_000},
		report.Event{Kind: report.PhaseBegun, Phase: "stream", Index: "users"},
		report.Event{Kind: report.Progress, Index: "users", Docs: 5000, Bytes: 1 << 20, Lag: 40_000},
		report.Event{Kind: report.Progress, Index: "users", Docs: 5000, Bytes: 1 << 20, Lag: 35_000},
		report.Event{Kind: report.Progress, Index: "users", Docs: 5000, Bytes: 1 << 20, Lag: 30_000},
	)
	await(t, s, `

users [====>      ]  37%  15.0k docs     7500/s   1.5 MiB/s      5s left  25.0k to go        stream
all   [=>         ]  11%  15.0k docs     7500/s   1.5 MiB/s     23s left 115.0k to go        for 3s
0 of 2 indices done, 1 running
`)
	// A narrower window: what was drawn for the wide one may have been wrapped, and
	// what is drawn from now on is not.
	s.Resize(t, 60, 20)
	await(t, s, `

users [===>      ]  37%  15.0k docs     7500/s      5s left
all   [=>        ]  11%  15.0k docs     7500/s     23s left
0 of 2 indices done, 1 running
`)
	s.Resize(t, 100, 20)
	if _, err := bars.Write([]byte("a hook says ")); err != nil {
		t.Fatal(err)
	}
	tell(report.Event{Kind: report.Noted, Message: "a remark", Index: "users"})
	if _, err := bars.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	await(t, s, `
02:00:06  users: note: a remark
a hook says hello

users [====>      ]  37%  15.0k docs     5000/s   1.0 MiB/s      7s left  25.0k to go        stream
all   [=>         ]  11%  15.0k docs     5000/s   1.0 MiB/s     31s left 115.0k to go        for 4s
0 of 2 indices done, 1 running
`)
	bars.Close()
	await(t, s, `
02:00:06  users: note: a remark
a hook says hello
`)
	if strings.Contains(s.Raw(), "\x1b[3") {
		t.Error("the bars have colors, which NO_COLOR would have to take")
	}
}

// TestPage looks at a page that is shown again, and that is longer than the
// screen.
func TestPage(t *testing.T) {
	s := screen.Open(t, 20, 6)
	page := report.NewPage(s.TTY)
	show := func(text, want string) {
		t.Helper()
		if err := page.Show(text); err != nil {
			t.Fatal(err)
		}
		await(t, s, want)
	}
	show("one\ntwo\nthree\n", "one\ntwo\nthree")
	show("one, and so wide that it is cut\ntwo\n", "one, and so wide tha\ntwo")
	show("1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\nand 4 lines more")
	show("short\n", "short")
}

func TestDumbTerminals(t *testing.T) {
	s := screen.Open(t, 80, 20)
	for _, term := range []string{"dumb", ""} {
		t.Setenv("TERM", term)
		if report.Terminal(s.TTY) {
			t.Errorf("TERM=%s is taken for a terminal that can draw", term)
		}
	}
	if report.Terminal(&strings.Builder{}) {
		t.Error("what is no file is taken for a terminal")
	}
}
