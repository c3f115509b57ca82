package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	text, err := encoded([]DeadLetter{NewDeadLetter(r)})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	file, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the dead letters: %w", err)
	}
	err = begin(file)
	if err == nil {
		_, err = file.Write(text)
	}
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

// notice is the file's first line: whoever finds the file reads what it is.
type notice struct {
	Kind   string `json:"type"`
	Schema int    `json:"schema"`
	Notice string `json:"notice"`
}

// deadLetterSchema is the version of the file's form; fields are only ever added
// to one.
const deadLetterSchema = 1

func firstLine() ([]byte, error) {
	line, err := json.Marshal(notice{
		Kind: "dead_letters", Schema: deadLetterSchema,
		Notice: "this file holds documents of the source, whole: protect it as you protect the index, and delete it when they are dealt with",
	})
	return append(line, '\n'), err
}

// begin makes a file ready for another letter: for its owner only, with its
// notice, and without a last line that a crash cut short.
func begin(file *os.File) error {
	if err := file.Chmod(0o600); err != nil {
		return err
	}
	whole, err := wholeLines(file)
	if err == nil {
		err = file.Truncate(whole)
	}
	if err == nil {
		_, err = file.Seek(whole, io.SeekStart)
	}
	if err != nil || whole > 0 {
		return err
	}
	line, err := firstLine()
	if err == nil {
		_, err = file.Write(line)
	}
	return err
}

// wholeLines gives how many bytes of a file are lines that have their end.
func wholeLines(file *os.File) (int64, error) {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return 0, err
	}
	last := make([]byte, 1)
	if _, err := file.ReadAt(last, size-1); err != nil || last[0] == '\n' {
		return size, err
	}
	text, err := io.ReadAll(io.NewSectionReader(file, 0, size))
	return int64(bytes.LastIndexByte(text, '\n') + 1), err
}

// encoded gives letters as lines.
func encoded(letters []DeadLetter) ([]byte, error) {
	var text []byte
	for i := range letters {
		line, err := json.Marshal(letters[i])
		if err != nil {
			return nil, fmt.Errorf("encode a dead letter: %w", err)
		}
		text = append(append(text, line...), '\n')
	}
	return text, nil
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
		if number == 1 {
			if noticed, err := isNotice(line); err != nil {
				return nil, fmt.Errorf("read the dead letters in %s: %w", l.path, err)
			} else if noticed {
				continue
			}
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

// isNotice reports whether a line is a file's notice, and refuses that of a newer
// esferry. Files of before had none.
func isNotice(line []byte) (bool, error) {
	var n notice
	_ = json.Unmarshal(line, &n) //nolint:errcheck // what cannot be read is no notice
	if n.Schema > deadLetterSchema {
		return true, fmt.Errorf("a newer esferry wrote them: their schema is %d, and this one knows up to %d", n.Schema, deadLetterSchema)
	}
	return n.Notice != "", nil
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
	text, err := encoded(letters)
	if err != nil {
		return err
	}
	first, err := firstLine()
	if err != nil {
		return fmt.Errorf("encode the dead letters: %w", err)
	}
	next := l.path + ".next"
	err = os.WriteFile(next, append(first, text...), 0o600)
	if err == nil {
		err = os.Rename(next, l.path)
	}
	if err != nil {
		return fmt.Errorf("write the dead letters: %w", err)
	}
	return nil
}
