package boltstore

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"esferry/checkpoint"
)

const (
	exportSuffix = ".json"
	exportType   = "checkpoint_export"
	// exportEvery bounds what exports cost a busy ferry.
	exportEvery = time.Second
)

// export is the file beside the store, as Restore reads it.
type export struct {
	Type     string           `json:"type"`
	Schema   int              `json:"schema"`
	Exported time.Time        `json:"exported"`
	Lease    checkpoint.Lease `json:"lease"`
	// Tally is that of the store, so that a damaged export is not believed.
	Tally tally `json:"tally"`
	// Records are values that are JSON, byte by byte as they were committed.
	Records map[string]json.RawMessage `json:"records"`
	// Binary are all others, in base64.
	Binary map[string][]byte `json:"binary"`
}

// exportNowAndThen renews the export if the last try is long enough ago. It is
// no part of a commit's promise: a failure shows at Close, which tries again.
func (s *Store) exportNowAndThen() {
	if !s.exporting.TryLock() {
		return
	}
	due := time.Since(s.exported) >= exportEvery
	s.exporting.Unlock()
	if due {
		_ = s.export() //nolint:errcheck // see above
	}
}

// export writes all records to the file beside the store, atomically. An export
// that cannot be made leaves the one of before.
func (s *Store) export() error {
	s.exporting.Lock()
	defer s.exporting.Unlock()
	s.exported = time.Now()
	var text bytes.Buffer
	err := s.guard(func() error { return s.db.View(func(tx *bolt.Tx) error { return describe(&text, tx) }) })
	if err != nil {
		return fmt.Errorf("export the records: %w", err)
	}
	return writeFile(s.path+exportSuffix, text.Bytes())
}

// describe prints the export by hand: encoding/json would respell the values.
func describe(text *bytes.Buffer, tx *bolt.Tx) error {
	head := export{Type: exportType, Schema: schema, Exported: time.Now().UTC()}
	var err error
	if head.Lease, err = readLease(tx); err != nil {
		return err
	}
	if head.Tally, err = readTally(tx); err != nil {
		return err
	}
	var plain, other []string
	err = records(tx).ForEach(func(k, sealed []byte) error {
		value, err := unseal(k, sealed)
		if err != nil {
			return err
		}
		name, err := json.Marshal(string(k))
		if err != nil {
			return err
		}
		if exact(value) {
			plain = append(plain, fmt.Sprintf("%s: %s", name, value))
		} else {
			other = append(other, fmt.Sprintf("%s: %q", name, base64.StdEncoding.EncodeToString(value)))
		}
		return nil
	})
	if err != nil {
		return err
	}
	line, err := json.Marshal(head)
	if err != nil {
		return err
	}
	// head ends with its two empty maps.
	text.Write(bytes.TrimSuffix(line, []byte(`"records":null,"binary":null}`)))
	fmt.Fprintf(text, "\n\"records\": {\n%s\n},\n\"binary\": {\n%s\n}}\n", strings.Join(plain, ",\n"), strings.Join(other, ",\n"))
	return nil
}

// exact reports whether a decoder would give the value back byte by byte: it
// drops the space around.
func exact(value []byte) bool {
	return json.Valid(value) && len(bytes.TrimSpace(value)) == len(value)
}

// Restore makes the store at path from the export beside it, for a file that
// was damaged and moved away. What was committed after the export is lost,
// which is safe: it is carried again. A file at path is an error.
func Restore(ctx context.Context, path string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("restore the checkpoint store %s: %w", path, err)
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("restore the checkpoint store: %s is in the way; move it away first", path)
	}
	text, err := os.ReadFile(path + exportSuffix)
	if err != nil {
		return fmt.Errorf("restore the checkpoint store: %w", err)
	}
	var e export
	if err := json.Unmarshal(text, &e); err != nil {
		return fmt.Errorf("restore the checkpoint store from %s: %w", path+exportSuffix, err)
	}
	if e.Type != exportType || e.Schema < 1 {
		return fmt.Errorf("restore the checkpoint store: %s is not an export of one", path+exportSuffix)
	}
	if e.Schema > schema {
		return fmt.Errorf("restore the checkpoint store: %w", &SchemaError{Path: path + exportSuffix, Is: e.Schema, Knows: schema})
	}
	if err := create(path, e.fill); err != nil {
		return fmt.Errorf("restore the checkpoint store from %s: %w", path+exportSuffix, err)
	}
	return nil
}

// fill puts what was exported into a new store.
func (e export) fill(tx *bolt.Tx) error {
	changes := make([]checkpoint.Record, 0, len(e.Records)+len(e.Binary))
	for k, v := range e.Records {
		changes = append(changes, checkpoint.Record{Key: k, Value: v})
	}
	for k, v := range e.Binary {
		changes = append(changes, checkpoint.Record{Key: k, Value: append([]byte{}, v...)})
	}
	if err := write(tx, changes); err != nil {
		return err
	}
	made, err := readTally(tx)
	if err != nil {
		return err
	}
	if made != e.Tally {
		return errors.New("it is not complete, or was changed by hand")
	}
	return writeLease(tx, e.Lease)
}
