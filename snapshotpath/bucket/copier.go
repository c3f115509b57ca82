package bucket

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"esferry/snapshotpath/bucket/layout"
)

// passes over a repository that is written while it is copied.
const passes = 5

// Copier copies a repository. Its Copy may be repeated at any time: what is
// there is not copied again. One call at a time.
type Copier struct {
	From, To *Bucket
	// Snapshots by name: only these and their indices are copied, found by the
	// repository's own metadata. Empty is the whole repository.
	Snapshots []string
	// Partial accepts chosen snapshots that lack shards.
	Partial bool
	// Quiet returns when nobody writes to the source's repository; it is asked
	// before each pass. Nil where that cannot be known.
	Quiet func(ctx context.Context) error
	// BytesPerSecond bounds what is read through us; 0 is no bound. What a
	// service copies by itself is not counted.
	BytesPerSecond int64
	// Lender has other processes copy what is most of it, within that bound; nil
	// for none.
	Lender Lender
	// Observe hears of objects done, of how many, and of bytes, in one pass; may
	// be nil.
	Observe func(done, total, bytes int64)
}

// Report is what a copy did.
type Report struct {
	// Copied went over; Skipped was there already.
	Copied  Total `json:"copied"`
	Skipped Total `json:"skipped"`
	// Lent is what of Copied other processes have copied: for a ferry with workers.
	Lent Total `json:"-"`
	// Source is the whole repository, or what was looked at of chosen snapshots,
	// and Target the same keys on the other side: both agree.
	Source Total `json:"source"`
	Target Total `json:"target"`
	// Foreign lies on either side and belongs to no repository, LeftOver on the
	// source is what engines leave lying about, Kept on the target what the
	// source has no more. None of them was touched.
	Foreign  Aside `json:"foreign"`
	LeftOver Aside `json:"left_over"`
	Kept     Aside `json:"kept"`
	// Passes is more than one where the repository moved under the copy.
	Passes int `json:"passes"`
	// Aborted counts uploads that a killed run had left open.
	Aborted int64 `json:"aborted_uploads"`
	// Snapshots are the chosen ones that were carried, and There those that were
	// there already, whole, and were not looked at again.
	Snapshots []string `json:"snapshots,omitempty"`
	There     []string `json:"snapshots_there,omitempty"`
	// Unread says why the whole repository was copied although snapshots were
	// chosen; empty where its metadata could be read.
	Unread string `json:"unread,omitempty"`
}

// MovedError says that the source's repository was written on while it was
// copied, more often than anyone should wait for.
type MovedError struct{ Bucket string }

// Error names the bucket.
func (e *MovedError) Error() string {
	return fmt.Sprintf("the repository in %s was written again and again while it was copied", e.Bucket)
}

// NextStep is printed on a line of its own.
func (e *MovedError) NextStep() string {
	return "pause other snapshots and clean-ups of this repository, then run again"
}

// ArchivedError says that objects cannot be read before they are restored.
type ArchivedError struct {
	Bucket, Class string
	Objects       Aside
}

// Error names bucket, storage class and the first object.
func (e *ArchivedError) Error() string {
	return fmt.Sprintf("%d objects of %s (%d bytes) lie in storage class %s and cannot be read at once, the first is %s",
		e.Objects.Objects, e.Bucket, e.Objects.Bytes, e.Class, e.Objects.Keys[0])
}

// NextStep is printed on a line of its own.
func (e *ArchivedError) NextStep() string {
	return "restore them (aws s3api restore-object, or the provider's batch restore) and wait until they are readable, take the repository's prefix out of the lifecycle rule, then run again"
}

// ShallowError refuses a repository with snapshots of OpenSearch that hold
// references to a remote store, and no segments: a copy of it restores nothing.
type ShallowError struct{ Bucket, Key string }

// Error names the first of their files.
func (e *ShallowError) Error() string {
	return fmt.Sprintf("the repository in %s holds shallow copies, which are references to a remote store without segments: %s", e.Bucket, e.Key)
}

// NextStep is printed on a line of its own.
func (e *ShallowError) NextStep() string {
	return "take a snapshot into a repository without remote_store_index_shallow_copy, and copy that"
}

// errEmpty is a source without a repository.
var errEmpty = errors.New("it holds no snapshot repository")

// Plan lists both sides once and says what a copy would do. It changes nothing.
// Its errors are those that Copy would refuse with.
func (c *Copier) Plan(ctx context.Context) (Plan, error) {
	if len(c.Snapshots) > 0 {
		v, err := c.survey(ctx)
		if _, unknown := errors.AsType[*layout.ShapeError](err); !unknown {
			return v.plan, err
		}
	}
	return c.planWhole(ctx)
}

func (c *Copier) planWhole(ctx context.Context) (Plan, error) {
	p, err := c.compare(ctx)
	if err != nil {
		return p, err
	}
	if newest(p.roots).Key == "" {
		return p, &Error{Op: "copy", Bucket: c.From.String(), Err: errEmpty}
	}
	if p.shallow != "" {
		return p, &ShallowError{Bucket: c.From.String(), Key: p.shallow}
	}
	if err := c.refuseHashed(ctx, newest(p.roots)); err != nil {
		return p, err
	}
	if p.Archived.Objects > 0 {
		return p, &ArchivedError{Bucket: c.From.String(), Class: p.class, Objects: p.Archived}
	}
	return p, c.refuseForeign(ctx, &p)
}

// Copy makes the target's repository what the source's is, or adds the chosen
// snapshots to it.
func (c *Copier) Copy(ctx context.Context) (Report, error) {
	var (
		sum  Report
		last error
	)
	pass := c.pass
	if len(c.Snapshots) > 0 {
		pass = c.passChosen
	}
	for range passes {
		sum.Passes++
		if c.Quiet != nil {
			if err := c.Quiet(ctx); err != nil {
				return sum, err
			}
		}
		done, err := pass(ctx, &sum)
		if unknown, ok := errors.AsType[*layout.ShapeError](err); ok && sum.Unread == "" {
			sum.Unread, pass = unknown.Error(), c.pass
			continue
		}
		if done || err != nil && !gone(err) {
			return sum, err
		}
		// It moved, or an object vanished: list again.
		last = err
	}
	if last != nil {
		return sum, last
	}
	return sum, &MovedError{Bucket: c.From.String()}
}

// pass copies once what the target lacks, stage by stage. It is done when the
// source's root is what it was, and the target holds it all.
func (c *Copier) pass(ctx context.Context, sum *Report) (done bool, err error) {
	p, err := c.planWhole(ctx)
	if err != nil {
		return false, err
	}
	sum.Skipped, sum.Foreign, sum.LeftOver, sum.Kept = p.Skipped, p.Foreign, p.LeftOver, p.Kept
	t := newTransfer(c, p.Missing, p.roots)
	defer func() { t.tally.addTo(sum) }()
	if err := t.stages(ctx, p, sum); err != nil {
		return false, err
	}
	if err := t.proveLent(ctx); err != nil {
		return false, err
	}
	if moved, err := c.moved(ctx, p.roots); err != nil || moved {
		return false, err
	}
	// In order, one after the other: the highest generation last.
	for _, o := range append(p.Copy[Generations], p.Copy[Latest]...) {
		if err := t.all(ctx, []Object{o}); err != nil {
			return false, err
		}
	}
	return c.agree(ctx, p, sum)
}

// stages copies all but the root's index-N and index.latest.
func (t *transfer) stages(ctx context.Context, p Plan, sum *Report) error {
	aborted, err := t.to.abandoned(ctx, slices.Concat(p.Copy[:]...))
	sum.Aborted += aborted
	for _, stage := range []Stage{Blobs, Shards, Root} {
		if err == nil {
			err = t.all(ctx, p.Copy[stage])
		}
	}
	return err
}

// agree lists both sides again where anything was copied: each object of the
// source must be there, in full, and the source's root as it was.
func (c *Copier) agree(ctx context.Context, p Plan, sum *Report) (bool, error) {
	now := p
	if p.Unlike != "" {
		again, err := c.compare(ctx)
		if err != nil {
			return false, err
		}
		now = again
	}
	if moved, err := c.moved(ctx, p.roots); err != nil || moved {
		return false, err
	}
	if now.Unlike != "" {
		return false, &Error{Op: opCompare, Bucket: c.To.String(), Key: now.Unlike, Err: errors.New("it is not there in full after the copy")}
	}
	sum.Source, sum.Target = now.Source, now.Target
	return true, nil
}

// moved reports whether the source's root is not what it was.
func (c *Copier) moved(ctx context.Context, was []Object) (bool, error) {
	now, err := c.From.roots(ctx)
	return !slices.EqualFunc(now, was, func(a, b Object) bool {
		return a.Key == b.Key && a.Size == b.Size && a.ETag == b.ETag && a.Changed.Equal(b.Changed)
	}), err
}

// compare lists both sides and says what the target lacks.
func (c *Copier) compare(ctx context.Context) (Plan, error) {
	p, err := scan(ctx, c, Diff)
	if err != nil {
		return p, err
	}
	return c.settled(ctx, p)
}

// settled decides what listings leave open.
func (c *Copier) settled(ctx context.Context, p Plan) (Plan, error) {
	if len(p.doubts) == 0 {
		return p, nil
	}
	md5s, err := c.md5s(ctx, p.doubts[0].Pair)
	p.settle(md5s)
	return p, err
}

// scan walks both listings in lock step, and sorts them first where a service
// does not.
func scan[T any](ctx context.Context, c *Copier, fold func(iter.Seq2[Pair, error]) (T, error)) (T, error) {
	found, err := fold(Merge(c.From.List(ctx), c.To.List(ctx)))
	if errors.Is(err, ErrUnsorted) {
		return fold(Merge(Sort(c.From.List(ctx)), Sort(c.To.List(ctx))))
	}
	return found, err
}

// md5s asks both sides about an object whose ETags differ: where keys of KMS or
// the customer's own encrypt it, they are no MD5s.
func (c *Copier) md5s(ctx context.Context, p Pair) (bool, error) {
	for b, o := range map[*Bucket]Object{c.From: p.Source, c.To: p.Target} {
		head, err := b.stat(ctx, o.Key)
		if e, ok := errors.AsType[*Error](err); ok && e.Status == http.StatusNotFound {
			// It has just been deleted; the copy will list again.
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if head.SSECustomerAlgorithm != nil || slices.Contains([]types.ServerSideEncryption{types.ServerSideEncryptionAwsKms, types.ServerSideEncryptionAwsKmsDsse}, head.ServerSideEncryption) {
			return false, nil
		}
	}
	return true, nil
}

// tellEvery keeps 40,000 small objects from making as many events.
const tellEvery = 200 * time.Millisecond

// tally counts what is done.
type tally struct {
	observe func(done, total, bytes int64)
	total   Total

	mu          sync.Mutex
	told        time.Time
	done, bytes int64
	// lent objects are there, by another process's word.
	lent []Object
}

// add counts bytes that are there, and objects that are complete.
func (t *tally) add(bytes, objects int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done += objects
	t.bytes += bytes
	if t.observe != nil && (time.Since(t.told) > tellEvery || t.done == t.total.Objects) {
		t.told = time.Now()
		t.observe(t.done, t.total.Objects, t.bytes)
	}
}

// addLent counts objects that another process has copied.
func (t *tally) addLent(objects []Object) {
	var sum Total
	for _, o := range objects {
		sum.add(o)
	}
	t.mu.Lock()
	t.lent = append(t.lent, objects...)
	t.mu.Unlock()
	t.add(sum.Bytes, sum.Objects)
}

// addTo adds what is done.
func (t *tally) addTo(sum *Report) {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum.Copied.Objects, sum.Copied.Bytes = sum.Copied.Objects+t.done, sum.Copied.Bytes+t.bytes
	for _, o := range t.lent {
		sum.Lent.add(o)
	}
}
