package bucket

import (
	"context"
	"errors"

	"esferry/internal/group"
)

// Bundle is objects that another process copies: see Porter.
type Bundle struct {
	// From and To are the addresses of the buckets, as their String gives them.
	From string `json:"from"`
	To   string `json:"to"`
	// BytesPerSecond that it may take; 0 is no bound.
	BytesPerSecond int64    `json:"bytes_per_second,omitempty"`
	Objects        []Object `json:"objects"`
}

// Lender finds other processes that copy. Called from one goroutine.
type Lender interface {
	// Room is how many bundles all of them together have room for, as of now.
	Room() int
	// Hire waits until one has room for a bundle; the error is ctx's.
	Hire(ctx context.Context) (Hand, error)
}

// Hand is room at another process, for one bundle.
type Hand interface {
	// Copy has a bundle copied, and returns when each of its objects is there. Where
	// refused is true they may not be, as err says, and the other process may still be
	// at them. Any other error ends the whole copy.
	Copy(ctx context.Context, b Bundle) (refused bool, err error)
	// Free gives the room back.
	Free()
}

// once reports whether engines never write other bytes under a name. Only such
// objects are lent: a process that was stopped, and taken for lost, may write them at
// any time later, over those of somebody else, for it writes the very same bytes. So
// nothing has to be fenced. What has no such name (the root's index-N and
// index.latest, the metadata of old engines) is written by this process alone.
// numbered says that the root is one of an engine that numbers it.
func once(key string, numbered bool) bool { return immutable(key) || written(key, numbered) }

// lend has bundles copied by others for as long as there is plenty on the shelf.
func (t *transfer) lend(ctx context.Context, g *group.Group, s *shelf) {
	for t.bound.await(ctx) == nil {
		hand, err := t.lender.Hire(ctx)
		if err != nil {
			return
		}
		share := t.bound.lend(t.lender.Room())
		objects := s.bundle(most(share))
		if len(objects) == 0 {
			t.bound.back(share)
			hand.Free()
			return
		}
		b := Bundle{From: t.from.String(), To: t.to.String(), BytesPerSecond: share, Objects: objects}
		g.Go("bundle for another process", func(ctx context.Context) error { return t.carry(ctx, hand, s, b) })
	}
}

// carry has a bundle copied by a hand, or puts it back. What the other process says
// is not believed for ever: see proveLent.
func (t *transfer) carry(ctx context.Context, hand Hand, s *shelf, b Bundle) error {
	defer hand.Free()
	refused, err := hand.Copy(ctx, b)
	t.bound.back(b.BytesPerSecond)
	if err == nil {
		t.tally.addLent(b.Objects)
		s.back(nil)
		return nil
	}
	if !refused {
		return err
	}
	// The parts of uploads that one who died has left would cost money for ever.
	if _, err := t.to.abandoned(ctx, b.Objects); err != nil {
		return err
	}
	s.back(b.Objects)
	return nil
}

// proveLent lists the target where others have copied, and wants all of that there in
// full before a root names it: no process but this one is believed. A copy of chosen
// snapshots lists the target before its root anyway.
func (t *transfer) proveLent(ctx context.Context) error {
	missing := map[string]int64{}
	for _, o := range t.tally.lent {
		missing[o.Key] = o.Size
	}
	if len(missing) == 0 {
		return nil
	}
	for o, err := range t.to.List(ctx) {
		if err != nil {
			return err
		}
		if size, lent := missing[o.Key]; lent && size == o.Size {
			delete(missing, o.Key)
		}
	}
	for key := range missing {
		return &Error{Op: opCompare, Bucket: t.to.String(), Key: key, Err: errors.New("it is not there in full after a worker's copy")}
	}
	return nil
}
