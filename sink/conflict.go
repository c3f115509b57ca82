package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
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
// (protocol 1.4): the same version and content there is a replay; the same
// version with another content means that the document was deleted and made
// anew until it had that version again; a higher version means that it changed
// on the source since, or was made anew with a lower one, which is repaired.
func (w *Writer) settle(ctx context.Context, docs []batch.Doc, v batch.Versioning) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, settlePatience)
	defer cancel()
	// A whole batch waits for these few, and the time for them is bounded.
	hurried := *w
	hurried.options.Urgency = func() int64 { return math.MaxInt64 }
	var sum Result
	for {
		r, left, err := hurried.settleOnce(ctx, docs, v)
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
	same, err := w.same(ctx, docs, keys, there)
	if err != nil {
		return r, nil, err
	}
	var stale []Gone
	var again, rewrite []batch.Doc
	for i := range docs {
		equal := there[i].Found && there[i].Version == docs[i].Version
		switch {
		case equal && same[i]:
			r.Replayed++
		case !current(here[i], docs[i]):
			// Deleted, changed or made anew since it was read: a later window
			// or the deletes bring what became of it.
			r.Superseded++
		case equal:
			rewrite = append(rewrite, docs[i])
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
	if len(rewrite) > 0 {
		o, err := w.attempt(ctx, rewrite, batch.ExternalGTE)
		r, left = r.repaired(o.result), o.undecided()
		if ignoreBusy(err) != nil {
			return r, left, err
		}
	}
	if len(again) == 0 {
		return r, left, nil
	}
	// The target forgets deleted versions by its clock, gc_deletes being 0; a
	// refresh does not help (seen on 2.4 to 7.10 and OpenSearch 2.19).
	if err := retry.Sleep(ctx, forgetting); err != nil {
		return r, nil, fmt.Errorf("wait for the target to forget deleted versions: %w", err)
	}
	o, err := w.attempt(ctx, again, v)
	return r.repaired(o.result), append(left, o.undecided()...), ignoreBusy(err)
}

// current reports whether the source still holds the document as it was read:
// the same operation, where operations are numbered.
func current(here cluster.Found, d batch.Doc) bool {
	return here.Found && here.Version == d.Version && (d.SeqNo < 0 || here.SeqNo < 0 || here.SeqNo == d.SeqNo)
}

// same tells for each document that the target holds under the same version
// whether the content is the same, too.
func (w *Writer) same(ctx context.Context, docs []batch.Doc, keys []cluster.Key, there []cluster.Found) ([]bool, error) {
	same := make([]bool, len(docs))
	at := map[cluster.Key]int{}
	var equal []cluster.Key
	for i := range docs {
		if !there[i].Found || there[i].Version != docs[i].Version {
			continue
		}
		if w.options.Contents == nil {
			same[i] = true
			continue
		}
		at[keys[i]] = i
		equal = append(equal, keys[i])
	}
	if len(equal) == 0 {
		return same, nil
	}
	var line bytes.Buffer
	for b, err := range w.options.Contents.Fetch(ctx, equal) {
		if err != nil {
			return nil, err
		}
		for j := range b.Docs {
			i := at[cluster.KeyOf(&b.Docs[j])]
			line.Reset()
			if err = docs[i].Line(&line); err != nil {
				break
			}
			same[i] = bytes.Equal(line.Bytes(), b.Docs[j].Source)
		}
		b.Release()
		if err != nil {
			return nil, err
		}
	}
	return same, nil
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
		left := gone[:n]
		err := retry.Do(ctx, w.options.Patience, func(ctx context.Context) error {
			count, busy, err := w.deleteOnce(ctx, left)
			removed += count
			if err == nil && len(busy) > 0 {
				left, err = busy, &busyError{index: w.options.Index, items: len(busy)}
			}
			return err
		})
		if err != nil {
			return removed, fmt.Errorf("delete from index %s: %w", w.options.Index, err)
		}
		gone = gone[n:]
	}
	return removed, nil
}

// deleteOnce sends deletes once, and gives those that the target had no room
// for.
func (w *Writer) deleteOnce(ctx context.Context, gone []Gone) (removed int64, busy []Gone, err error) {
	items, err := w.bulk(ctx, len(gone), func(b *body) error {
		for _, g := range gone {
			b.remove(g.Key, g.Found)
		}
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	for i, item := range items {
		switch {
		case item.Status >= 200 && item.Status < 300:
			removed++
		case item.Status == http.StatusNotFound || item.Status == http.StatusConflict:
		case item.Error.Blocked(item.Status):
			return removed, nil, w.refused(batch.Doc{ID: []byte(gone[i].Key.ID)}, item)
		case unserved(item.Status):
			busy = append(busy, gone[i])
		default:
			return removed, nil, w.refused(batch.Doc{ID: []byte(gone[i].Key.ID)}, item)
		}
	}
	return removed, busy, nil
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
		keys[i] = cluster.KeyOf(&docs[i])
	}
	return keys
}
