package report

import "log/slog"

// Log tells events as log records. Safe for concurrent use.
type Log struct{ logger *slog.Logger }

var _ Observer = (*Log)(nil)

// NewLog gives an observer that logs.
func NewLog(logger *slog.Logger) *Log { return &Log{logger: logger} }

// Observe implements Observer. What comes many times a second is for those who
// debug.
func (l *Log) Observe(e Event) {
	tell := l.logger.Info
	switch e.Kind {
	case Progress, Committed, Adapted, Planned:
		tell = l.logger.Debug
	case Retried:
		tell = l.logger.Warn
	case PhaseEnded:
		if e.Message != "" {
			tell = l.logger.Warn
		}
	case PhaseBegun, RoundEnded, Noted, Checked:
	}
	tell(string(e.Kind), attributes(e)...)
}

// attributes gives those fields that apply, under the names they have in JSON.
func attributes(e Event) []any {
	var attrs []any
	for _, f := range []struct{ key, value string }{{"phase", e.Phase}, {"index", e.Index}, {"message", e.Message}} {
		if f.value != "" {
			attrs = append(attrs, slog.String(f.key, f.value))
		}
	}
	if e.Window != (Event{}).Window {
		attrs = append(attrs, slog.String("window", e.Window.String()))
	}
	for _, f := range []struct {
		key   string
		value int64
	}{
		{"done", e.Done},
		{"total", e.Total},
		{"docs", e.Docs},
		{"bytes", e.Bytes},
		{"files", e.Files},
		{"total_files", e.TotalFiles},
		{"total_bytes", e.TotalBytes},
		{"lag", e.Lag},
		{"busy", e.Busy},
	} {
		if f.value != 0 {
			attrs = append(attrs, slog.Int64(f.key, f.value))
		}
	}
	if e.Seconds != 0 {
		attrs = append(attrs, slog.Float64("seconds", e.Seconds))
	}
	return attrs
}
