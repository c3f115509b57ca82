package boltstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	bolt "go.etcd.io/bbolt/errors"

	"esferry/checkpoint"
)

// ErrReadOnly is returned by Acquire and Commit of a store that was opened by
// OpenReadOnly.
var ErrReadOnly = errors.New("the checkpoint store is open for reading only")

// DamagedError says that a store's file is not, or no longer, what this package
// wrote. Nothing was changed.
type DamagedError struct {
	// Path of the file.
	Path string
	// Reason is what is wrong with it.
	Reason string
	// Export reports whether an export lies beside it.
	Export bool
}

// Error names the file.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("the checkpoint store %s is damaged: %s", e.Path, e.Reason)
}

// NextStep is printed on a line of its own.
func (e *DamagedError) NextStep() string {
	if e.Export {
		return fmt.Sprintf("move %s away and bring its last export (%s) back with esferry checkpoint restore; what was done since is done again", e.Path, e.Path+exportSuffix)
	}
	return fmt.Sprintf("no export lies beside it: bring %s back from a backup, or move it away and start the ferry anew", e.Path)
}

// MissingError says that there is no store, although its export is there: to
// start anew would lose the ferry's state, and a block it may have set.
type MissingError struct {
	// Path of the file that is missing.
	Path string
}

// Error names both files.
func (e *MissingError) Error() string {
	return fmt.Sprintf("the checkpoint store %s is missing, but its export %s is there", e.Path, e.Path+exportSuffix)
}

// NextStep is printed on a line of its own.
func (e *MissingError) NextStep() string {
	return fmt.Sprintf("bring it back with esferry checkpoint restore, or move %s away to start the ferry anew", e.Path+exportSuffix)
}

// SchemaError says that a newer esferry wrote the store.
type SchemaError struct {
	// Path of the file.
	Path string
	// Is the file's schema, Knows the newest that this esferry can read.
	Is, Knows int
}

// Error names both schemas.
func (e *SchemaError) Error() string {
	return fmt.Sprintf("%s was written by a newer esferry: its schema is %d, and this one knows up to %d", e.Path, e.Is, e.Knows)
}

// NextStep is printed on a line of its own.
func (e *SchemaError) NextStep() string {
	return "run the newer esferry, or give this ferry another checkpoint.path"
}

// errChecksum is under every error about a value that was not written so.
var errChecksum = errors.New("the checksum is wrong")

func damaged(path, reason string) *DamagedError {
	_, err := os.Lstat(path + exportSuffix)
	return &DamagedError{Path: path, Reason: reason, Export: err == nil}
}

// judge makes of an error from bbolt what a caller can act on: the file is
// held, or the system refuses, or the file is damaged.
func judge(path string, err error) error {
	var (
		refused *fs.PathError
		errno   syscall.Errno
		held    *checkpoint.HeldError
		known   *DamagedError
		newer   *SchemaError
	)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bolt.ErrTimeout):
		return &checkpoint.HeldError{Holder: readHolder(path)}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &held), errors.As(err, &known), errors.As(err, &newer), errors.As(err, &refused), errors.As(err, &errno):
		return err
	default:
		return damaged(path, err.Error())
	}
}
