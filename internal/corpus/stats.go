package corpus

import (
	"fmt"
	"time"
)

// Stats is what a Writer has done.
type Stats struct {
	// Inserted, Updated and Deleted documents were taken by the engine. Remade
	// ones were deleted and written again, with the same id and routing.
	Inserted, Updated, Deleted, Remade int
	// Revived ones were written again a while after they were deleted.
	Revived int
	// Refused documents were turned away by the write block of an index.
	Refused int
	// Failed documents met any other error, or an answer that never came.
	// FirstError says what the first one was.
	Failed     int
	FirstError string
	// LastWrite is when the engine last took something, FirstRefusal when it
	// first refused. Pause is the longest time between two writes that it took.
	LastWrite, FirstRefusal time.Time
	Pause                   time.Duration
}

// Done counts what the engine took.
func (s Stats) Done() int { return s.Inserted + s.Updated + s.Deleted + s.Remade + s.Revived }

// String gives one line.
func (s Stats) String() string {
	line := fmt.Sprintf("%d inserted, %d updated, %d deleted, %d made anew, %d revived, %d refused by the write block, %d failed, longest pause %.2f s",
		s.Inserted, s.Updated, s.Deleted, s.Remade, s.Revived, s.Refused, s.Failed, s.Pause.Seconds())
	if s.FirstError != "" {
		line += "; first error: " + s.FirstError
	}
	return line
}

// tally is Stats as they grow.
type tally struct{ Stats }

// taken notes that the engine took something at this moment.
func (t *tally) taken(now time.Time) {
	if !t.LastWrite.IsZero() {
		t.Pause = max(t.Pause, now.Sub(t.LastWrite))
	}
	t.LastWrite = now
}

// refused notes one document that met a write block.
func (t *tally) refused(now time.Time) {
	t.Refused++
	if t.FirstRefusal.IsZero() {
		t.FirstRefusal = now
	}
}

// failed notes n documents that met another error.
func (t *tally) failed(n int, why string) {
	t.Failed += n
	if t.FirstError == "" {
		t.FirstError = why
	}
}

func (t *tally) count(k kind) {
	switch k {
	case insert:
		t.Inserted++
	case update:
		t.Updated++
	case remove:
		t.Deleted++
	case remake:
		t.Remade++
	case revive:
		t.Revived++
	}
}
