package bucket

import (
	"bytes"
	"context"
	stdmd5 "crypto/md5" //nolint:gosec // what S3 checks bodies by
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"esferry/internal/batch"
	"esferry/internal/group"
	"esferry/internal/retry"
)

const (
	// workers move objects at once: 40,000 small ones over a wire of 50 ms take
	// two minutes with so many. Some services slow down above a few hundred.
	workers = 32
	// partBytes is a piece of a large object, the least that S3 allows: many of
	// them move in parallel in the memory that is allowed.
	partBytes = 5 << 20
	// mostParts is what S3 allows of one object.
	mostParts = 10_000
	// memory bounds the bytes in flight.
	memory = 8 * partBytes
)

// means are what one process moves objects with, in one copy or for many bundles.
type means struct {
	gate    *gate
	budget  *batch.Budget
	buffers chan []byte
	// remote: the service copies by itself, as long as it does not refuse.
	remote atomic.Bool
	// unproven: the service's ETags do not tell what was written.
	unproven atomic.Bool
}

func newMeans() *means {
	return &means{gate: newGate(), budget: batch.NewBudget(memory), buffers: make(chan []byte, memory/partBytes)}
}

// transfer moves the objects of one pass, or of one bundle.
type transfer struct {
	*means
	from, to *Bucket
	// limit is this process's rate of bytes; nil for none. bound is what it shares.
	limit *throttle
	bound *bound
	// lender has other processes copy; nil for none.
	lender Lender
	// numbered: the root is one of an engine that numbers it.
	numbered bool
	tally    *tally
	uploads  uploads
}

func newTransfer(c *Copier, total Total, roots []Object) *transfer {
	t := &transfer{
		means: newMeans(), from: c.From, to: c.To, bound: newBound(c.BytesPerSecond), lender: c.Lender, numbered: numbered(roots),
		tally: &tally{observe: c.Observe, total: total},
	}
	t.limit = t.bound.throttle()
	t.remote.Store(c.From.behind(c.To))
	return t
}

// all moves a stage's objects, and returns when each is there, or with the
// first error. No upload is left open then.
func (t *transfer) all(ctx context.Context, objects []Object) error {
	// Twice over at most: what the service does not copy by itself goes through
	// us, and what it gives no proof of goes in parts.
	left, err := t.round(ctx, objects)
	for err == nil && len(left) > 0 {
		left, err = t.round(ctx, left)
	}
	return errors.Join(err, t.uploads.abort(ctx, t.to))
}

// round starts a piece of work for each object, and one for each part of a
// large one, and lends what others have room for. It gives back what has to go
// another way.
func (t *transfer) round(ctx context.Context, objects []Object) ([]Object, error) {
	s := newShelf(objects, func(key string) bool { return once(key, t.numbered) })
	g, inner := group.New(ctx)
	hiring, enough := context.WithCancel(inner)
	defer enough()
	// What the service copies by itself costs nobody anything.
	if t.lender != nil && !t.remote.Load() && s.plenty() {
		g.Go("lender", func(context.Context) error {
			t.lend(hiring, g, s)
			return nil
		})
	}
	var left detours
	for o, more := s.take(inner); more; o, more = s.take(inner) {
		if err := t.move(inner, g, o, &left); err != nil {
			// Another piece's error, most often, which Wait returns.
			return nil, errors.Join(g.Wait(), unlessEnded(err))
		}
	}
	enough()
	if err := g.Wait(); err != nil {
		return nil, err
	}
	// It may have ended before the shelf was empty.
	return left.objects, ctx.Err()
}

// detours are objects that have to go another way than they were sent.
type detours struct {
	mu      sync.Mutex
	objects []Object
}

func (d *detours) add(o Object) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.objects = append(d.objects, o)
}

// move starts the work for one object.
func (t *transfer) move(ctx context.Context, g *group.Group, o Object, left *detours) error {
	var way func(ctx context.Context, o Object) (bool, error)
	switch {
	case t.remote.Load():
		way = t.remotely
	case o.Size <= partBytes:
		way = t.small
	case o.Size <= streamBytes && !t.unproven.Load():
		way = t.stream
	default:
		return t.large(ctx, g, o)
	}
	return t.start(ctx, g, o.Key, func(ctx context.Context) error {
		done, err := way(ctx, o)
		if err == nil && !done {
			left.add(o)
		}
		return err
	})
}

// unlessEnded drops the error of an ended context: its cause is told elsewhere.
func unlessEnded(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// start runs fn when the gate has a place for it.
func (t *transfer) start(ctx context.Context, g *group.Group, key string, fn func(ctx context.Context) error) error {
	if err := t.gate.enter(ctx); err != nil {
		return err
	}
	g.Go("copy of "+key, func(ctx context.Context) error {
		defer t.gate.leave()
		return fn(ctx)
	})
	return nil
}

// try asks a service, patiently, and lets the gate hear of its troubles.
func (t *transfer) try(ctx context.Context, b *Bucket, op, key string, fn func(ctx context.Context) error) error {
	return b.try(ctx, retry.Policy{Notify: t.gate.heard}, op, key, fn)
}

// small moves an object in one piece.
func (t *transfer) small(ctx context.Context, o Object) (bool, error) {
	err := t.piece(ctx, o, 0, o.Size, func(ctx context.Context, data []byte, sum *string) error {
		out, err := t.to.client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &t.to.name, Key: t.to.key(o.Key), Body: bytes.NewReader(data), ContentLength: aws.Int64(o.Size), ContentMD5: sum,
		}, t.unsigned())
		if err == nil && out.ETag == nil {
			return fmt.Errorf("%w: it does not say what was written", errBroken)
		}
		return err
	})
	if err == nil {
		t.tally.add(o.Size, 1)
	}
	return err == nil, err
}

// piece reads length bytes of an object, within the memory allowed, and hands
// them to write, with what proves them.
func (t *transfer) piece(ctx context.Context, o Object, from, length int64, write func(ctx context.Context, data []byte, sum *string) error) error {
	data, put, err := t.buffer(ctx, length)
	if err != nil {
		return err
	}
	defer put()
	err = t.try(ctx, t.from, opRead, o.Key, func(ctx context.Context) error { return t.from.fill(ctx, t.limit, o, from, data) })
	if err != nil {
		return err
	}
	var sum *string
	if !t.to.amazon {
		// The signature covers the MD5, and the MD5 the body: to hash it twice
		// proves nothing more.
		digest := stdmd5.Sum(data) //nolint:gosec // as above
		sum = aws.String(base64.StdEncoding.EncodeToString(digest[:]))
	}
	return t.try(ctx, t.to, opWrite, o.Key, func(ctx context.Context) error { return write(ctx, data, sum) })
}

// buffer waits for length bytes of the memory allowed. Those of small objects
// are garbage afterwards; those of parts are used again.
func (t *transfer) buffer(ctx context.Context, length int64) (data []byte, put func(), err error) {
	reused := length > partBytes/2 && length <= partBytes
	size := length
	if reused {
		size = partBytes
	}
	release, err := t.budget.Acquire(ctx, size)
	if err != nil || !reused {
		return make([]byte, length), release, err
	}
	select {
	case data = <-t.buffers:
	default:
		data = make([]byte, partBytes)
	}
	return data[:length], func() {
		// There are never more of them than the memory allows: it does not block.
		t.buffers <- data
		release()
	}, nil
}
