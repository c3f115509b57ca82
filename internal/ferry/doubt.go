package ferry

import (
	"context"
	"slices"
)

// inDoubt stands in the place of a history that no shard has.
const inDoubt = "in doubt since more was gone than max_delete allows"

// doubt takes the index's marks for broken. A source that suddenly hides more than
// is plausible, as to a user whose role was cut, may have hidden changes from the
// round before as well, which has moved the marks over them: the next one
// compares every document (protocol 1.7).
func (ix *index) doubt(ctx context.Context) error {
	return ix.change(ctx, func(rec *IndexRecord) {
		rec.Marks = slices.Clone(rec.Marks)
		for i := range rec.Marks {
			rec.Marks[i].History = inDoubt
		}
	})
}
