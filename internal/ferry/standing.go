package ferry

import (
	"errors"
	"fmt"
	"strings"
)

// StandingError says that a cutover did not get through its last steps, and that
// the source takes no writes until it does.
type StandingError struct {
	// Blocked indices of the source.
	Blocked []string
	// Err is what was in the way.
	Err error
}

// Error tells of the block, after what was in the way.
func (e *StandingError) Error() string {
	return fmt.Sprintf("%s; all was verified before, and the write blocks on %s stand until the switch is done", e.Err, strings.Join(e.Blocked, ", "))
}

// Unwrap gives what was in the way.
func (e *StandingError) Unwrap() error { return e.Err }

// NextStep is printed on a line of its own.
func (e *StandingError) NextStep() string {
	const again = "run esferry cutover again at once: it finishes the switch"
	var hint interface{ NextStep() string }
	if errors.As(e.Err, &hint) && hint.NextStep() != "" {
		return hint.NextStep() + "; then " + again
	}
	return "remove what is in the way, then " + again
}
