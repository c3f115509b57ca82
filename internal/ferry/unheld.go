package ferry

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// BlockedError says that this process set write blocks, lost the ferry, and left
// the blocks to whoever holds it now.
type BlockedError struct {
	// Indices of the source that carry them.
	Indices []string
	// Err is why it is not known whether somebody counts on them; nil where somebody
	// does.
	Err error
}

// Error names the indices.
func (e *BlockedError) Error() string {
	message := fmt.Sprintf("the write blocks on %s stay: another process may have the ferry, and count on them", strings.Join(e.Indices, ", "))
	if e.Err != nil {
		message += fmt.Sprintf(" (%v)", e.Err)
	}
	return message
}

// Unwrap gives the cause.
func (e *BlockedError) Unwrap() error { return e.Err }

// NextStep is printed on a line of its own.
func (*BlockedError) NextStep() string {
	return "run esferry cutover, which goes on with the ferry, or esferry cutover abort, which lifts them"
}

// liftUnheld takes off the write blocks of a process that has lost the ferry. Its
// successor may be in the midst of a cutover, and a source that takes writes again
// would lose them: so they are lifted only where the store, as it is now, has
// nobody count on them, neither in a freeze nor after a switch. A block that this
// process set late, when its successor had lifted the others, goes in this way.
func (f *Ferry) liftUnheld(ctx context.Context, blocked []string) error {
	now, records, err := Load(ctx, f.store, f.options.Name)
	if err != nil {
		return &BlockedError{Indices: blocked, Err: err}
	}
	relied := now.Blocked
	for _, r := range records {
		if r.Phase == Switched {
			relied = append(relied, r.Index)
		}
	}
	free := slices.DeleteFunc(slices.Clone(blocked), func(index string) bool { return slices.Contains(relied, index) })
	if len(free) > 0 {
		if err := f.source.UnblockWrites(ctx, free); err != nil {
			return err
		}
	}
	if len(free) < len(blocked) {
		return &BlockedError{Indices: slices.DeleteFunc(slices.Clone(blocked), func(index string) bool { return slices.Contains(free, index) })}
	}
	return nil
}
