package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"esferry/internal/foreign"
)

const (
	// mostRows bounds the indices that are shown at once: more cannot be read.
	mostRows = 12
	// widestName, widestBar and narrowestBar bound the columns.
	widestName   = 32
	widestBar    = 30
	narrowestBar = 8
)

// cell is one column of a row. Where the terminal is narrow, those of the
// highest rank go first.
type cell struct {
	text        string
	width, rank int
}

// line is one row, ready to be laid out.
type line struct {
	name string
	// fraction is below 0 where it is not known.
	fraction float64
	cells    []cell
	weight   int64
	index    bool
}

// Frame draws the board for a terminal of this size: what is under way, the
// largest first, and the whole below. Empty where nothing is under way.
func (b *Board) Frame(now time.Time, width, height int) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.rows) == 0 {
		return nil
	}
	if now.Before(b.latest) {
		now = b.latest
	}
	var lines []line
	for _, name := range slices.Sorted(maps.Keys(b.rows)) {
		l := b.rows[name].line(now)
		l.weight = max(l.weight, b.goals[name])
		lines = append(lines, l)
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		if a.index != b.index && !a.index {
			return -1
		} else if a.index != b.index {
			return 1
		}
		return cmp.Compare(b.weight, a.weight)
	})
	running := 0
	for _, l := range lines {
		if l.index {
			running++
		}
	}
	// The whole has two lines; one parts the bars from what is above, and the
	// cursor has one.
	lines = lines[:min(len(lines), mostRows, max(1, height-4))]
	whole, tally := b.whole(now), b.tally(running)
	if len(b.indices) > 0 {
		lines = append(lines, whole)
	}
	frame := layOut(lines, width-1)
	if tally != "" {
		frame = append(frame, text.Trim(tally, width-1))
	}
	return frame
}

func (r *row) line(now time.Time) line {
	l := line{name: r.name, fraction: -1, index: r.index}
	if r.total > 0 {
		l.fraction = float64(r.done) / float64(r.total)
	}
	docs, bytes := r.meter.rate(now)
	counted := ""
	if r.meter.docs > 0 {
		counted = count(r.meter.docs) + " docs"
	}
	l.cells = []cell{
		{percent(l.fraction), 4, 0},
		{counted, 11, 2},
		{perSecond(docs), 10, 1},
		{bytesPerSecond(bytes), 11, 4},
		{left(now.Sub(r.began), l.fraction), 12, 1},
		{"", 12, 3},
		{r.phase, 13, 5},
	}
	if r.numbered {
		l.weight = r.total
		l.cells[5].text = count(r.total-r.done) + " to go"
	}
	if !r.index {
		l.cells[6].text = "for " + clock(now.Sub(r.began))
	}
	return l
}

// whole is the row of all indices together.
func (b *Board) whole(now time.Time) line {
	l := line{name: "all", fraction: b.fraction()}
	docs, bytes := b.meter.rate(now)
	l.cells = []cell{
		{percent(l.fraction), 4, 0},
		{count(b.meter.docs) + " docs", 11, 2},
		{perSecond(docs), 10, 1},
		{bytesPerSecond(bytes), 11, 4},
		{left(now.Sub(b.began), l.fraction), 12, 1},
		{b.lag(), 12, 3},
		{"for " + clock(now.Sub(b.began)), 13, 5},
	}
	return l
}

// lag is what is outstanding of all indices that are known by it.
func (b *Board) lag() string {
	lag, known := int64(0), false
	for name := range b.indices {
		if r := b.rows[name]; r != nil && r.numbered {
			lag, known = lag+r.total-r.done, true
		} else if n, ok := b.lags[name]; ok {
			lag, known = lag+n, true
		} else if goal := b.goals[name]; goal > 0 && !b.indices[name] {
			lag, known = lag+goal, true
		}
	}
	if !known {
		return ""
	}
	return count(lag) + " to go"
}

// fraction is how much of all indices is done, large ones weighing more where
// their size is known.
func (b *Board) fraction() float64 {
	var done, all float64
	for name, over := range b.indices {
		weight, part := float64(b.goals[name])+1, 0.0
		if r := b.rows[name]; r != nil && r.total > 0 {
			part = float64(r.done) / float64(r.total)
			if r.numbered {
				weight = max(weight, float64(r.total))
			}
		}
		if over {
			part = 1
		}
		done, all = done+part*weight, all+weight
	}
	if all == 0 {
		return -1
	}
	return done / all
}

// tally counts indices, and tells how the target takes them.
func (b *Board) tally(running int) string {
	var parts []string
	done := 0
	for _, over := range b.indices {
		if over {
			done++
		}
	}
	if len(b.indices) > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d indices done, %d running", done, len(b.indices), running))
	}
	if b.writers > 0 {
		parts = append(parts, fmt.Sprintf("%d writers", b.writers))
	}
	if b.busy > 0 {
		parts = append(parts, fmt.Sprintf("target busy (429) %d times", b.busy))
	}
	return strings.Join(parts, ", ")
}

// layOut gives each line as text of at most this width.
func layOut(lines []line, width int) []string {
	names := 0
	for _, l := range lines {
		names = max(names, text.StringWidth(foreign.Line(l.name)))
	}
	names = min(names, widestName, max(8, width/3))
	keep := fitting(lines[0].cells, width-names-narrowestBar-3)
	bar := width - names - 3
	for _, c := range lines[0].cells {
		if c.rank < keep {
			bar -= c.width + 1
		}
	}
	bar = min(bar, widestBar)
	out := make([]string, len(lines))
	for i, l := range lines {
		name := text.Snip(foreign.Line(l.name), names, "~")
		s := strings.Builder{}
		s.WriteString(text.Pad(name, names, ' '))
		if bar >= narrowestBar {
			s.WriteString(" [" + drawn(l.fraction, bar) + "]")
		}
		for _, c := range l.cells {
			if c.rank < keep {
				_, _ = fmt.Fprintf(&s, " %*s", c.width, c.text) // a builder takes everything
			}
		}
		out[i] = text.Trim(strings.TrimRight(s.String(), " "), width)
	}
	return out
}

// fitting gives the rank from which on columns are left out.
func fitting(cells []cell, width int) int {
	const ranks = 6
	for keep := ranks; keep > 0; keep-- {
		need := 0
		for _, c := range cells {
			if c.rank < keep {
				need += c.width + 1
			}
		}
		if need <= width {
			return keep
		}
	}
	return 0
}

func drawn(fraction float64, width int) string {
	full := int(min(max(fraction, 0), 1) * float64(width))
	if full == width || full == 0 && fraction <= 0 {
		return strings.Repeat("=", full) + strings.Repeat(" ", width-full)
	}
	return strings.Repeat("=", full) + ">" + strings.Repeat(" ", width-full-1)
}

func percent(fraction float64) string {
	if fraction < 0 {
		return ""
	}
	return fmt.Sprintf("%d%%", int(min(fraction, 1)*100))
}

// count gives a number of three or four figures.
func count(n int64) string {
	switch {
	case n >= 1e10:
		return fmt.Sprintf("%.1fG", float64(n)/1e9)
	case n >= 1e7:
		return fmt.Sprintf("%.1fM", float64(n)/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.1fk", float64(n)/1e3)
	default:
		return strconv.FormatInt(n, 10)
	}
}

// perSecond is empty where documents are not what goes by.
func perSecond(docs float64) string {
	if docs <= 0 {
		return ""
	}
	return count(int64(docs)) + "/s"
}

func bytesPerSecond(bytes float64) string {
	if bytes <= 0 {
		return ""
	}
	return Size(int64(bytes)) + "/s"
}

// left is the time that the rest takes at the speed so far; empty while it is too
// early to tell.
func left(since time.Duration, fraction float64) string {
	const early, little = 3 * time.Second, 0.02
	if since < early || fraction < little || fraction >= 1 {
		return ""
	}
	return clock(time.Duration(float64(since)*(1-fraction)/fraction)) + " left"
}

// clock gives a duration as people say it.
func clock(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}
