package repository_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"esferry/snapshotpath/bucket"
)

// colleague is another process that copies, with connections of its own. The
// bundle with the key losing it is lost over.
type colleague struct {
	*providers
	porter *bucket.Porter
	room   chan struct{}
	losing string

	mu      sync.Mutex
	asked   []bucket.Bundle
	carried map[string]bool
}

func newColleague(p *providers, losing string) *colleague {
	c := p.copier()
	return &colleague{providers: p, porter: bucket.NewPorter(c.From, c.To, nil), room: make(chan struct{}, 4), losing: losing, carried: map[string]bool{}}
}

// Room implements bucket.Lender.
func (c *colleague) Room() int { return cap(c.room) }

// Hire implements bucket.Lender.
func (c *colleague) Hire(ctx context.Context) (bucket.Hand, error) {
	select {
	case c.room <- struct{}{}:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Free implements bucket.Hand.
func (c *colleague) Free() { <-c.room }

// Copy implements bucket.Hand.
func (c *colleague) Copy(ctx context.Context, b bucket.Bundle) (refused bool, err error) {
	c.mu.Lock()
	c.asked = append(c.asked, b)
	c.mu.Unlock()
	if slices.ContainsFunc(b.Objects, func(o bucket.Object) bool { return o.Key == c.losing }) {
		// It was at a large object, and leaves its parts.
		_, err := client(c.to).CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String("new-snaps"), Key: &c.losing})
		return true, errors.Join(errors.New("the worker is gone"), err)
	}
	if err := c.porter.Carry(ctx, b); err != nil {
		return true, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range b.Objects {
		c.carried[o.Key] = true
	}
	return false, nil
}

// TestCopyBySeveral: another process copies a share of the objects, small ones and a
// large one; what it is lost over is copied here, and no upload of it is left open.
func TestCopyBySeveral(t *testing.T) {
	p := newProviders(t)
	repository(t, p.source, 3, slices.Repeat([]int{20_000}, 300)...)
	large := strings.Repeat("0123456789abcdef", 6*mega/16)
	const first, second = "indices/zzz/0/__zz-one-of-22-character", "indices/zzz/0/__aa-one-of-22-character"
	file(t, p.source, first, large)
	file(t, p.source, second, large)
	c := newColleague(p, first)
	copier := p.copier()
	copier.Lender = c
	r, err := copier.Copy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.equalTrees(t)
	p.noUploads(t)
	if r.Copied != r.Source || r.Source != r.Target || r.Lent.Objects == 0 || r.Lent.Objects != int64(len(c.carried)) {
		t.Errorf("got %+v, and %d objects that were carried elsewhere", r, len(c.carried))
	}
	lost := slices.ContainsFunc(c.asked, func(b bucket.Bundle) bool { return b.Objects[len(b.Objects)-1].Key == first })
	if !lost || c.carried[first] || !c.carried[second] {
		t.Errorf("want %s lost and %s carried elsewhere", first, second)
	}
	t.Logf("%d of %d objects were carried elsewhere, in %d bundles", r.Lent.Objects, r.Copied.Objects, len(c.asked))
}

// TestRateIsShared: two processes together read no faster than one may.
func TestRateIsShared(t *testing.T) {
	p := newProviders(t)
	const rate = 4 * mega
	repository(t, p.source, 3, slices.Repeat([]int{100_000}, 100)...)
	c := newColleague(p, "")
	copier := p.copier()
	copier.Lender, copier.BytesPerSecond = c, rate
	began := time.Now()
	r, err := copier.Copy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// Ten megabytes less what may burst.
	if took, want := time.Since(began), time.Duration(10_000_000-64<<10)*time.Second/rate; took < want {
		t.Errorf("10 MB at 4 MiB a second took %s, want %s at least", took, want)
	}
	for _, b := range c.asked {
		if b.BytesPerSecond <= 0 || b.BytesPerSecond > rate/2 {
			t.Errorf("a bundle had a share of %d bytes a second", b.BytesPerSecond)
		}
	}
	if r.Lent.Objects == 0 {
		t.Errorf("got %+v, want some of it lent", r)
	}
	p.equalTrees(t)
}
