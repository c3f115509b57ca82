package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"esferry/internal/cluster"
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
	Time time.Time `json:"time"`
	// SourceIndex is where the document comes from, Index where it was refused.
	SourceIndex string          `json:"source_index"`
	Index       string          `json:"index"`
	ID          json.RawMessage `json:"id"`
	Routing     json.RawMessage `json:"routing,omitempty"`
	Type        json.RawMessage `json:"type,omitempty"`
	Version     int64           `json:"version"`
	SeqNo       int64           `json:"seq_no"`
	Reason      string          `json:"reason"`
	Source      json.RawMessage `json:"source"`
}

// Key names the document.
func (l *DeadLetter) Key() cluster.Key {
	return cluster.Key{ID: string(l.ID), Routing: string(l.Routing), Type: string(l.Type)}
}

// NewDeadLetter makes a letter of a rejection. It holds copies: the document's
// page may be released.
func NewDeadLetter(r Rejection) DeadLetter {
	return DeadLetter{
		Time: time.Now().UTC(), SourceIndex: r.SourceIndex, Index: r.Index,
		ID: bytes.Clone(r.Doc.ID), Routing: bytes.Clone(r.Doc.Routing), Type: bytes.Clone(r.Doc.Type),
		Version: r.Doc.Version, SeqNo: r.Doc.SeqNo, Reason: r.Reason, Source: bytes.Clone(r.Doc.Source),
	}
}

// NewDeadLetters gives the dead letters at path; the file comes into being
// with the first one.
func NewDeadLetters(path string) *DeadLetters { return &DeadLetters{path: path} }

// Reject appends a document; it is on disk when Reject returns. A document
// whose window is read again after a crash may stand there twice.
func (l *DeadLetters) Reject(_ context.Context, r Rejection) error {
	line, err := json.Marshal(NewDeadLetter(r))
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

// List gives the letters in the file, the newest of each document, oldest
// first. A last line that a crash cut short is left out: its document is still
// rejected when its window is read again.
func (l *DeadLetters) List() ([]DeadLetter, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text, err := os.ReadFile(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the dead letters: %w", err)
	}
	type name struct {
		index string
		key   cluster.Key
	}
	var all []DeadLetter
	at := map[name]int{}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		var d DeadLetter
		if err := json.Unmarshal(line, &d); err != nil {
			return nil, fmt.Errorf("read the dead letters: line %d of %s: %w", number, l.path, err)
		}
		n := name{d.SourceIndex, d.Key()}
		if i, twice := at[n]; twice {
			all[i] = d
			continue
		}
		at[n] = len(all)
		all = append(all, d)
	}
	return all, nil
}

// Replace makes the file hold these letters and no others, or leaves it as it
// was. Without letters the file goes.
func (l *DeadLetters) Replace(letters []DeadLetter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(letters) == 0 {
		if err := os.Remove(l.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove the dead letters: %w", err)
		}
		return nil
	}
	var text bytes.Buffer
	for i := range letters {
		line, err := json.Marshal(letters[i])
		if err != nil {
			return fmt.Errorf("encode a dead letter: %w", err)
		}
		text.Write(append(line, '\n'))
	}
	next := l.path + ".next"
	err := os.WriteFile(next, text.Bytes(), 0o600)
	if err == nil {
		err = os.Rename(next, l.path)
	}
	if err != nil {
		return fmt.Errorf("write the dead letters: %w", err)
	}
	return nil
}
