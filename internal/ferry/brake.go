package ferry

import (
	"fmt"

	"esferry/sink"
)

// brakeFloor: below so many deletes the brake stays open, since a share of
// a tiny index means nothing.
const brakeFloor = 100

// TooManyDeletesError is the brake: the run would delete more than plausible,
// which is what a role with partial sight looks like (protocol 2).
type TooManyDeletesError struct {
	Index           string
	Deletes, Target int64
	Share           float64
}

// Error names the figures.
func (e *TooManyDeletesError) Error() string {
	return fmt.Sprintf("index %s: at least %d of %d documents on the target are gone on the source, more than max_delete allows (%.0f%%); none of them was deleted",
		e.Index, e.Deletes, e.Target, 100*e.Share)
}

// NextStep is printed on a line of its own.
func (e *TooManyDeletesError) NextStep() string {
	return "check that the source's user sees every document; if they were really deleted, raise max_delete and run again"
}

// brake counts documents that were found to be gone, of all shards together, and
// fails where that is more than one look may delete. Nothing is deleted before all
// of them were found: shard by shard each might stay below a share of the index.
func (s *sides) brake(found int) error {
	gone, share := s.gone.Add(int64(found)), s.index.ferry.options.MaxDelete
	if gone <= brakeFloor || float64(gone) <= share*float64(s.there) {
		return nil
	}
	return &TooManyDeletesError{Index: s.rec.Index, Deletes: gone, Target: s.there, Share: share}
}

// further says whether to go on with what was found in a shard, so many just now.
func (s *sides) further(found []sink.Gone, just int) error {
	if s.judge != nil {
		return s.judge(found)
	}
	return s.brake(just)
}
