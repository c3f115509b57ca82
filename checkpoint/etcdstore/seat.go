package etcdstore

import (
	"context"
	"fmt"
	"math"
	"strconv"

	clientv3 "go.etcd.io/etcd/client/v3"

	"esferry/checkpoint"
	"esferry/internal/group"
	"esferry/internal/workers"
)

var (
	_ workers.Seat = (*Seat)(nil)
	_ workers.Desk = (*Desk)(nil)
)

// Seat is a worker's place at a ferry that somebody else leads: a key that ends
// with a lease of its own. Safe for concurrent use.
type Seat struct {
	store *Store
	id    clientv3.LeaseID
	// created is the revision that made the key: no other one ever has it.
	created int64

	end  func()
	gone chan struct{}
	lost error
}

// Sit takes a seat and keeps it until Leave, or until it is lost. text is what
// the ferry's leader reads of it.
func (s *Store) Sit(ctx context.Context, text []byte) (*Seat, error) {
	e := &Seat{store: s, gone: make(chan struct{})}
	err := s.ask(ctx, func(ctx context.Context) error {
		granted, err := s.client.Grant(ctx, int64(math.Ceil(s.ttl.Seconds())))
		if err == nil {
			e.id = granted.ID
		}
		return err
	})
	if err == nil {
		err = s.ask(ctx, func(ctx context.Context) error {
			// Written twice, since an answer was lost, it keeps its first revision.
			answer, err := s.client.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(s.keys.seat(e.Name())), "=", 0)).
				Then(clientv3.OpPut(s.keys.seat(e.Name()), string(text), clientv3.WithLease(e.id))).
				Else(clientv3.OpGet(s.keys.seat(e.Name()))).Commit()
			if err != nil {
				return err
			}
			if e.created = answer.Header.Revision; !answer.Succeeded {
				e.created = answer.Responses[0].GetResponseRange().Kvs[0].CreateRevision
			}
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("take a seat at %s: %w", s.keys, err)
	}
	keeping, rest := context.WithCancel(context.WithoutCancel(ctx))
	keeper, _ := group.New(keeping)
	keeper.Go("seat of "+string(s.keys), func(ctx context.Context) error {
		if e.lost = s.renew(ctx, e.id, s.keys.seat(e.Name()), e.created, e.confirm); e.lost != nil {
			close(e.gone)
		}
		return nil
	})
	e.end = func() {
		rest()
		_ = keeper.Wait() //nolint:errcheck // it returns nothing but a panic, and there is nothing left to keep
		s.revoke(ctx, e.id)
	}
	return e, nil
}

// Name tells the seat apart from every other one.
func (e *Seat) Name() string { return strconv.FormatInt(int64(e.id), 16) }

// Leave gives the seat back, and with it all that was asked of it.
func (e *Seat) Leave() { e.end() }

// Lost waits until the seat is lost although nobody gave it back, and tells why
// by a *LostError; or until ctx ends, and returns nil.
func (e *Seat) Lost(ctx context.Context) error {
	select {
	case <-e.gone:
		return e.lost
	case <-ctx.Done():
		return nil
	}
}

// confirm asks the cluster whether the seat stands; *LostError where it does not.
func (e *Seat) confirm(ctx context.Context) error {
	var answer *clientv3.GetResponse
	err := e.store.askFor(ctx, patience, func(ctx context.Context) (err error) {
		answer, err = e.store.client.Get(ctx, e.store.keys.seat(e.Name()))
		return err
	})
	if err != nil {
		return err
	}
	if len(answer.Kvs) == 0 || answer.Kvs[0].CreateRevision != e.created {
		return &LostError{After: e.store.ttl}
	}
	return nil
}

// Follow tells of the errands that are asked of this seat, and of each one that is
// withdrawn (nil), until ctx ends; then it returns nil.
func (e *Seat) Follow(ctx context.Context, tell func(errand string, text []byte)) error {
	return e.store.follow(ctx, e.store.keys.errands(e.Name()), map[string]int64{}, tell)
}

// Answer answers an errand, in one transaction that the cluster refuses once the
// seat is lost, whatever this process believes: workers.ErrRefused and a *LostError.
// workers.ErrWithdrawn where nobody waits for it.
func (e *Seat) Answer(ctx context.Context, errand string, text []byte) error {
	s := e.store
	seat, asked, answered := s.keys.seat(e.Name()), s.keys.errand(e.Name(), errand), s.keys.answer(e.Name(), errand)
	err := s.ask(ctx, func(ctx context.Context) error {
		answer, err := s.client.Txn(ctx).If(
			clientv3.Compare(clientv3.CreateRevision(seat), "=", e.created),
			clientv3.Compare(clientv3.CreateRevision(asked), ">", 0),
		).Then(
			clientv3.OpPut(answered, string(text), clientv3.WithLease(e.id)), clientv3.OpDelete(asked),
		).Else(clientv3.OpGet(seat), clientv3.OpGet(answered)).Commit()
		if err != nil || answer.Succeeded {
			return err
		}
		there, mine := answer.Responses[0].GetResponseRange().Kvs, answer.Responses[1].GetResponseRange().Kvs
		switch {
		case len(there) == 0 || there[0].CreateRevision != e.created:
			return fmt.Errorf("%w: %w", workers.ErrRefused, &LostError{After: s.ttl})
		case len(mine) > 0:
			// The answer to an earlier try was lost.
			return nil
		default:
			return workers.ErrWithdrawn
		}
	})
	if err != nil {
		return fmt.Errorf("answer errand %s of %s: %w", errand, s.keys, err)
	}
	return nil
}

// Seats lists what those who sit have said of themselves.
func (s *Store) Seats(ctx context.Context) (texts [][]byte, err error) {
	var answer *clientv3.GetResponse
	err = s.ask(ctx, func(ctx context.Context) (err error) {
		answer, err = s.client.Get(ctx, s.keys.seat(""), clientv3.WithPrefix())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask who carries for the ferry of %s: %w", s.keys, err)
	}
	for _, kv := range answer.Kvs {
		texts = append(texts, kv.Value)
	}
	return texts, nil
}

// Desk is the side of whoever holds the ferry. Safe for concurrent use.
type Desk struct {
	store  *Store
	tenure *tenure
}

// Desk gives it to the holder of the ferry.
func (s *Store) Desk(lease checkpoint.Lease) (*Desk, error) {
	s.holding.Lock()
	defer s.holding.Unlock()
	if s.tenure == nil || s.tenure.lease.Epoch != lease.Epoch {
		return nil, checkpoint.ErrLeaseLost
	}
	return &Desk{store: s, tenure: s.tenure}, nil
}

// Follow tells of the seats that are taken, and of each that is empty again (nil),
// and of the answers that come, until ctx ends; then it returns nil. An answer of
// a seat is told before the seat's end.
func (d *Desk) Follow(ctx context.Context, seated func(seat string, text []byte), answered func(seat, errand string, text []byte)) error {
	return d.store.follow(ctx, d.store.keys.crew(), map[string]int64{}, told(seated, answered))
}

// Assign asks an errand of a seat: it ends with the seat, and with whoever asks.
// workers.ErrNoSeat where the seat is empty.
func (d *Desk) Assign(ctx context.Context, seat, errand string, text []byte) error {
	err := d.lead(ctx, []clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision(d.store.keys.seat(seat)), ">", 0)},
		clientv3.OpPut(d.store.keys.errand(seat, errand), string(text), clientv3.WithLease(d.tenure.id)))
	if err != nil {
		return fmt.Errorf("ask worker %s: %w", seat, err)
	}
	return nil
}

// Clear takes an errand and its answer away.
func (d *Desk) Clear(ctx context.Context, seat, errand string) error {
	err := d.lead(ctx, nil, clientv3.OpDelete(d.store.keys.errand(seat, errand)), clientv3.OpDelete(d.store.keys.answer(seat, errand)))
	if err != nil {
		return fmt.Errorf("clear errand %s of worker %s: %w", errand, seat, err)
	}
	return nil
}

// Announce tells all seats something, in place of what was told before; it ends
// with whoever tells it.
func (d *Desk) Announce(ctx context.Context, text []byte) error {
	if err := d.lead(ctx, nil, clientv3.OpPut(d.store.keys.terms(), string(text), clientv3.WithLease(d.tenure.id))); err != nil {
		return fmt.Errorf("tell the workers: %w", err)
	}
	return nil
}

// Conclude says how the work of whoever holds the ferry has ended, for all who
// took part.
func (d *Desk) Conclude(ctx context.Context, text []byte) error {
	if err := d.lead(ctx, nil, clientv3.OpPut(d.store.keys.outcome(), string(text))); err != nil {
		return fmt.Errorf("tell the workers how it ended: %w", err)
	}
	return nil
}

// lead changes something if the claim is this process's, and the rest holds.
func (d *Desk) lead(ctx context.Context, also []clientv3.Cmp, ops ...clientv3.Op) error {
	s, t := d.store, d.tenure
	conditions := append([]clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision(s.keys.claim()), "=", t.claimed)}, also...)
	return s.ask(ctx, func(ctx context.Context) error {
		answer, err := s.client.Txn(ctx).If(conditions...).Then(ops...).Else(clientv3.OpGet(s.keys.claim())).Commit()
		if err != nil || answer.Succeeded {
			return err
		}
		if err := s.mine(t, answer.Responses[0].GetResponseRange().Kvs); err != nil {
			return err
		}
		return workers.ErrNoSeat
	})
}
