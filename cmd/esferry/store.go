package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"esferry/checkpoint"
	"esferry/checkpoint/boltstore"
	"esferry/checkpoint/etcdstore"
	"esferry/internal/config"
	"esferry/internal/ferry"
	"esferry/internal/group"
	"esferry/internal/workers"
)

// openStore opens the store that the configuration names, to be acquired: the
// place where one is chosen.
func openStore(ctx context.Context, c config.Checkpoint, name string) (checkpoint.Store, error) {
	if c.Store == config.StoreEtcd {
		return openEtcd(ctx, c, name)
	}
	store, err := boltstore.Open(ctx, c.Path)
	if err != nil {
		return nil, err
	}
	return store, nil
}

// openToRead opens it for those who change nothing. An embedded store is closed to
// them while its ferry runs; where there is none, the error wraps fs.ErrNotExist.
func openToRead(ctx context.Context, c config.Checkpoint, name string) (checkpoint.Store, error) {
	if c.Store == config.StoreEtcd {
		return openEtcd(ctx, c, name)
	}
	store, err := boltstore.OpenReadOnly(ctx, c.Path)
	if err != nil {
		return nil, err
	}
	return store, nil
}

func openEtcd(ctx context.Context, c config.Checkpoint, name string) (checkpoint.Store, error) {
	store, err := openEtcdStore(ctx, c, name)
	if err != nil {
		// A nil *etcdstore.Store would be a Store that is not nil.
		return nil, err
	}
	return store, nil
}

func openEtcdStore(ctx context.Context, c config.Checkpoint, name string) (*etcdstore.Store, error) {
	return etcdstore.Open(ctx, etcdstore.Options{
		Endpoints: c.Endpoints, Root: c.Prefix + name + "/", Username: c.Username, Password: c.Password.Reveal(),
		CAFile: c.TLS.CAFile, CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile, InsecureSkipVerify: c.TLS.InsecureSkipVerify,
	})
}

// restoreStore makes an embedded store anew from its export.
func restoreStore(ctx context.Context, c config.Checkpoint) error {
	if c.Store == config.StoreEtcd {
		return &usageError{
			err:  errors.New("a checkpoint store in etcd has no export beside it"),
			hint: "bring etcd back from a snapshot of its own (etcdutl snapshot restore)",
		}
	}
	if err := boltstore.Restore(ctx, c.Path); err != nil {
		return fmt.Errorf("restore the checkpoint store: %w", err)
	}
	return nil
}

// losable is a store whose lease may end while it is held: Lost waits for that,
// and gives nil where ctx ends before.
type losable interface {
	Lost(ctx context.Context) error
}

// whileHeld does something that ends with the lease, in stores where it may.
func whileHeld(ctx context.Context, store checkpoint.Store, do func(ctx context.Context) error) error {
	l, ok := store.(losable)
	if !ok {
		return do(ctx)
	}
	holding, stop := context.WithCancel(ctx)
	defer stop()
	g, _ := group.New(holding)
	var result error
	g.Go("lease", l.Lost)
	g.Go("command", func(ctx context.Context) error {
		defer stop()
		result = do(ctx)
		return result
	})
	err := g.Wait()
	if !errors.Is(err, checkpoint.ErrLeaseLost) {
		return err
	}
	return leaving(err, result)
}

// leaving is a cause that ended a command: of what else went wrong by it, as the
// command tells, only this is left to be done by hand.
func leaving(cause, result error) error {
	if left := blockedBy(result); left != nil {
		return errors.Join(cause, left)
	}
	return cause
}

// blockedBy gives what says that writers stay held back, nil for nothing.
func blockedBy(err error) error {
	if left, ok := errors.AsType[*ferry.BlockedError](err); ok {
		return left
	}
	if standing, ok := errors.AsType[*ferry.StandingError](err); ok {
		return standing
	}
	return nil
}

// howEnded tells how a command ended, by its own result and by the first error of what
// went on beside it, or its own. What is beside it ends with it, and that counts for
// nothing; but where it ended since that had failed, the failure does.
func howEnded(ctx context.Context, result, first error) error {
	switch over := ctx.Err(); {
	case errors.Is(first, context.Canceled) && (result != nil || over == nil):
		return result
	case over == nil && errors.Is(result, context.Canceled):
		return leaving(first, result)
	case result != nil:
		return result
	default:
		return first
	}
}

// crewOf tells who has the ferry, nil for nobody, and who carries for them, where
// the store can be read beside them.
func crewOf(ctx context.Context, store checkpoint.Store) (*checkpoint.Holder, []workers.Worker, error) {
	shared, ok := store.(*etcdstore.Store)
	if !ok {
		return nil, nil, nil
	}
	h, err := shared.Holder(ctx)
	if err != nil || h == (checkpoint.Holder{}) {
		return nil, nil, err
	}
	seats, err := shared.Seats(ctx)
	if err != nil {
		return nil, nil, err
	}
	crew := make([]workers.Worker, len(seats))
	for i, text := range seats {
		if err := json.Unmarshal(text, &crew[i]); err != nil {
			return nil, nil, fmt.Errorf("decode who carries: %w", err)
		}
	}
	return &h, crew, nil
}
