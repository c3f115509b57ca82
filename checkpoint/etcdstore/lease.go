package etcdstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"esferry/checkpoint"
	"esferry/internal/group"
	"esferry/internal/retry"
)

// lookEvery is how often a claim that is in the way is looked at.
const lookEvery = 250 * time.Millisecond

// late is by how much a busy cluster may be with taking away what has run out.
const late = 5 * time.Second

// tenure is the time for which this Store holds the ferry.
type tenure struct {
	lease checkpoint.Lease
	// id of the lease that the claim ends with.
	id clientv3.LeaseID
	// claimed is the revision that made the claim: no other one ever has it.
	claimed int64

	// turn is had by whoever commits; the next three are theirs.
	turn chan struct{}
	// last is the newest commit's number, given the number last given out.
	last, given uint64
	// broken: what a commit has done is not known. It ends all others.
	broken error

	// end gives the lease back.
	end func()
	// gone is closed when the lease is lost; lost is why.
	gone chan struct{}
	lost error
}

// Acquire takes the lease, and keeps it until Close. A dead holder's lease is
// waited for, up to the time it has left; a living one's gives *HeldError. The
// commit that a dead holder had begun is finished, where it was durable.
func (s *Store) Acquire(ctx context.Context, holder checkpoint.Holder) (checkpoint.Lease, error) {
	s.holding.Lock()
	defer s.holding.Unlock()
	lease, err := s.acquire(ctx, holder)
	if err != nil {
		return checkpoint.Lease{}, fmt.Errorf("acquire the checkpoint store %s: %w", s.keys, err)
	}
	return lease, nil
}

func (s *Store) acquire(ctx context.Context, holder checkpoint.Holder) (checkpoint.Lease, error) {
	if err := ctx.Err(); err != nil {
		return checkpoint.Lease{}, err
	}
	if t := s.tenure; t != nil && !t.over() && !s.closed.Load() {
		return checkpoint.Lease{}, &checkpoint.HeldError{Holder: t.lease.Holder}
	}
	t, err := s.claim(ctx, holder)
	if err != nil {
		return checkpoint.Lease{}, err
	}
	if err := s.redo(ctx, t); err != nil {
		s.revoke(ctx, t.id)
		return checkpoint.Lease{}, err
	}
	if s.tenure != nil {
		s.tenure.end()
	}
	s.tenure = t
	keeping, rest := context.WithCancel(context.WithoutCancel(ctx))
	keeper, _ := group.New(keeping)
	keeper.Go("lease of "+string(s.keys), func(ctx context.Context) error {
		s.keep(ctx, t)
		return nil
	})
	t.end = func() {
		rest()
		_ = keeper.Wait() //nolint:errcheck // it returns nothing but a panic, and there is nothing left to keep
		s.revoke(ctx, t.id)
	}
	return t.lease, nil
}

// claim tries until the claim is free, or renewed.
func (s *Store) claim(ctx context.Context, holder checkpoint.Holder) (*tenure, error) {
	left := time.Duration(math.MaxInt64)
	var until time.Time
	for {
		t, other, err := s.tryClaim(ctx, holder)
		if err != nil || t != nil {
			return t, err
		}
		now, err := s.timeLeft(ctx, other)
		if err != nil {
			return nil, err
		}
		if until.IsZero() {
			until = time.Now().Add(now + late)
		}
		if now > left || time.Now().After(until) {
			return nil, &checkpoint.HeldError{Holder: holderOf(other)}
		}
		left = now
		if err := retry.Sleep(ctx, lookEvery); err != nil {
			return nil, err
		}
	}
}

// timeLeft tells when a claim ends, in whole seconds; below zero where it has.
func (s *Store) timeLeft(ctx context.Context, claim *mvccpb.KeyValue) (time.Duration, error) {
	var lease *clientv3.LeaseTimeToLiveResponse
	err := s.ask(ctx, func(ctx context.Context) (err error) {
		lease, err = s.client.TimeToLive(ctx, clientv3.LeaseID(claim.Lease))
		return err
	})
	if err != nil {
		return 0, err
	}
	return time.Duration(lease.TTL) * time.Second, nil
}

// tryClaim gives the claim that it made, or the one that is in the way.
func (s *Store) tryClaim(ctx context.Context, holder checkpoint.Holder) (*tenure, *mvccpb.KeyValue, error) {
	var seen *clientv3.TxnResponse
	err := s.ask(ctx, func(ctx context.Context) (err error) {
		seen, err = s.client.Txn(ctx).Then(clientv3.OpGet(s.keys.claim()), clientv3.OpGet(s.keys.epoch())).Commit()
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if found := seen.Responses[0].GetResponseRange().Kvs; len(found) > 0 {
		return nil, found[0], nil
	}
	var since int64
	t := &tenure{lease: checkpoint.Lease{Epoch: 1, Holder: holder}, turn: make(chan struct{}, 1), gone: make(chan struct{})}
	if found := seen.Responses[1].GetResponseRange().Kvs; len(found) > 0 {
		last, err := strconv.ParseUint(string(found[0].Value), 10, 64)
		if err != nil {
			return nil, nil, fmt.Errorf("%s is not a number", s.keys.epoch())
		}
		since, t.lease.Epoch = found[0].ModRevision, last+1
	}
	err = s.ask(ctx, func(ctx context.Context) error {
		granted, err := s.client.Grant(ctx, int64(math.Ceil(s.ttl.Seconds())))
		if err == nil {
			t.id = granted.ID
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	other, err := s.writeClaim(ctx, t, since)
	if err != nil || other != nil {
		s.revoke(ctx, t.id)
		return nil, other, err
	}
	return t, nil, nil
}

// writeClaim makes the claim if there is none, and no epoch was given out since.
func (s *Store) writeClaim(ctx context.Context, t *tenure, since int64) (other *mvccpb.KeyValue, err error) {
	text, err := json.Marshal(t.lease)
	if err != nil {
		return nil, err
	}
	var answer *clientv3.TxnResponse
	err = s.ask(ctx, func(ctx context.Context) (err error) {
		answer, err = s.client.Txn(ctx).If(
			clientv3.Compare(clientv3.CreateRevision(s.keys.claim()), "=", 0),
			clientv3.Compare(clientv3.ModRevision(s.keys.epoch()), "=", since),
		).Then(
			clientv3.OpPut(s.keys.claim(), string(text), clientv3.WithLease(t.id)),
			clientv3.OpPut(s.keys.epoch(), strconv.FormatUint(t.lease.Epoch, 10)),
			clientv3.OpPut(s.keys.commit(), mark(t.lease.Epoch, 0)),
			clientv3.OpPut(s.keys.schema(), strconv.Itoa(schema)),
		).Else(clientv3.OpGet(s.keys.claim())).Commit()
		return err
	})
	if err != nil {
		return nil, err
	}
	t.claimed = answer.Header.Revision
	if answer.Succeeded {
		return nil, nil
	}
	found := answer.Responses[0].GetResponseRange().Kvs
	if len(found) == 0 {
		// Somebody was quicker, and has gone again.
		return &mvccpb.KeyValue{Lease: int64(t.id)}, nil
	}
	if found[0].Lease == int64(t.id) {
		// The answer to an earlier try was lost.
		t.claimed = found[0].CreateRevision
		return nil, nil
	}
	return found[0], nil
}

// holderOf gives who made a claim, nobody where it cannot be told.
func holderOf(claim *mvccpb.KeyValue) checkpoint.Holder {
	var lease checkpoint.Lease
	if json.Unmarshal(claim.Value, &lease) != nil {
		return checkpoint.Holder{}
	}
	return lease.Holder
}

// keep renews the lease, and watches the claim, until ctx ends or it is lost.
func (s *Store) keep(ctx context.Context, t *tenure) {
	confirm := func(ctx context.Context) error { return s.confirm(ctx, t) }
	if t.lost = s.renew(ctx, t.id, s.keys.claim(), t.claimed, confirm); t.lost != nil {
		close(t.gone)
	}
}

// renew renews a lease, and watches the key that ends with it, until ctx ends, and
// returns nil, or until confirm says that it is lost: *LostError.
func (s *Store) renew(ctx context.Context, id clientv3.LeaseID, key string, created int64, confirm func(ctx context.Context) error) error {
	watching, enough := context.WithCancel(ctx)
	changed := make(chan struct{}, 1)
	watcher, _ := group.New(watching)
	watcher.Go("watch of "+key, func(ctx context.Context) error { return s.watch(ctx, key, created, changed) })
	defer func() {
		enough()
		_ = watcher.Wait() //nolint:errcheck // it returns nothing but a panic, and renewals go on telling
	}()
	alive, err := s.client.KeepAlive(ctx, id)
	for err == nil {
		select {
		case _, ok := <-alive:
			if ok {
				continue
			}
		case <-changed:
		}
		if ctx.Err() != nil {
			break
		}
		if err = confirm(ctx); err == nil {
			alive, err = s.client.KeepAlive(ctx, id)
		}
	}
	if over := ctx.Err(); over == nil {
		return s.lostBy(err)
	}
	return nil
}

// watch tells when a key changes, until ctx ends, or the watch does: then renewals go
// on telling, only later. A cluster that is gone just then is waited for without end,
// which must not keep them waiting.
func (s *Store) watch(ctx context.Context, key string, created int64, changed chan<- struct{}) error {
	for news := range s.client.Watch(ctx, key, clientv3.WithRev(created+1)) {
		if len(news.Events) == 0 {
			continue
		}
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	return nil
}

// confirm asks the cluster whether the claim stands; *LostError where it does not.
func (s *Store) confirm(ctx context.Context, t *tenure) error {
	var answer *clientv3.GetResponse
	err := s.askFor(ctx, patience, func(ctx context.Context) (err error) {
		answer, err = s.client.Get(ctx, s.keys.claim())
		return err
	})
	if err != nil {
		return err
	}
	return s.mine(t, answer.Kvs)
}

// mine compares what was found under the claim's key with what this Store wrote.
func (s *Store) mine(t *tenure, found []*mvccpb.KeyValue) error {
	switch {
	case len(found) == 0:
		return &LostError{After: s.ttl}
	case found[0].CreateRevision != t.claimed:
		return &LostError{After: s.ttl, Holder: holderOf(found[0])}
	default:
		return nil
	}
}

func (s *Store) lostBy(err error) error {
	if _, known := errors.AsType[*LostError](err); known || err == nil {
		return err
	}
	return &LostError{After: s.ttl, Err: err}
}

// Lost waits until the lease is lost although nobody gave it back, and tells why
// by a *LostError; or until ctx ends, and returns nil. It is called by whoever
// works under the lease, to stop.
func (s *Store) Lost(ctx context.Context) error {
	s.holding.Lock()
	t := s.tenure
	s.holding.Unlock()
	if t == nil {
		return checkpoint.ErrLeaseLost
	}
	select {
	case <-t.gone:
		return t.lost
	case <-ctx.Done():
		return nil
	}
}

// Holder tells who holds the ferry; zero for nobody.
func (s *Store) Holder(ctx context.Context) (checkpoint.Holder, error) {
	var answer *clientv3.GetResponse
	err := s.ask(ctx, func(ctx context.Context) (err error) {
		answer, err = s.client.Get(ctx, s.keys.claim())
		return err
	})
	if err != nil {
		return checkpoint.Holder{}, fmt.Errorf("ask who holds the checkpoint store %s: %w", s.keys, err)
	}
	if len(answer.Kvs) == 0 {
		return checkpoint.Holder{}, nil
	}
	return holderOf(answer.Kvs[0]), nil
}

func (t *tenure) over() bool {
	select {
	case <-t.gone:
		return true
	default:
		return false
	}
}

// revoke ends a lease, and a claim with it, now rather than when it runs out.
func (s *Store) revoke(ctx context.Context, id clientv3.LeaseID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	_, _ = s.client.Revoke(ctx, id) //nolint:errcheck // it runs out by itself
}
