package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"esferry/internal/retry"
)

// Terms tells what the leader announces, nil where there is none, until ctx ends;
// then it returns nil.
func (s *Store) Terms(ctx context.Context, tell func(text []byte)) error {
	return s.follow(ctx, s.keys.terms(), map[string]int64{}, func(_ string, text []byte) { tell(text) })
}

// Vacant waits until nobody holds the ferry. The error is ctx's, or that of a
// cluster that is away for too long.
func (s *Store) Vacant(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	err := s.follow(watching, s.keys.claim(), map[string]int64{"": 0}, func(_ string, claim []byte) {
		if claim == nil {
			stop()
		}
	})
	return errors.Join(err, ctx.Err())
}

// Outcome gives what was last concluded, nil for nothing yet.
func (s *Store) Outcome(ctx context.Context) ([]byte, error) {
	var answer *clientv3.GetResponse
	err := s.ask(ctx, func(ctx context.Context) (err error) {
		answer, err = s.client.Get(ctx, s.keys.outcome())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask how the last run of %s ended: %w", s.keys, err)
	}
	if len(answer.Kvs) == 0 {
		return nil, nil
	}
	return present(answer.Kvs[0].Value), nil
}

// follow tells of what is under a prefix, then of each change; nil is what is gone,
// of what was told or is known from the start. What it missed while the cluster was
// away is made up for. It ends with ctx, or with the error of a cluster that is away
// for too long.
func (s *Store) follow(ctx context.Context, prefix string, known map[string]int64, tell func(key string, value []byte)) error {
	for ctx.Err() == nil {
		if err := s.followOnce(ctx, prefix, known, tell); err != nil && ctx.Err() == nil {
			return fmt.Errorf("follow %s: %w", prefix, err)
		}
		// A watch that ends at once must not be a storm of requests.
		_ = retry.Sleep(ctx, lookEvery) //nolint:errcheck // ctx is asked above
	}
	return nil
}

func (s *Store) followOnce(ctx context.Context, prefix string, known map[string]int64, tell func(key string, value []byte)) error {
	var now *clientv3.GetResponse
	err := s.ask(ctx, func(ctx context.Context) (err error) {
		now, err = s.client.Get(ctx, prefix, clientv3.WithPrefix())
		return err
	})
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, kv := range now.Kvs {
		key := strings.TrimPrefix(string(kv.Key), prefix)
		there[key] = true
		if known[key] != kv.ModRevision {
			known[key] = kv.ModRevision
			tell(key, present(kv.Value))
		}
	}
	for key := range known {
		if !there[key] {
			delete(known, key)
			tell(key, nil)
		}
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	for news := range s.client.Watch(clientv3.WithRequireLeader(watching), prefix, clientv3.WithPrefix(), clientv3.WithRev(now.Header.Revision+1)) {
		if news.Err() != nil {
			// All is asked for again.
			break
		}
		for _, e := range news.Events {
			key := strings.TrimPrefix(string(e.Kv.Key), prefix)
			if e.Type == clientv3.EventTypeDelete {
				delete(known, key)
				tell(key, nil)
				continue
			}
			known[key] = e.Kv.ModRevision
			tell(key, present(e.Kv.Value))
		}
	}
	return nil
}
