package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// every is how often progress may be told in plain lines: a run of hours must
// stay readable, and a minute without a word looks like a hang.
const every = 5 * time.Second

// Lines tells events as plain lines for people and log files. Safe for
// concurrent use; a line that cannot be written is dropped.
type Lines struct {
	mu  sync.Mutex
	out io.Writer
	// tallies hold what is going on, by phase and index.
	tallies map[string]*tally
}

type tally struct {
	done, total, docs, bytes int64
	told                     time.Time
}

var _ Observer = (*Lines)(nil)

// NewLines gives an observer that writes to out.
func NewLines(out io.Writer) *Lines {
	return &Lines{out: out, tallies: map[string]*tally{}}
}

// Observe implements Observer.
func (l *Lines) Observe(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Kind {
	case PhaseBegun:
		l.tell(e, "begins")
	case PhaseEnded:
		if e.Message != "" {
			l.tell(e, "stopped after %.1f s", e.Seconds)
			return
		}
		l.tell(e, "done in %.1f s", e.Seconds)
	case Progress:
		l.progress(e)
	case RoundEnded:
		l.tell(e, "round: %d documents in %.1f s, lag %d", e.Docs, e.Seconds, e.Lag)
	case Retried:
		l.tell(e, "tries again: %s", clean(e.Message))
	case Checked:
		l.tell(e, "%s", clean(e.Message))
	case Noted:
		l.tell(e, "note: %s", clean(e.Message))
	case Planned, Committed, Adapted:
	}
}

func (l *Lines) progress(e Event) {
	key := e.Phase + "/" + e.Index
	t := l.tallies[key]
	if t == nil {
		t = &tally{told: e.Time}
		l.tallies[key] = t
	}
	t.docs += e.Docs
	if e.Total > 0 {
		t.done, t.total, t.bytes = e.Done, e.Total, e.Bytes
	} else {
		t.bytes += e.Bytes
	}
	if e.Time.Sub(t.told) < every {
		return
	}
	t.told = e.Time
	if e.TotalFiles > 0 {
		l.tell(e, "%d of %d shards, %d of %d files, %s of %s", e.Done, e.Total, e.Files, e.TotalFiles, Size(e.Bytes), Size(e.TotalBytes))
		return
	}
	if t.total > 0 {
		l.tell(e, "%d of %d, %s", t.done, t.total, Size(t.bytes))
		return
	}
	if t.bytes == 0 {
		l.tell(e, "%d documents", t.docs)
		return
	}
	l.tell(e, "%d documents, %s", t.docs, Size(t.bytes))
}

func (l *Lines) tell(e Event, format string, args ...any) {
	what := strings.TrimSpace(e.Phase + " " + clean(e.Index))
	if what != "" {
		what += ": "
	}
	_, _ = fmt.Fprintf(l.out, "%s  %s%s\n", e.Time.Format("15:04:05"), what, fmt.Sprintf(format, args...)) // nobody waits for progress
}

// JSON tells events as JSON lines. Safe for concurrent use.
type JSON struct {
	mu  sync.Mutex
	out *json.Encoder
}

var _ Observer = (*JSON)(nil)

// NewJSON gives an observer that writes to out.
func NewJSON(out io.Writer) *JSON { return &JSON{out: json.NewEncoder(out)} }

// Observe implements Observer.
func (j *JSON) Observe(e Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	_ = j.out.Encode(e) //nolint:errcheck // nobody waits for progress
}

// Print writes a document that is no event, in line with the events.
func (j *JSON) Print(v any) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.out.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// Size gives bytes in the unit that fits.
func Size(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	case bytes >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(bytes)/(1<<10))
	default:
		return fmt.Sprintf("%d B", bytes)
	}
}

// clean makes foreign text, such as an index name or an engine's error, fit
// for a terminal: control bytes go.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
