package layout

import "fmt"

// ShapeError says that something has a shape that this package does not know:
// an engine newer than it, or older than Elasticsearch 2.
type ShapeError struct {
	// What was read, and Reason what is wrong with it.
	What, Reason string
}

// Error names both.
func (e *ShapeError) Error() string {
	return fmt.Sprintf("read %s: %s", e.What, e.Reason)
}

// CorruptError says that a file is not what an engine wrote: its checksum or
// its frame is wrong.
type CorruptError struct {
	// What was read, and Reason what is wrong with it.
	What, Reason string
}

// Error names both.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is damaged: %s", e.What, e.Reason)
}

// NextStep is printed on a line of its own.
func (e *CorruptError) NextStep() string {
	return "compare it with the other side's (esferry repo verify --contents), or take another snapshot"
}

// MissingError says that a repository holds no snapshot of that name.
type MissingError struct{ Snapshot string }

// Error names it.
func (e *MissingError) Error() string {
	return "the repository holds no snapshot named " + e.Snapshot
}

// NextStep is printed on a line of its own.
func (e *MissingError) NextStep() string {
	return "name one that the source's engine lists (GET _snapshot/REPOSITORY/_all)"
}

// RefusedError says why a snapshot is not carried: what is in the repository
// would not be all of it.
type RefusedError struct {
	// Snapshot is its name, Index the index that is the reason; empty where it
	// is the whole snapshot.
	Snapshot, Index string
	// Reason continues "the snapshot ".
	Reason string
	// Hint is the operator's next step.
	Hint string
}

// Error names snapshot, index and reason.
func (e *RefusedError) Error() string {
	if e.Index != "" {
		return fmt.Sprintf("index %s in snapshot %s %s", e.Index, e.Snapshot, e.Reason)
	}
	return fmt.Sprintf("snapshot %s %s", e.Snapshot, e.Reason)
}

// NextStep is printed on a line of its own.
func (e *RefusedError) NextStep() string { return e.Hint }
