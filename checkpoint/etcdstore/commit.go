package etcdstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	clientv3 "go.etcd.io/etcd/client/v3"

	"esferry/checkpoint"
)

// Commit implements checkpoint.Store. The cluster compares and writes in one
// transaction, with a majority's disks behind it when it returns. A member that
// fails meanwhile is waited for, for as long as the lease lasts. Once begun it is
// finished, also where ctx ends. After an error other than ErrLeaseLost, ctx's, or
// a *LimitError, the commit may or may not be there, and no later one is made: end
// the run, and load again. Of two records with one key the later counts.
func (s *Store) Commit(ctx context.Context, lease checkpoint.Lease, changes ...checkpoint.Record) error {
	if err := s.commit(ctx, lease, changes); err != nil {
		return fmt.Errorf("commit to the checkpoint store %s: %w", s.keys, err)
	}
	return nil
}

func (s *Store) commit(ctx context.Context, lease checkpoint.Lease, changes []checkpoint.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	changes, err := distinct(changes)
	if err != nil {
		return err
	}
	s.holding.Lock()
	t := s.tenure
	s.holding.Unlock()
	switch {
	case s.closed.Load():
		return fmt.Errorf("%w: %w", checkpoint.ErrLeaseLost, errClosed)
	case t == nil || lease.Epoch != t.lease.Epoch:
		return checkpoint.ErrLeaseLost
	case t.over():
		// It is renewed no more, whatever is left of it.
		return t.lost
	}
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if t.broken != nil {
		return t.broken
	}
	if len(changes) == 0 {
		return s.confirmed(ctx, t)
	}
	return s.write(context.WithoutCancel(ctx), t, changes)
}

// confirmed asks whether the ferry is this Store's. A cluster that does not say so
// for as long as a lease lasts may have given it to another one meanwhile.
func (s *Store) confirmed(ctx context.Context, t *tenure) error {
	err := s.ask(ctx, func(ctx context.Context) error { return s.confirm(ctx, t) })
	if _, silent := errors.AsType[*UnreachableError](err); silent {
		return s.lostBy(err)
	}
	return err
}

// distinct keeps the later of two records with one key, and checks them.
func distinct(changes []checkpoint.Record) ([]checkpoint.Record, error) {
	at := make(map[string]int, len(changes))
	out := make([]checkpoint.Record, 0, len(changes))
	for _, r := range changes {
		if r.Key == "" || !utf8.ValidString(r.Key) {
			return nil, fmt.Errorf("a record's key must be text: %q", r.Key)
		}
		if n := size(r); n > MostRecord {
			return nil, &LimitError{What: fmt.Sprintf("record %q of %d bytes", r.Key, n), Reason: fmt.Sprintf("at most %d fit into one request to etcd", MostRecord)}
		}
		if i, twice := at[r.Key]; twice {
			out[i] = r
			continue
		}
		at[r.Key] = len(out)
		out = append(out, r)
	}
	return out, nil
}

func size(r checkpoint.Record) int { return len(r.Key) + len(r.Value) }

// write makes one transaction of the changes, or a journal and then several.
func (s *Store) write(ctx context.Context, t *tenure, changes []checkpoint.Record) (err error) {
	parts := split(changes)
	if len(parts) == 1 {
		return s.put(ctx, t, t.number(), s.keys.operations(changes)...)
	}
	n := t.number()
	h := head{Mark: mark(t.lease.Epoch, n), Parts: len(parts)}
	for i, part := range parts {
		text, err := encodePart(part)
		if err != nil {
			return err
		}
		if err := s.put(ctx, t, t.last, clientv3.OpPut(s.keys.part(h.Mark, i), text)); err != nil {
			return err
		}
	}
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := s.put(ctx, t, n, clientv3.OpPut(s.keys.journal(), string(text))); err != nil {
		return err
	}
	return s.apply(ctx, t, parts)
}

// apply puts a journal's records where they belong, and takes the journal away.
func (s *Store) apply(ctx context.Context, t *tenure, parts [][]checkpoint.Record) error {
	for _, part := range parts {
		if err := s.put(ctx, t, t.last, s.keys.operations(part)...); err != nil {
			return err
		}
	}
	// With a number of its own, so that this request, coming late, takes no other
	// journal away.
	return s.put(ctx, t, t.number(), clientv3.OpDelete(s.keys.journal()), clientv3.OpDelete(s.keys.parts(), clientv3.WithPrefix()))
}

// redo finishes the commit of a holder that died over it, and takes away what
// is left of one that was not durable.
func (s *Store) redo(ctx context.Context, t *tenure) error {
	var answer *clientv3.TxnResponse
	err := s.ask(ctx, func(ctx context.Context) (err error) {
		answer, err = s.client.Txn(ctx).Then(
			clientv3.OpGet(s.keys.journal()), clientv3.OpGet(s.keys.parts(), clientv3.WithPrefix(), clientv3.WithCountOnly()),
		).Commit()
		return err
	})
	if err != nil || answer.Responses[1].GetResponseRange().Count == 0 {
		return err
	}
	var parts [][]checkpoint.Record
	if found := answer.Responses[0].GetResponseRange().Kvs; len(found) > 0 {
		if parts, err = s.journal(ctx, found[0].Value, answer.Header.Revision); err != nil {
			return err
		}
	}
	return s.apply(context.WithoutCancel(ctx), t, parts)
}

// split cuts changes into what fits into one transaction each.
func split(changes []checkpoint.Record) (parts [][]checkpoint.Record) {
	for len(changes) > 0 {
		total := 0
		end := slices.IndexFunc(changes, func(r checkpoint.Record) bool {
			total += size(r)
			return total > mostBytes
		})
		if end < 0 {
			end = len(changes)
		}
		end = min(end, mostOps)
		parts = append(parts, changes[:end])
		changes = changes[end:]
	}
	return parts
}

// number gives one that no commit of this tenure had.
func (t *tenure) number() uint64 {
	t.given++
	return t.given
}

// put makes a transaction under the fence: the claim is the one that this Store
// made, and t.last is the newest commit. n is the commit that it completes, or
// t.last where it completes none.
func (s *Store) put(ctx context.Context, t *tenure, n uint64, ops ...clientv3.Op) error {
	completes := n != t.last
	if completes {
		ops = append(ops, clientv3.OpPut(s.keys.commit(), mark(t.lease.Epoch, n)))
	}
	err := s.ask(ctx, func(ctx context.Context) error {
		answer, err := s.client.Txn(ctx).If(
			clientv3.Compare(clientv3.CreateRevision(s.keys.claim()), "=", t.claimed),
			clientv3.Compare(clientv3.Value(s.keys.commit()), "=", mark(t.lease.Epoch, t.last)),
		).Then(ops...).Else(clientv3.OpGet(s.keys.claim()), clientv3.OpGet(s.keys.commit())).Commit()
		if err != nil || answer.Succeeded {
			return err
		}
		if err := s.mine(t, answer.Responses[0].GetResponseRange().Kvs); err != nil {
			return err
		}
		found := answer.Responses[1].GetResponseRange().Kvs
		if len(found) > 0 && string(found[0].Value) == mark(t.lease.Epoch, n) {
			// The answer to an earlier try was lost.
			return nil
		}
		return fmt.Errorf("%s was changed by somebody who does not hold the ferry", s.keys.commit())
	})
	switch {
	case err == nil:
		t.last = n
		return nil
	case !refused(err):
		t.broken = err
	}
	return err
}
