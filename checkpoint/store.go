package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrNotFound is returned by Load for a key that holds nothing: a normal
	// state, distinct from a store that cannot be read.
	ErrNotFound = errors.New("no such record in the checkpoint store")
	// ErrLeaseLost is returned by Commit when the lease is not, or no longer,
	// the one that holds the ferry. Nothing was written.
	ErrLeaseLost = errors.New("the lease on this ferry is lost")
)

// Holder names the process that holds a ferry.
type Holder struct {
	Host  string    `json:"host"`
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
}

// HeldError is returned by Acquire, and by opening an embedded store, while
// another process holds the ferry.
type HeldError struct {
	// Holder is zero where the store could not tell.
	Holder Holder
}

// Error names host, pid and since when.
func (e *HeldError) Error() string {
	if e.Holder.PID == 0 {
		return "another process holds this ferry"
	}
	return fmt.Sprintf("another process holds this ferry: pid %d on %s since %s", e.Holder.PID, e.Holder.Host, e.Holder.Since.Format(time.RFC3339))
}

// NextStep is printed on a line of its own.
func (e *HeldError) NextStep() string {
	return "watch it with esferry status, or end it and run again; it resumes"
}

// Lease is the right to commit. Epoch rises with each Acquire, so that a
// process that lost its lease is refused for ever.
type Lease struct {
	Epoch  uint64 `json:"epoch"`
	Holder Holder `json:"holder"`
}

// Record is one key and its opaque value; a nil Value deletes the key.
type Record struct {
	Key   string
	Value []byte
}

// Store keeps opaque records durably and interprets nothing; owners of
// records do not store. Safe for concurrent use. A driver is right when it
// passes storetest.Run.
type Store interface {
	// Acquire takes the lease, or returns a *HeldError.
	Acquire(ctx context.Context, holder Holder) (Lease, error)
	// Load gives the value at key, or ErrNotFound.
	Load(ctx context.Context, key string) ([]byte, error)
	// List gives the records whose keys begin with prefix, sorted by key.
	List(ctx context.Context, prefix string) ([]Record, error)
	// Commit writes all records or none, durably, if the lease still holds;
	// otherwise it returns ErrLeaseLost.
	Commit(ctx context.Context, lease Lease, records ...Record) error
	// Close gives the lease back and ends the store's use.
	Close() error
}
