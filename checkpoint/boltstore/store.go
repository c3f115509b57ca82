package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"esferry/checkpoint"
)

// Store is a checkpoint.Store in one file. Safe for concurrent use.
type Store struct {
	path     string
	readOnly bool
	db       *bolt.DB
	file     *os.File
	// epoch of the lease that this Store gave out; 0 before Acquire.
	epoch atomic.Uint64
	// broken is set when bbolt panicked, and ends all use.
	broken atomic.Pointer[DamagedError]

	// exporting guards exported, the time of the last try.
	exporting sync.Mutex
	exported  time.Time

	closing sync.Once
	closed  error
}

// Acquire takes the lease. The file's lock keeps other processes away, so that
// it succeeds; a lease that this Store gave out before is lost.
func (s *Store) Acquire(ctx context.Context, holder checkpoint.Holder) (checkpoint.Lease, error) {
	var lease checkpoint.Lease
	err := s.update(ctx, func(tx *bolt.Tx) error {
		last, err := readLease(tx)
		if err != nil {
			return err
		}
		lease = checkpoint.Lease{Epoch: last.Epoch + 1, Holder: holder}
		return writeLease(tx, lease)
	})
	if err == nil {
		err = writeHolder(s.path, holder)
	}
	if err != nil {
		return checkpoint.Lease{}, fmt.Errorf("acquire the checkpoint store %s: %w", s.path, err)
	}
	s.epoch.Store(lease.Epoch)
	s.exportNowAndThen()
	return lease, nil
}

// Load implements checkpoint.Store.
func (s *Store) Load(ctx context.Context, key string) ([]byte, error) {
	var value []byte
	err := s.view(ctx, func(tx *bolt.Tx) error {
		sealed := records(tx).Get([]byte(key))
		if sealed == nil {
			return checkpoint.ErrNotFound
		}
		opened, err := unseal([]byte(key), sealed)
		value = bytes.Clone(opened)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load %q from the checkpoint store %s: %w", key, s.path, err)
	}
	return value, nil
}

// List implements checkpoint.Store.
func (s *Store) List(ctx context.Context, prefix string) ([]checkpoint.Record, error) {
	var out []checkpoint.Record
	err := s.view(ctx, func(tx *bolt.Tx) error {
		c := records(tx).Cursor()
		for k, sealed := c.Seek([]byte(prefix)); bytes.HasPrefix(k, []byte(prefix)) && k != nil; k, sealed = c.Next() {
			value, err := unseal(k, sealed)
			if err != nil {
				return err
			}
			out = append(out, checkpoint.Record{Key: string(k), Value: bytes.Clone(value)})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list %q in the checkpoint store %s: %w", prefix, s.path, err)
	}
	return out, nil
}

// Commit implements checkpoint.Store: epoch compared and records written in one
// transaction, on disk when it returns. After an error other than ErrLeaseLost
// or ctx's the commit may or may not be there: end the run, and load again. Of
// two records with one key the later counts.
func (s *Store) Commit(ctx context.Context, lease checkpoint.Lease, changes ...checkpoint.Record) error {
	err := s.update(ctx, func(tx *bolt.Tx) error {
		last, err := readLease(tx)
		if err != nil {
			return err
		}
		// A lease of before this Store was opened is one that Close gave back.
		if lease.Epoch == 0 || lease.Epoch != last.Epoch || lease.Epoch != s.epoch.Load() {
			return checkpoint.ErrLeaseLost
		}
		return write(tx, changes)
	})
	if err != nil {
		return fmt.Errorf("commit to the checkpoint store %s: %w", s.path, err)
	}
	s.exportNowAndThen()
	return nil
}

// Close exports the records, gives the lease back and closes the file, waiting
// for calls under way. The file is closed, and what was committed is durable,
// even where it returns an error. Later calls return the same.
func (s *Store) Close() error {
	s.closing.Do(func() {
		var errs []error
		if !s.readOnly {
			errs = append(errs, s.export(), removeHolder(s.path))
		}
		s.epoch.Store(0)
		if err := errors.Join(append(errs, s.shut())...); err != nil {
			s.closed = fmt.Errorf("close the checkpoint store %s: %w", s.path, err)
		}
	})
	return s.closed
}

func (s *Store) view(ctx context.Context, fn func(tx *bolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.guard(func() error { return s.db.View(fn) })
}

func (s *Store) update(ctx context.Context, fn func(tx *bolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.readOnly {
		return ErrReadOnly
	}
	return s.guard(func() error { return s.db.Update(fn) })
}

// guard runs what calls bbolt. A damaged file makes bbolt panic, and a shortened
// one makes the memory under it fault; either becomes a *DamagedError, and ends
// the Store's use, since locks inside bbolt may be held for ever.
func (s *Store) guard(fn func() error) (err error) {
	if broken := s.broken.Load(); broken != nil {
		return broken
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			broken := damaged(s.path, fmt.Sprintf("reading or writing it ended in %q", fmt.Sprint(v)))
			s.broken.Store(broken)
			err = broken
		}
	}()
	err = fn()
	switch {
	case errors.Is(err, bolterrors.ErrDatabaseNotOpen):
		return errors.New("it is closed")
	case errors.Is(err, errChecksum):
		return damaged(s.path, err.Error())
	default:
		return err
	}
}

// write puts the changes, and keeps the tally of all records.
func write(tx *bolt.Tx, changes []checkpoint.Record) error {
	bucket := records(tx)
	sum, err := readTally(tx)
	if err != nil {
		return err
	}
	for _, r := range changes {
		if r.Key == "" || !utf8.ValidString(r.Key) {
			return fmt.Errorf("a record's key must be text: %q", r.Key)
		}
		key := []byte(r.Key)
		sum = sum.less(bucket.Get(key))
		if r.Value == nil {
			err = bucket.Delete(key)
		} else {
			sealed := seal(key, r.Value)
			sum = sum.plus(sealed)
			err = bucket.Put(key, sealed)
		}
		if err != nil {
			return fmt.Errorf("write %q: %w", r.Key, err)
		}
	}
	return writeTally(tx, sum)
}
