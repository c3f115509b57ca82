package main

import (
	"errors"
	"fmt"

	"esferry/internal/config"
	"esferry/snapshotpath/bucket/layout"
)

// foreignError says that the root in the source's bucket does not name a
// snapshot that the source's engine has: somebody else's root is newer, or the
// bucket is another one.
type foreignError struct {
	snapshot, bucket string
	err              error
}

// Error names both.
func (e *foreignError) Error() string {
	return fmt.Sprintf("the newest root in bucket %s does not name snapshot %s, which the source's engine has made: another cluster writes to this repository, or snapshot.copy.from is another place",
		e.bucket, e.snapshot)
}

// Unwrap gives the cause.
func (e *foreignError) Unwrap() error { return e.err }

// NextStep is printed on a line of its own.
func (*foreignError) NextStep() string {
	return "compare snapshot.copy.from with the settings of the repository; where they agree, find the other cluster, register the repository readonly there, and use another bucket or base_path here"
}

// ofOurs tells a snapshot that was never there from one that our engine made.
func ofOurs(err error, snapshot string, from config.Bucket) error {
	if _, missing := errors.AsType[*layout.MissingError](err); missing {
		return &foreignError{snapshot: snapshot, bucket: from.Bucket, err: err}
	}
	return err
}
