package etcdstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"esferry/checkpoint"
)

var errClosed = errors.New("it is closed")

// Load implements checkpoint.Store.
func (s *Store) Load(ctx context.Context, key string) ([]byte, error) {
	value, err := s.load(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("load %q from the checkpoint store %s: %w", key, s.keys, err)
	}
	return value, nil
}

func (s *Store) load(ctx context.Context, key string) ([]byte, error) {
	var answer *clientv3.TxnResponse
	err := s.ask(ctx, func(ctx context.Context) (err error) {
		answer, err = s.client.Txn(ctx).Then(clientv3.OpGet(s.keys.journal()), clientv3.OpGet(s.keys.record(key))).Commit()
		return err
	})
	if err != nil {
		return nil, err
	}
	under, err := s.underway(ctx, answer)
	if err != nil {
		return nil, err
	}
	if r, ok := under[key]; ok {
		if r.Value == nil {
			return nil, checkpoint.ErrNotFound
		}
		return r.Value, nil
	}
	found := answer.Responses[1].GetResponseRange().Kvs
	if len(found) == 0 {
		return nil, checkpoint.ErrNotFound
	}
	return present(found[0].Value), nil
}

// present tells a value of no bytes from none.
func present(v []byte) []byte {
	if v == nil {
		return []byte{}
	}
	return v
}

// List implements checkpoint.Store: as the store was at one moment.
func (s *Store) List(ctx context.Context, prefix string) ([]checkpoint.Record, error) {
	records, err := s.list(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("list %q in the checkpoint store %s: %w", prefix, s.keys, err)
	}
	return records, nil
}

func (s *Store) list(ctx context.Context, prefix string) ([]checkpoint.Record, error) {
	var answer *clientv3.TxnResponse
	err := s.ask(ctx, func(ctx context.Context) (err error) {
		answer, err = s.client.Txn(ctx).Then(clientv3.OpGet(s.keys.journal())).Commit()
		return err
	})
	if err != nil {
		return nil, err
	}
	under, err := s.underway(ctx, answer)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(under, func(key string, _ checkpoint.Record) bool { return !strings.HasPrefix(key, prefix) })
	var out []checkpoint.Record
	err = s.walk(ctx, s.keys.record(prefix), answer.Header.Revision, func(r checkpoint.Record) {
		r.Key = strings.TrimPrefix(r.Key, s.keys.records())
		if _, newer := under[r.Key]; !newer {
			out = append(out, r)
		}
	})
	for _, r := range under {
		if r.Value != nil {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b checkpoint.Record) int { return cmp.Compare(a.Key, b.Key) })
	return out, err
}

// walk visits all keys with a prefix, page by page, as they were at a revision.
func (s *Store) walk(ctx context.Context, prefix string, revision int64, visit func(r checkpoint.Record)) error {
	from, end := prefix, clientv3.GetPrefixRangeEnd(prefix)
	for {
		var answer *clientv3.GetResponse
		err := s.ask(ctx, func(ctx context.Context) (err error) {
			answer, err = s.client.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(page), clientv3.WithRev(revision))
			return err
		})
		if err != nil {
			return err
		}
		for _, kv := range answer.Kvs {
			visit(checkpoint.Record{Key: string(kv.Key), Value: present(kv.Value)})
			from = string(kv.Key) + "\x00"
		}
		if !answer.More {
			return nil
		}
	}
}

// underway gives the records of a commit that is durable and not yet among the
// others; empty where there is none. The answer's first response is the head.
func (s *Store) underway(ctx context.Context, answer *clientv3.TxnResponse) (map[string]checkpoint.Record, error) {
	out := map[string]checkpoint.Record{}
	found := answer.Responses[0].GetResponseRange().Kvs
	if len(found) == 0 {
		return out, nil
	}
	parts, err := s.journal(ctx, found[0].Value, answer.Header.Revision)
	for _, part := range parts {
		for _, r := range part {
			out[r.Key] = r
		}
	}
	return out, err
}

// journal reads the parts that a head names.
func (s *Store) journal(ctx context.Context, text []byte, revision int64) (parts [][]checkpoint.Record, err error) {
	var h head
	if err := json.Unmarshal(text, &h); err != nil {
		return nil, fmt.Errorf("read %s: %w", s.keys.journal(), err)
	}
	var faults []error
	err = s.walk(ctx, s.keys.parts()+h.Mark+"/", revision, func(r checkpoint.Record) {
		part, err := decodePart(r.Value)
		if err != nil {
			faults = append(faults, fmt.Errorf("read %s: %w", r.Key, err))
		}
		parts = append(parts, part)
	})
	if err := errors.Join(append(faults, err)...); err != nil {
		return nil, err
	}
	if len(parts) != h.Parts {
		return nil, fmt.Errorf("the journal %s has %d parts and should have %d", h.Mark, len(parts), h.Parts)
	}
	return parts, nil
}
