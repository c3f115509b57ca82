package ferry

import (
	"fmt"
	"time"
)

// FreezeTooLongError says that writers were held back for as long as the operator
// allows, so that the freeze was lifted.
type FreezeTooLongError struct{ Limit time.Duration }

// Error names the limit.
func (e *FreezeTooLongError) Error() string {
	return fmt.Sprintf("the freeze took longer than cutover.max_freeze (%s)", e.Limit)
}

// NextStep is printed on a line of its own.
func (e *FreezeTooLongError) NextStep() string {
	return "see by esferry cutover --rehearse what takes so long, or raise cutover.max_freeze, and cut over again"
}
