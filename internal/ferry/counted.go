package ferry

import "fmt"

// CountError says that the two sides of an index count differently.
type CountError struct {
	Index string
	// Day of the index that was counted; empty for all of it.
	Day            string
	Source, Target int64
}

// Error names both counts.
func (e *CountError) Error() string {
	on := ""
	if e.Day != "" {
		on = " on " + e.Day
	}
	return fmt.Sprintf("index %s: %s%s: %d documents on the source, %d on the target", e.Index, ErrDifference, on, e.Source, e.Target)
}

// Unwrap makes it an ErrDifference.
func (*CountError) Unwrap() error { return ErrDifference }

// NextStep is printed on a line of its own.
func (*CountError) NextStep() string {
	return "esferry verify --level ids names the documents, and --repair carries just these, while the index is not switched"
}
