package sink

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/retry"
)

// errUnsettled says that conflicts are left which another look may settle: the
// documents moved meanwhile, or the target still remembers a deleted version.
var errUnsettled = errors.New("the target still refuses the version")

// settle finds a verdict for documents whose version the target refused
// (protocol 1.4): the same version there is a replay; a higher one means that
// the document changed on the source since, or was deleted and made anew with
// a lower version, which is repaired.
func (w *Writer) settle(ctx context.Context, docs []batch.Doc, v batch.Versioning) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, settlePatience)
	defer cancel()
	var sum Result
	for {
		r, left, err := w.settleOnce(ctx, docs, v)
		sum = sum.Add(r)
		if err != nil || len(left) == 0 {
			return sum, err
		}
		docs = left
		if err := retry.Sleep(ctx, 100*time.Millisecond); err != nil {
			return sum, fmt.Errorf("document %s of index %s: %w: %w", docs[0].ID, w.options.Index, errUnsettled, err)
		}
	}
}

func (w *Writer) settleOnce(ctx context.Context, docs []batch.Doc, v batch.Versioning) (r Result, left []batch.Doc, err error) {
	keys := keysOf(docs)
	there, err := w.target.Versions(ctx, w.options.Index, keys)
	if err != nil {
		return r, nil, err
	}
	here, err := w.source.Versions(ctx, w.options.SourceIndex, keys)
	if err != nil {
		return r, nil, err
	}
	var stale []Gone
	var again []batch.Doc
	for i := range docs {
		switch {
		case there[i].Found && there[i].Version == docs[i].Version:
			r.Replayed++
		case !here[i].Found || here[i].Version != docs[i].Version:
			// Deleted, changed or made anew since it was read: a later window
			// or the deletes bring what became of it.
			r.Superseded++
		case there[i].Found && there[i].Version > docs[i].Version:
			// Its version on the target can never be passed: delete it there first.
			stale = append(stale, Gone{Key: keys[i], Found: there[i]})
			again = append(again, docs[i])
		default:
			// Gone, or older by now: only the memory of a version is in the way.
			again = append(again, docs[i])
		}
	}
	if _, err := w.Delete(ctx, stale); err != nil {
		return r, nil, err
	}
	if len(again) == 0 {
		return r, nil, nil
	}
	// A refresh makes the target forget deleted versions, gc_deletes being 0.
	if err := w.target.Refresh(ctx, w.options.Index); err != nil {
		return r, nil, err
	}
	o, err := w.attempt(ctx, again, v)
	r.Repaired += o.result.Applied
	r.Requests += o.result.Requests
	r.Rejected += o.result.Rejected
	return r, append(o.conflicts, o.busy...), ignoreBusy(err)
}

// Gone is a document to be deleted from the target, and what was found there:
// the delete happens only if that still holds.
type Gone struct {
	Key   cluster.Key
	Found cluster.Found
}

// Delete removes documents from the target unless they changed there since
// they were found, and gives the count of those removed. A document that
// changed or is gone already is left to the caller's next look. It may be
// repeated after an error.
func (w *Writer) Delete(ctx context.Context, gone []Gone) (int64, error) {
	var removed int64
	for len(gone) > 0 {
		// Deletes are small: this stays far below any bound on a body.
		n := min(len(gone), 2000)
		err := retry.Do(ctx, w.options.Patience, func(ctx context.Context) error {
			count, err := w.deleteOnce(ctx, gone[:n])
			removed += count
			return err
		})
		if err != nil {
			return removed, fmt.Errorf("delete from index %s: %w", w.options.Index, err)
		}
		gone = gone[n:]
	}
	return removed, nil
}

func (w *Writer) deleteOnce(ctx context.Context, gone []Gone) (int64, error) {
	b := w.bodies.get()
	defer w.bodies.put(b)
	for _, g := range gone {
		b.remove(g.Key, g.Found)
	}
	items, err := w.target.Bulk(ctx, w.options.Index, w.options.Type, b.bytes(), len(gone))
	if err != nil {
		return 0, err
	}
	var removed int64
	busy := 0
	for i, item := range items {
		switch {
		case item.Status >= 200 && item.Status < 300:
			removed++
		case item.Status == http.StatusNotFound || item.Status == http.StatusConflict:
		case item.Status == http.StatusTooManyRequests || item.Status >= 500:
			busy++
		default:
			return removed, w.refused(batch.Doc{ID: []byte(gone[i].Key.ID)}, item)
		}
	}
	if busy > 0 {
		return removed, &busyError{index: w.options.Index, items: busy}
	}
	return removed, nil
}

func ignoreBusy(err error) error {
	if retry.Retryable(err) {
		return nil
	}
	return err
}

func keysOf(docs []batch.Doc) []cluster.Key {
	keys := make([]cluster.Key, len(docs))
	for i := range docs {
		keys[i] = keyOf(&docs[i])
	}
	return keys
}

func keyOf(d *batch.Doc) cluster.Key {
	return cluster.Key{ID: string(d.ID), Routing: string(d.Routing), Type: string(d.Type)}
}
