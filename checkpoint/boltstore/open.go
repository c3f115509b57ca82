package boltstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"

	"esferry/checkpoint"
)

// lockTimeout is how long another process's lock is waited for: longer than a
// look by status takes, shorter than an operator's patience.
const lockTimeout = time.Second

var _ checkpoint.Store = (*Store)(nil)

// Open opens the store at path for writing, and makes it, with its folder,
// where there is none. While another process has it open, the error is a
// *checkpoint.HeldError; a file that cannot be trusted gives a *DamagedError,
// *MissingError or *SchemaError and is left as it is.
func Open(ctx context.Context, path string) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open the checkpoint store %s: %w", path, err)
	}
	if err := ensure(path); err != nil {
		return nil, fmt.Errorf("open the checkpoint store: %w", err)
	}
	s, err := open(ctx, path, false)
	if err != nil {
		return nil, fmt.Errorf("open the checkpoint store: %w", err)
	}
	// Whoever wrote it is gone, or the lock would not be ours.
	if err := removeHolder(path); err != nil {
		return nil, errors.Join(fmt.Errorf("open the checkpoint store: %w", err), s.shut())
	}
	return s, nil
}

// OpenReadOnly opens the store at path for Load and List, while nobody writes
// to it: several may at once. A missing file is an error that wraps
// fs.ErrNotExist; the other errors are those of Open.
func OpenReadOnly(ctx context.Context, path string) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open the checkpoint store %s: %w", path, err)
	}
	s, err := open(ctx, path, true)
	if err != nil {
		return nil, fmt.Errorf("open the checkpoint store: %w", err)
	}
	return s, nil
}

// ensure makes an empty store where there is no file.
func ensure(path string) error {
	_, err := os.Stat(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Lstat(path + exportSuffix); err == nil {
		return &MissingError{Path: path}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	err = create(path, func(*bolt.Tx) error { return nil })
	if errors.Is(err, fs.ErrExist) {
		// Another process was quicker.
		return nil
	}
	return err
}

// create makes the file under another name, complete, and links it to its own:
// whoever opens it, at whatever moment, finds no half-made file, so that an
// empty one is always damage. Where there is a file it stays, and the error
// wraps fs.ErrExist.
func create(path string, fill func(tx *bolt.Tx) error) error {
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name()) //nolint:errcheck // a leftover is not taken for anything
	if err := draft.Close(); err != nil {
		return err
	}
	if err := initialize(draft.Name(), fill); err != nil {
		return err
	}
	err = os.Link(draft.Name(), path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		// A file system without links: the crash-proof way is not to be had.
		err = initialize(path, fill)
	}
	if err != nil {
		return err
	}
	return syncFolder(path)
}

func initialize(path string, fill func(tx *bolt.Tx) error) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockTimeout, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return judge(path, err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		if err := lay(tx); err != nil {
			return err
		}
		return fill(tx)
	})
	return errors.Join(err, db.Close())
}

func open(ctx context.Context, path string, readOnly bool) (*Store, error) {
	s := &Store{path: path, readOnly: readOnly}
	options := &bolt.Options{
		Timeout: lockTimeout, FreelistType: bolt.FreelistMapType, ReadOnly: readOnly,
		OpenFile: func(path string, flag int, mode os.FileMode) (*os.File, error) {
			// Without bbolt's habit of making a file where there is none.
			file, err := os.OpenFile(path, flag&^os.O_CREATE, mode)
			if err != nil {
				return nil, err
			}
			s.file = file
			return file, s.admit(ctx, file)
		},
	}
	err := s.guard(func() (err error) {
		if s.db, err = bolt.Open(path, 0o600, options); err != nil {
			return judge(path, err)
		}
		return judge(path, s.db.View(s.verify))
	})
	if err != nil {
		return nil, errors.Join(err, s.shut())
	}
	return s, nil
}

// admit lets bbolt have the file once its lock is ours and its pages are sound.
// bbolt would fill an empty file, and trust whatever is in any other.
func (s *Store) admit(ctx context.Context, file *os.File) error {
	if err := s.await(ctx, file); err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return damaged(s.path, "it is empty")
	}
	return judge(s.path, inspect(file, info.Size()))
}

// await waits for the file's lock until lockTimeout is over or ctx ends.
func (s *Store) await(ctx context.Context, file *os.File) error {
	late := time.NewTimer(lockTimeout)
	defer late.Stop()
	again := time.NewTicker(lockTimeout / 20)
	defer again.Stop()
	for {
		busy, err := lock(file, !s.readOnly)
		if err != nil {
			return fmt.Errorf("lock %s: %w", s.path, err)
		}
		if !busy {
			return nil
		}
		select {
		case <-again.C:
		case <-late.C:
			return &checkpoint.HeldError{Holder: readHolder(s.path)}
		case <-ctx.Done():
			return fmt.Errorf("wait for the lock of %s: %w", s.path, ctx.Err())
		}
	}
}

// shut ends the use of the file. A database that broke is not closed, since a
// panic may have left its locks held.
func (s *Store) shut() error {
	if s.db != nil && s.broken.Load() == nil {
		return s.guard(s.db.Close)
	}
	if s.file == nil {
		return nil
	}
	if err := errors.Join(unlock(s.file), s.file.Close()); err != nil && !errors.Is(err, fs.ErrClosed) && !errors.Is(err, syscall.EBADF) {
		return fmt.Errorf("close %s: %w", s.path, err)
	}
	return nil
}
