package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"esferry/internal/foreign"
	"esferry/internal/report"
)

// logging is what --log-format and --verbose ask for.
type logging struct {
	format  string
	verbose bool
}

// The formats of a log.
const (
	logText = "text"
	logJSON = "json"
)

func (l *logging) flags(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&l.format, "log-format", logText, "text, or json: what goes to stderr, one object a line")
	flags.BoolVarP(&l.verbose, "verbose", "v", false, "log each request to the clusters, without headers and bodies")
}

// begin makes the log, once the flags are read. Those who reach a cluster find it
// in the context where requests are to be logged.
func (iv *invocation) begin(cmd *cobra.Command) error {
	if f := iv.logging.format; f != logText && f != logJSON {
		return &usageError{err: fmt.Errorf("--log-format %s is neither text nor json", f), hint: "give one of them"}
	}
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if iv.logging.verbose {
		options.Level = slog.LevelDebug
	}
	iv.logger = slog.New(slog.NewTextHandler(stderrOf{iv}, options))
	if iv.logging.format == logJSON {
		iv.logger = slog.New(slog.NewJSONHandler(foreign.JSON(stderrOf{iv}), options))
	}
	if iv.logging.verbose {
		cmd.SetContext(context.WithValue(cmd.Context(), tracerKey{}, iv.logger))
	}
	return nil
}

type tracerKey struct{}

// tracer gives the log that requests go to; nil for none.
func tracer(ctx context.Context) *slog.Logger {
	logger, _ := ctx.Value(tracerKey{}).(*slog.Logger)
	return logger
}

// stderrOf writes to where stderr leads by now: above the bars, where there are
// any.
type stderrOf struct{ *invocation }

// Write implements io.Writer.
func (s stderrOf) Write(p []byte) (int, error) {
	return s.stderr.Write(p) //nolint:wrapcheck // a writer gives the writer's own error
}

// logged tells events as log records, where the log is JSON.
func (iv *invocation) logged() (report.Observer, bool) {
	if iv.logger == nil || iv.logging.format != logJSON {
		return nil, false
	}
	return report.NewLog(iv.logger), true
}
