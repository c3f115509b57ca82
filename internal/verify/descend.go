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
	firstRanges = 1024
	// A finer histogram divides each range that differs into at least leastFan,
	// and into more where few differ: with clauses ranges at once, a request stays
	// under the engines' 10,000 buckets and 1,024 clauses.
	leastFan = 16
	mostFan  = 256
	clauses  = 500
	buckets  = 9000
	// worth is how many documents may be read for each one that differs.
	worth = 16
)

// Side is what the descent asks of an engine.
type Side interface {
	Histogram(ctx context.Context, p shard.Position, w shard.Window, query json.RawMessage, interval int64) ([]shard.Bucket, error)
}

// Primary is one side's primary of a shard.
type Primary struct {
	Side     Side
	Position shard.Position
}

// Difference is a range of sequence numbers in which the target holds more
// live documents than the source.
type Difference struct {
	Window shard.Window
	// Source and Target are the counts.
	Source, Target int64
}

// Descend finds the ranges of the window in which the two primaries count
// different documents. Both must share sequence numbers there: a restored
// shard and its source, at or below the watermark before the snapshot
// (protocol 2.2). The windows name the target's index.
func Descend(ctx context.Context, source, target Primary, w shard.Window) ([]Difference, error) {
	interval := max(1, w.Span()/firstRanges)
	found, err := compare(ctx, source, target, w, nil, interval)
	for err == nil && interval > 1 && !cheap(found) {
		interval = max(1, interval/min(mostFan, max(leastFan, buckets/int64(len(found)))))
		found, err = finer(ctx, source, target, w, found, interval)
	}
	if err != nil {
		return nil, fmt.Errorf("compare %s with its source: %w", w, err)
	}
	return found, nil
}

// cheap reports whether reading the ranges costs little against what differs.
func cheap(found []Difference) bool {
	var read, differ int64
	for _, d := range found {
		read += d.Target
		differ += max(d.Target-d.Source, d.Source-d.Target)
	}
	return read <= worth*differ
}

func finer(ctx context.Context, source, target Primary, w shard.Window, found []Difference, interval int64) ([]Difference, error) {
	var out []Difference
	for len(found) > 0 {
		n := min(len(found), clauses)
		part, err := compare(ctx, source, target, w, Ranges(found[:n]), interval)
		if err != nil {
			return nil, err
		}
		out, found = append(out, part...), found[n:]
	}
	return out, nil
}

// Ranges gives the query that holds just the differences' windows.
func Ranges(found []Difference) json.RawMessage {
	type bounds struct {
		GT  int64 `json:"gt"`
		LTE int64 `json:"lte"`
	}
	should := make([]any, 0, len(found))
	for _, d := range found {
		should = append(should, map[string]any{"range": map[string]any{"_seq_no": bounds{d.Window.From, d.Window.To}}})
	}
	query, err := json.Marshal(map[string]any{"bool": map[string]any{"should": should, "minimum_should_match": 1}})
	if err != nil {
		// Numbers and constant words always encode.
		return nil
	}
	return query
}

// compare counts on both sides and gives the ranges that differ.
func compare(ctx context.Context, source, target Primary, w shard.Window, query json.RawMessage, interval int64) ([]Difference, error) {
	var here, there []shard.Bucket
	g, _ := group.New(ctx)
	g.Go("measure "+source.Position.Shard.String(), func(ctx context.Context) (err error) {
		here, err = source.Side.Histogram(ctx, source.Position, shard.Window{Shard: source.Position.Shard, From: w.From, To: w.To}, query, interval)
		return err
	})
	g.Go("measure "+w.Shard.String(), func(ctx context.Context) (err error) {
		there, err = target.Side.Histogram(ctx, target.Position, w, query, interval)
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
