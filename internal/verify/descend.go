package verify

import (
	"context"
	"encoding/json"
	"fmt"

	"esferry/internal/group"
	"esferry/internal/shard"
)

const (
	// firstRanges of a shard in the coarsest histogram.
	firstRanges = 256
	// A finer histogram divides each range that differs into at least leastFan,
	// and into more where few differ: with clauses ranges at once, a request stays
	// under the engines' 10,000 buckets and 1,024 clauses.
	leastFan = 16
	mostFan  = 256
	clauses  = 500
	buckets  = 9000
)

// Counter counts the live documents of a shard by their sequence numbers: in w,
// and where within is not empty only in its windows. Buckets are interval wide,
// begin at its multiples, and come sorted; those without documents are left out.
type Counter interface {
	Count(ctx context.Context, w shard.Window, within []shard.Window, interval int64) ([]shard.Bucket, error)
}

// Side is an engine that counts.
type Side interface {
	Histogram(ctx context.Context, p shard.Position, w shard.Window, query json.RawMessage, interval int64) ([]shard.Bucket, error)
}

// Primary is one side's primary of a shard.
type Primary struct {
	Side     Side
	Position shard.Position
}

// Count asks the engine.
func (p Primary) Count(ctx context.Context, w shard.Window, within []shard.Window, interval int64) ([]shard.Bucket, error) {
	w.Shard = p.Position.Shard
	var query json.RawMessage
	if len(within) > 0 {
		query = Ranges(within)
	}
	return p.Side.Histogram(ctx, p.Position, w, query, interval)
}

// Difference is a range of sequence numbers in which the target holds more
// live documents than the source.
type Difference struct {
	Window shard.Window
	// Source and Target are the counts.
	Source, Target int64
}

// Descend finds the ranges of the window in which the two count different
// documents, with about as many in them for each one that differs as is worth it;
// 1 ends with those that differ alone. Both must share sequence numbers there: a
// restored shard and its source, at or below the watermark before the snapshot
// (protocol 2.2), or a shard now and as it was before (protocol 2.4).
func Descend(ctx context.Context, source, target Counter, w shard.Window, worth int64) ([]Difference, error) {
	interval := max(1, w.Span()/firstRanges)
	found, err := compare(ctx, source, target, w, nil, interval)
	for err == nil && interval > 1 && !cheap(found, worth) {
		interval = max(1, interval/min(mostFan, max(leastFan, buckets/int64(len(found)))))
		found, err = finer(ctx, source, target, w, found, interval)
	}
	if err != nil {
		return nil, fmt.Errorf("compare %s with its source: %w", w, err)
	}
	return found, nil
}

// cheap reports whether reading the ranges costs little against what differs.
func cheap(found []Difference, worth int64) bool {
	var read, differ int64
	for _, d := range found {
		read += d.Target
		differ += max(d.Target-d.Source, d.Source-d.Target)
	}
	return read <= worth*differ
}

func finer(ctx context.Context, source, target Counter, w shard.Window, found []Difference, interval int64) ([]Difference, error) {
	var out []Difference
	for len(found) > 0 {
		n := min(len(found), clauses)
		part, err := compare(ctx, source, target, w, Windows(found[:n]), interval)
		if err != nil {
			return nil, err
		}
		out, found = append(out, part...), found[n:]
	}
	return out, nil
}

// Windows gives where the differences are.
func Windows(found []Difference) []shard.Window {
	out := make([]shard.Window, len(found))
	for i := range found {
		out[i] = found[i].Window
	}
	return out
}

// Ranges gives the query that holds just the windows.
func Ranges(within []shard.Window) json.RawMessage {
	type bounds struct {
		GT  int64 `json:"gt"`
		LTE int64 `json:"lte"`
	}
	should := make([]any, 0, len(within))
	for _, w := range within {
		should = append(should, map[string]any{"range": map[string]any{"_seq_no": bounds{w.From, w.To}}})
	}
	query, err := json.Marshal(map[string]any{"bool": map[string]any{"should": should, "minimum_should_match": 1}})
	if err != nil {
		// Numbers and constant words always encode.
		return nil
	}
	return query
}

// compare counts on both sides and gives the ranges that differ.
func compare(ctx context.Context, source, target Counter, w shard.Window, within []shard.Window, interval int64) ([]Difference, error) {
	var here, there []shard.Bucket
	g, _ := group.New(ctx)
	g.Go("source of "+w.Shard.String(), func(ctx context.Context) (err error) {
		here, err = source.Count(ctx, w, within, interval)
		return err
	})
	g.Go("target "+w.Shard.String(), func(ctx context.Context) (err error) {
		there, err = target.Count(ctx, w, within, interval)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return differences(here, there, w, interval), nil
}

// differences walks two sorted histograms in lock step.
func differences(here, there []shard.Bucket, w shard.Window, interval int64) []Difference {
	var out []Difference
	for len(here) > 0 || len(there) > 0 {
		var from, source, target int64
		switch {
		case len(there) == 0 || len(here) > 0 && here[0].From < there[0].From:
			from, source, here = here[0].From, here[0].Docs, here[1:]
		case len(here) == 0 || there[0].From < here[0].From:
			from, target, there = there[0].From, there[0].Docs, there[1:]
		default:
			from, source, target = here[0].From, here[0].Docs, there[0].Docs
			here, there = here[1:], there[1:]
		}
		if source != target {
			part := shard.Window{Shard: w.Shard, From: max(w.From, from-1), To: min(w.To, from+interval-1)}
			out = append(out, Difference{Window: part, Source: source, Target: target})
		}
	}
	return out
}
