package bucket

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"

	"esferry/internal/group"
)

// Difference is a key of the source that the target does not hold as it is.
type Difference struct {
	Key    string `json:"key"`
	Reason string `json:"reason"`
}

// Comparison is what Contents found.
type Comparison struct {
	// Source is the whole repository, or what the chosen snapshots consist of,
	// Equal what of it the target holds by hash.
	Source Total `json:"source"`
	Equal  Total `json:"equal"`
	// Differences are sorted by key; none means that both sides are equal.
	Differences []Difference `json:"differences"`
	// Kept on the target is what the source has no more.
	Kept Aside `json:"kept"`
	// Unlisted are snapshots of the source that the target does not list, where
	// anything differs.
	Unlisted []string `json:"unlisted,omitempty"`
}

// Contents reads every object of both sides, or of the chosen snapshots, and
// compares their hashes. It changes nothing. An object that vanishes meanwhile is an error: the
// repository moves, and there is nothing to compare.
func (c *Copier) Contents(ctx context.Context) (Comparison, error) {
	h, err := c.hold(ctx)
	if err != nil {
		return Comparison{}, err
	}
	if h.Source.Objects == 0 {
		return Comparison{}, &Error{Op: opCompare, Bucket: c.From.String(), Err: errEmpty}
	}
	var mu sync.Mutex
	t := newTransfer(c, h.Source, nil)
	g, inner := group.New(ctx)
	for _, p := range h.pairs {
		err := t.start(inner, g, p.Source.Key, func(ctx context.Context) error {
			why, err := t.compare(ctx, p)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if why == "" {
				h.Equal.add(p.Source)
			} else {
				h.Differences = append(h.Differences, Difference{p.Source.Key, why})
			}
			t.tally.add(p.Source.Size, 1)
			return nil
		})
		if err != nil {
			break
		}
	}
	if err := g.Wait(); err != nil {
		return Comparison{}, err
	}
	slices.SortFunc(h.Differences, func(a, b Difference) int { return strings.Compare(a.Key, b.Key) })
	if len(h.Differences) > 0 && len(c.Snapshots) == 0 {
		if h.Unlisted, err = c.unlisted(ctx); err != nil {
			return Comparison{}, err
		}
	}
	return h.Comparison, ctx.Err()
}

// hold lists both sides.
func (c *Copier) hold(ctx context.Context) (held, error) {
	if len(c.Snapshots) == 0 {
		return scan(ctx, c, hold)
	}
	v, err := c.chosen(ctx)
	if err != nil {
		return held{}, err
	}
	h, err := hold(Merge(v.list(), v.there(ctx, c.To)))
	// What else lies in the same folders is other snapshots'.
	h.Kept = Aside{}
	return h, err
}

// held is what both sides have, before it is read.
type held struct {
	Comparison
	pairs []Pair
}

func hold(pairs iter.Seq2[Pair, error]) (held, error) {
	h := held{Comparison: Comparison{Differences: []Difference{}}}
	for p, err := range pairs {
		switch {
		case err != nil:
			return held{}, err
		case p.Source.Key != "" && partOf(p.Source.Key) == belongs:
			h.Source.add(p.Source)
			h.pairs = append(h.pairs, p)
		case p.Source.Key == "" && partOf(p.Target.Key) == belongs:
			h.Kept.add(p.Target)
		}
	}
	return h, nil
}

// compare gives the reason why a key differs; empty when it does not.
func (t *transfer) compare(ctx context.Context, p Pair) (string, error) {
	switch {
	case p.Target.Key == "":
		return "it is not there", nil
	case p.Source.Size != p.Target.Size:
		return fmt.Sprintf("%d bytes, not %d", p.Target.Size, p.Source.Size), nil
	}
	here, err := t.hash(ctx, t.from, p.Source)
	if err != nil {
		return "", err
	}
	there, err := t.hash(ctx, t.to, p.Target)
	if err != nil || here == there {
		return "", err
	}
	return "other contents of the same size", nil
}

func (t *transfer) hash(ctx context.Context, b *Bucket, o Object) (sum [sha256.Size]byte, err error) {
	err = t.try(ctx, b, opRead, o.Key, func(ctx context.Context) error {
		body, err := b.open(ctx, o, 0, o.Size)
		if err != nil {
			return err
		}
		defer body.Close()
		digest := sha256.New()
		n, err := io.Copy(digest, throttled(ctx, t.limit, body))
		if err != nil {
			return fmt.Errorf("%w: %w", errBroken, err)
		}
		if n != o.Size {
			return fmt.Errorf("%w after %d of %d bytes", errBroken, n, o.Size)
		}
		digest.Sum(sum[:0])
		return nil
	})
	return sum, err
}
