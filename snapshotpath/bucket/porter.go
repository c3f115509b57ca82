package bucket

import (
	"context"
	"fmt"
	"time"
)

// Porter copies bundles that a Copier in another process lends. All of them together
// have the places and the memory of one copy. It decides nothing: what is to be
// copied, and when it is seen, is the Copier's affair. Safe for concurrent use.
type Porter struct {
	from, to *Bucket
	means    *means
	tally    *tally
}

// NewPorter gives one between two buckets; observe hears of the objects and bytes
// that it has copied so far, and may be nil.
func NewPorter(from, to *Bucket, observe func(objects, bytes int64)) *Porter {
	p := &Porter{from: from, to: to, means: newMeans(), tally: &tally{}}
	if observe != nil {
		p.tally.observe = func(done, _, bytes int64) { observe(done, bytes) }
	}
	return p
}

// Carry copies a bundle, and returns when each of its objects is there, or with the
// first error; no upload is left open then. A bundle between other buckets, or with
// objects that are not written once, is refused.
func (p *Porter) Carry(ctx context.Context, b Bundle) error {
	if b.From != p.from.String() || b.To != p.to.String() {
		return fmt.Errorf("a copy from %s to %s is asked for, and snapshot.copy here is from %s to %s", b.From, b.To, p.from, p.to)
	}
	for _, o := range b.Objects {
		if !once(o.Key, true) || o.Size < 0 {
			return fmt.Errorf("a copy of %s is asked for, which is the leader's alone", o.Key)
		}
	}
	t := &transfer{from: p.from, to: p.to, means: p.means, tally: p.tally, limit: newThrottle(b.BytesPerSecond)}
	if t.limit != nil {
		// What one may burst is the leader's.
		t.limit.limit.AllowN(time.Now(), slice)
	}
	return t.all(ctx, b.Objects)
}
