package ferry

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Days says which days are compared one by one.
type Days struct {
	// Field is the time field that tells a document's day, in UTC.
	Field string
	// From and To are the first and the last day.
	From, To time.Time
	// All goes on after a day that differs.
	All bool
}

// Day is one day of one index on both sides.
type Day struct {
	Day   string `json:"day"`
	Index string `json:"index"`
	// Source and Target count its live root documents (_count).
	Source int64 `json:"source_docs"`
	Target int64 `json:"target_docs"`
	Equal  bool  `json:"equal"`
	Moving bool  `json:"moving"`
	// Verification by ids or contents, where that was asked for.
	Verification *Verification `json:"verification,omitempty"`
}

// differs reports whether the day differs for certain.
func (d *Day) differs() bool {
	if d.Verification != nil {
		return d.Verification.differs()
	}
	return !d.Equal && !d.Moving
}

// NoSuchFieldError says that no document has the time field in these days.
type NoSuchFieldError struct{ Days }

// Error names field and days.
func (e *NoSuchFieldError) Error() string {
	return fmt.Sprintf("no document of either side has a time in %s from %s to %s", e.Field, e.From.Format(time.DateOnly), e.To.Format(time.DateOnly))
}

// NextStep is printed on a line of its own.
func (e *NoSuchFieldError) NextStep() string {
	return "correct --by-day, which names a date field of the documents, or the days"
}

// VerifyDays compares every index that is carried day by day, oldest first, and
// stops after the first day in which one differs. It gives the days that it
// compared, also with ErrDifference. That nothing has the field at all is an
// error, since it would look like equality.
func (f *Ferry) VerifyDays(ctx context.Context, q VerifyRequest, days Days) ([]Day, error) {
	indices, err := f.verifiable(q)
	if err != nil {
		return nil, err
	}
	if err := f.each(ctx, indices, func(ctx context.Context, ix *index) error {
		_, err := ix.compare(ctx)
		return err
	}); err != nil {
		return nil, err
	}
	var out []Day
	var different error
	docs := int64(0)
	for day := days.From; !day.After(days.To); day = day.AddDate(0, 0, 1) {
		found, err := f.verifyDay(ctx, indices, q, days.Field, day)
		if err != nil {
			return out, err
		}
		out = append(out, found...)
		for i := range found {
			docs += found[i].Source + found[i].Target
			if found[i].differs() && different == nil {
				different = &CountError{Index: found[i].Index, Day: found[i].Day, Source: found[i].Source, Target: found[i].Target}
			}
		}
		if different != nil && !days.All {
			break
		}
	}
	if docs == 0 {
		return out, &NoSuchFieldError{Days: days}
	}
	return out, different
}

// verifyDay compares one day of all indices.
func (f *Ferry) verifyDay(ctx context.Context, indices []*index, q VerifyRequest, field string, day time.Time) ([]Day, error) {
	query, err := within(field, day, day.AddDate(0, 0, 1))
	if err != nil {
		return nil, err
	}
	out := make([]Day, len(indices))
	at := map[*index]*Day{}
	for i, ix := range indices {
		out[i] = Day{Day: day.Format(time.DateOnly), Index: ix.id()}
		at[ix] = &out[i]
	}
	return out, f.each(ctx, indices, func(ctx context.Context, ix *index) error { return ix.verifyDay(ctx, q, query, at[ix]) })
}

// verifyDay compares the documents of an index that match the query of a day.
func (ix *index) verifyDay(ctx context.Context, q VerifyRequest, query json.RawMessage, d *Day) error {
	if q.Level != LevelCounts {
		v, err := ix.examine(ctx, q, query)
		if err != nil {
			return fmt.Errorf("compare the documents of index %s on %s: %w", ix.id(), d.Day, err)
		}
		d.Verification, d.Equal, d.Moving = &v, v.Equal, v.Moving
	}
	s := &sides{index: ix, rec: ix.snapshotRecord()}
	if err := s.countMatching(ctx, query); err != nil {
		return err
	}
	if d.Source, d.Target = s.here, s.there; d.Verification != nil {
		return nil
	}
	if d.Equal = s.here == s.there; d.Equal {
		return nil
	}
	// Only a difference has to be explained.
	again, err := ix.sides(ctx)
	if err != nil {
		return err
	}
	if err := again.countMatching(ctx, query); err != nil {
		return err
	}
	if err := again.watch(ctx); err != nil {
		return err
	}
	d.Source, d.Target, d.Equal, d.Moving = again.here, again.there, again.here == again.there, again.moving
	return nil
}

// within gives the query for documents from one time to before another.
func within(field string, from, until time.Time) (json.RawMessage, error) {
	// As milliseconds, so that the format of the field's own values does not count.
	bounds := map[string]any{"gte": from.UnixMilli(), "lt": until.UnixMilli(), "format": "epoch_millis"}
	query, err := json.Marshal(map[string]any{"range": map[string]any{field: bounds}})
	if err != nil {
		return nil, fmt.Errorf("build the query for %s: %w", from.Format(time.DateOnly), err)
	}
	return query, nil
}
