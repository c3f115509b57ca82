package sink

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// DeadLetters keeps rejected documents in a file, one JSON line each, whole and
// with the target's reason. They are customers' documents: the file is for its
// owner only. Safe for concurrent use.
type DeadLetters struct {
	path string
	mu   sync.Mutex
}

// DeadLetter is one line of the file.
type DeadLetter struct {
	Time    time.Time       `json:"time"`
	Index   string          `json:"index"`
	ID      json.RawMessage `json:"id"`
	Routing json.RawMessage `json:"routing,omitempty"`
	Version int64           `json:"version"`
	SeqNo   int64           `json:"seq_no"`
	Reason  string          `json:"reason"`
	Source  json.RawMessage `json:"source"`
}

// NewDeadLetters gives the dead letters at path; the file comes into being
// with the first one.
func NewDeadLetters(path string) *DeadLetters { return &DeadLetters{path: path} }

// Reject appends a document; it is on disk when Reject returns. A document
// whose window is read again after a crash may stand there twice.
func (l *DeadLetters) Reject(_ context.Context, r Rejection) error {
	line, err := json.Marshal(DeadLetter{
		Time: time.Now().UTC(), Index: r.Index, ID: r.Doc.ID, Routing: r.Doc.Routing,
		Version: r.Doc.Version, SeqNo: r.Doc.SeqNo, Reason: r.Reason, Source: r.Doc.Source,
	})
	if err != nil {
		return fmt.Errorf("encode a dead letter: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	file, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the dead letters: %w", err)
	}
	_, err = file.Write(append(line, '\n'))
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("write the dead letters: %w", err)
	}
	return nil
}
