package sink

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"time"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/retry"
)

// Target is what a writer asks of the engine it writes to.
type Target interface {
	Bulk(ctx context.Context, index, typ string, ndjson []byte, items int) ([]cluster.Item, error)
	Versions(ctx context.Context, index string, keys []cluster.Key) ([]cluster.Found, error)
}

// Source is what a writer asks of the engine the documents come from, to
// settle conflicts.
type Source interface {
	Versions(ctx context.Context, index string, keys []cluster.Key) ([]cluster.Found, error)
}

// Contents reads documents of the target by their keys, as it holds them now;
// those it does not hold are left out.
type Contents interface {
	Fetch(ctx context.Context, keys []cluster.Key) iter.Seq2[*batch.Batch, error]
}

// Options of a Writer.
type Options struct {
	// Contents of the target tell a replay from a document that was made anew
	// with the version it had; nil takes each equal version for a replay.
	Contents Contents
	// SourceIndex is where the documents come from.
	SourceIndex string
	// Index is where they go.
	Index string
	// Alias of the index that is written through; empty for none. Where it
	// cannot be the name of an index, an index that vanishes does not come back
	// by itself with guessed mappings (protocol 6).
	Alias string
	// Type is the documents' type, for targets that want one; else empty.
	Type string
	// Controller of the target, shared by all its writers; nil for one of its own.
	Controller *Controller
	// Urgency tells how urgent this index is beside others, where requests wait
	// for their turn; nil for not at all.
	Urgency func() int64
	// Reject keeps a rejected document; nil stops the run at the first one.
	Reject func(ctx context.Context, r Rejection) error
	// Patience is how long a busy target is tried.
	Patience retry.Policy
}

// Writer writes batches to one index. Safe for concurrent use.
type Writer struct {
	target  Target
	source  Source
	options Options
	bodies  *bodies
}

// NewWriter gives a writer from one engine's index to another's.
func NewWriter(source Source, target Target, o Options) *Writer {
	if o.Controller == nil {
		o.Controller = NewController(Limits{}, nil)
	}
	if o.Urgency == nil {
		o.Urgency = func() int64 { return 0 }
	}
	return &Writer{source: source, target: target, options: o, bodies: &bodies{}}
}

// Write sends the batch's documents and returns when each has its verdict. On
// an error some of them may have been applied; writing the batch again is
// harmless. It does not release the batch.
func (w *Writer) Write(ctx context.Context, b *batch.Batch) (Result, error) {
	var sum Result
	for left := b.Docs; len(left) > 0; {
		var docs []batch.Doc
		docs, left = w.body(left)
		r, err := w.write(ctx, docs, b.Versioning)
		sum = sum.Add(r)
		if err != nil {
			return sum, fmt.Errorf("write %s: %w", b.Window, err)
		}
	}
	if sum.Documents() != int64(len(b.Docs)) {
		return sum, fmt.Errorf("write %s: %d documents have a verdict where %d were sent", b.Window, sum.Documents(), len(b.Docs))
	}
	return sum, nil
}

// write sends documents until none is left without a verdict.
func (w *Writer) write(ctx context.Context, docs []batch.Doc, v batch.Versioning) (Result, error) {
	var sum Result
	left, conflicts := docs, []batch.Doc(nil)
	err := retry.Do(ctx, w.options.Patience, func(ctx context.Context) error {
		o, err := w.pass(ctx, left, v)
		sum = sum.Add(o.result)
		conflicts = append(conflicts, o.conflicts...)
		left = o.busy
		if err == nil && len(left) > 0 {
			err = &busyError{index: w.options.Index, items: len(left)}
		}
		return err
	})
	if err != nil || len(conflicts) == 0 {
		return sum, err
	}
	settled, err := w.settle(ctx, conflicts, v)
	return sum.Add(settled), err
}

// outcome is what one attempt made of its documents.
type outcome struct {
	result    Result
	conflicts []batch.Doc
	// busy documents have no verdict yet.
	busy []batch.Doc
}

// undecided documents have no verdict yet.
func (o outcome) undecided() []batch.Doc { return slices.Concat(o.conflicts, o.busy) }

func (o outcome) add(p outcome) outcome {
	return outcome{result: o.result.Add(p.result), conflicts: append(o.conflicts, p.conflicts...), busy: append(o.busy, p.busy...)}
}

// pass sends documents once. Bodies may have to be smaller than they had when
// the documents were chosen.
func (w *Writer) pass(ctx context.Context, docs []batch.Doc, v batch.Versioning) (outcome, error) {
	var sum outcome
	for len(docs) > 0 {
		var part []batch.Doc
		part, docs = w.body(docs)
		o, err := w.attempt(ctx, part, v)
		sum = sum.add(o)
		if err != nil {
			sum.busy = append(sum.busy, docs...)
			return sum, err
		}
	}
	return sum, nil
}

// attempt sends documents once; what is refused as a whole is halved.
func (w *Writer) attempt(ctx context.Context, docs []batch.Doc, v batch.Versioning) (outcome, error) {
	items, err := w.send(ctx, docs, v)
	o := outcome{result: Result{Requests: 1}}
	switch {
	case err == nil:
		judged, err := w.judge(ctx, docs, items)
		return o.add(judged), err
	case !cluster.TooLarge(err) && !cluster.BadRequest(err):
		if retry.Retryable(err) {
			o.result.Busy++
		}
		o.busy = docs
		return o, err
	case len(docs) == 1:
		rejected, err := w.reject(ctx, docs[0], cluster.Reason(err))
		return o.add(rejected), err
	}
	half := len(docs) / 2
	for _, part := range [][]batch.Doc{docs[:half], docs[half:]} {
		p, err := w.pass(ctx, part, v)
		o = o.add(p)
		if err != nil && !retry.Retryable(err) {
			return o, err
		}
	}
	return o, nil
}

func (w *Writer) send(ctx context.Context, docs []batch.Doc, v batch.Versioning) ([]cluster.Item, error) {
	return w.bulk(ctx, len(docs), func(body *body) error {
		body.grow(docs)
		for i := range docs {
			if err := body.index(&docs[i], v); err != nil {
				return err
			}
		}
		return nil
	})
}

// bulk sends one body when it is its turn; it is built no earlier, so that only
// those on their way take memory. Once it is on its way it is waited for, also
// when ctx ends: its documents then need not be sent again.
func (w *Writer) bulk(ctx context.Context, items int, fill func(b *body) error) ([]cluster.Item, error) {
	return w.options.Controller.send(ctx, w.options.Urgency(), items, func(ctx context.Context) (int, []cluster.Item, error) {
		body := w.bodies.get()
		defer w.bodies.put(body)
		if err := fill(body); err != nil {
			return 0, nil, err
		}
		ctx, free := retry.Linger(ctx, lastWords)
		defer free()
		verdicts, err := w.target.Bulk(ctx, w.destination(), w.options.Type, body.bytes(), items)
		return len(body.bytes()), verdicts, err
	})
}

// destination is the name that bulks are sent to.
func (w *Writer) destination() string {
	if w.options.Alias != "" {
		return w.options.Alias
	}
	return w.options.Index
}

// judge sorts documents by the target's verdicts.
func (w *Writer) judge(ctx context.Context, docs []batch.Doc, items []cluster.Item) (outcome, error) {
	var o outcome
	for i, item := range items {
		switch {
		case item.Status >= 200 && item.Status < 300:
			o.result.Applied++
		case item.Status == http.StatusConflict:
			o.conflicts = append(o.conflicts, docs[i])
		case item.Error.Blocked(item.Status):
			return o, w.refused(docs[i], item)
		case unserved(item.Status):
			o.result.Busy++
			o.busy = append(o.busy, docs[i])
		case item.Error.OfIndex():
			return o, w.refused(docs[i], item)
		case item.Status == http.StatusBadRequest || item.Status == http.StatusRequestEntityTooLarge:
			r, err := w.reject(ctx, docs[i], item.Error.String())
			if err != nil {
				return o, err
			}
			o = o.add(r)
		default:
			return o, w.refused(docs[i], item)
		}
	}
	return o, nil
}

func (w *Writer) reject(ctx context.Context, d batch.Doc, reason string) (outcome, error) {
	if w.options.Reject == nil {
		return outcome{}, &RejectedError{Index: w.options.Index, ID: string(d.ID), Reason: reason}
	}
	err := w.options.Reject(ctx, Rejection{SourceIndex: w.options.SourceIndex, Index: w.options.Index, Doc: d, Reason: reason})
	if err != nil {
		return outcome{}, fmt.Errorf("keep rejected document %s of index %s: %w", d.ID, w.options.Index, err)
	}
	return outcome{result: Result{Rejected: 1}}, nil
}

// refused is a verdict that concerns the index, not the document: a block, a
// missing index, a missing privilege.
func (w *Writer) refused(d batch.Doc, item cluster.Item) error {
	e := &cluster.Error{Op: "write document " + string(d.ID), Index: w.options.Index, URL: "the target", Status: item.Status}
	if item.Error != nil {
		e.Type, e.Reason = item.Error.Type, item.Error.Reason
	}
	switch item.Status {
	case http.StatusForbidden, http.StatusTooManyRequests:
		e.Hint = "lift the block on the target index, or free disk space there, then run again; it resumes"
		if g, ok := cluster.Missing(e.Reason); ok {
			e.Hint = g.Hint("target")
		}
	case http.StatusNotFound, http.StatusBadRequest:
		e.Hint = "the target index is gone or closed: esferry checkpoint reset " + w.options.SourceIndex + ", then run again"
		if w.options.Alias != "" {
			e.Hint = "look whether another process carries this ferry by now, with a copy of its store; if none does, " + e.Hint
		}
	}
	return e
}

// busyError says that the target had no room for some items.
type busyError struct {
	index string
	items int
}

// Error names index and count.
func (e *busyError) Error() string {
	return fmt.Sprintf("index %s: the target was too busy for %d documents", e.index, e.items)
}

// Temporary makes the items be sent again.
func (e *busyError) Temporary() bool { return true }

// body divides documents into those that fit into one body, and the others; one
// larger than that goes alone.
func (w *Writer) body(docs []batch.Doc) (first, others []batch.Doc) {
	most, held := w.options.Controller.Pace().BulkBytes, 0
	for i := range docs {
		held += docs[i].Size() + overhead
		if i > 0 && held > most {
			return docs[:i], docs[i:]
		}
	}
	return docs, nil
}

// lastWords bounds the wait for a bulk after ctx has ended.
const lastWords = 5 * time.Second

// settlePatience bounds the wait for the target to forget a deleted version:
// its clock for that ticks every 200 ms.
const settlePatience = 30 * time.Second

// forgetting is a little more than a tick of that clock.
const forgetting = 250 * time.Millisecond
