package report

import (
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/cwriter"
	"github.com/vbauerster/mpb/v8/decor"
)

// refreshEvery is how often bars are drawn anew.
const refreshEvery = 250 * time.Millisecond

// Terminal reports whether what is written to w is seen on a terminal that can
// draw: one that moves its cursor.
func Terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("TERM") != "dumb" && os.Getenv("TERM") != "" && cwriter.IsTerminal(int(f.Fd()))
}

// Bars tells events on a terminal: a bar for each index that is on its way, one
// for all, and above them, as lines that stay, what is worth keeping. Bars are
// drawn from the first event that has one until Close. Safe for concurrent use.
type Bars struct {
	terminal *os.File
	board    *Board
	lines    *Lines

	mu     sync.Mutex
	screen *mpb.Progress
	bar    *mpb.Bar
	// rest of a line that has not ended.
	rest []byte
}

var (
	_ Observer  = (*Bars)(nil)
	_ io.Writer = (*Bars)(nil)
)

// NewBars gives an observer that draws on a terminal.
func NewBars(terminal *os.File) *Bars {
	b := &Bars{terminal: terminal, board: NewBoard()}
	b.lines = NewLines(above{b})
	return b
}

// Observe implements Observer.
func (b *Bars) Observe(e Event) {
	b.board.Observe(e)
	switch e.Kind {
	case PhaseBegun, Progress:
		b.open()
	case PhaseEnded:
		if e.Index == "" || e.Message != "" {
			b.lines.Observe(e)
		}
	case Retried, Noted, Checked:
		b.lines.Observe(e)
	case Planned, RoundEnded, Committed, Adapted:
	}
}

// Write puts whole lines above the bars; the rest of one waits for its end.
func (b *Bars) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.screen == nil {
		return b.terminal.Write(p) //nolint:wrapcheck // a writer gives the writer's own error
	}
	b.rest = append(b.rest, p...)
	end := strings.LastIndexByte(string(b.rest), '\n') + 1
	if end == 0 {
		return len(p), nil
	}
	_, err := b.screen.Write(b.rest[:end])
	b.rest = append(b.rest[:0], b.rest[end:]...)
	return len(p), err //nolint:wrapcheck // a writer gives the writer's own error
}

// above writes lines of our own, which are whole, past those of others.
type above struct{ *Bars }

// Write implements io.Writer.
func (a above) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.screen == nil {
		return a.terminal.Write(p) //nolint:wrapcheck // a writer gives the writer's own error
	}
	return a.screen.Write(p) //nolint:wrapcheck // a writer gives the writer's own error
}

// Close takes the bars off the terminal; a later event draws them again.
func (b *Bars) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.screen == nil {
		return
	}
	b.bar.Abort(true)
	b.screen.Wait()
	b.screen, b.bar = nil, nil
	if len(b.rest) > 0 {
		_, _ = b.terminal.Write(b.rest) //nolint:errcheck // nobody waits for progress
		b.rest = nil
	}
}

func (b *Bars) open() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.screen != nil {
		return
	}
	b.screen = mpb.New(mpb.WithOutput(b.terminal), mpb.WithRefreshRate(refreshEvery))
	// One bar of the library's holds all rows of ours, which come and go with each
	// frame.
	rows := mpb.BarFillerFunc(func(w io.Writer, s decor.Statistics) error { return b.draw(w, s) })
	b.bar = b.screen.MustAdd(0, mpb.NopStyle().Build(), mpb.BarFillerTrim(), mpb.BarExtender(rows, false))
}

func (b *Bars) draw(w io.Writer, s decor.Statistics) error {
	_, height, err := cwriter.GetSize(int(b.terminal.Fd()))
	if err != nil || s.Aborted {
		return err //nolint:wrapcheck // the library ends drawing by it
	}
	frame := b.board.Frame(time.Now(), s.AvailableWidth, height)
	for _, l := range frame {
		if _, err := io.WriteString(w, l+"\n"); err != nil {
			return err //nolint:wrapcheck // the library ends drawing by it
		}
	}
	return nil
}
