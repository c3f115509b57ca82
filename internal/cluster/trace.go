package cluster

import (
	"log/slog"
	"net/http"
	"time"
)

// tracing logs each request, at level debug, once its answer begins: neither
// headers nor bodies, in which secrets and documents are.
type tracing struct {
	next   http.RoundTripper
	logger *slog.Logger
}

// RoundTrip implements http.RoundTripper.
func (t *tracing) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	answer, err := t.next.RoundTrip(r)
	attrs := []slog.Attr{
		slog.String("method", r.Method), slog.String("host", r.URL.Host), slog.String("path", r.URL.Path),
		slog.Int64("took_ms", time.Since(began).Milliseconds()),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	} else {
		attrs = append(attrs, slog.Int("status", answer.StatusCode))
	}
	t.logger.LogAttrs(r.Context(), slog.LevelDebug, "request", attrs...)
	return answer, err
}
