package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"esferry/internal/retry"
)

// marker is the file that is written last: what has it is whole.
const marker = ".complete"

// Cached gives the folder name of the cache, filled by fill when it is not yet
// whole. Other processes that want the same wait for the first. A fill that
// fails or dies half way leaves nothing that the next one would trust.
func (l *Lab) Cached(ctx context.Context, name string, fill func(ctx context.Context, dir string) error) (dir string, err error) {
	dir = filepath.Join(l.cache, name)
	if whole(dir) {
		return dir, nil
	}
	unlock, err := lockFile(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if whole(dir) {
		return dir, nil
	}
	l.logf("fetch %s into %s", name, l.cache)
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("clear %s: %w", dir, err)
	}
	if err := makeDir(dir); err != nil {
		return "", fmt.Errorf("make the cache folder %s: %w", dir, err)
	}
	if err := fill(ctx, dir); err != nil {
		return "", fmt.Errorf("fetch %s: %w", name, err)
	}
	if err := writeFile(filepath.Join(dir, marker), ""); err != nil {
		return "", fmt.Errorf("mark %s as complete: %w", dir, err)
	}
	return dir, nil
}

func whole(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, marker))
	return err == nil
}

// lockFile takes a lock that ends with unlock or with the process.
func lockFile(ctx context.Context, file string) (unlock func() error, err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock %s: %w", file, err)
	}
	err = retry.Poll(ctx, "the lock "+file, 200*time.Millisecond, func(context.Context) (bool, error) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", file, err), f.Close())
	}
	return f.Close, nil
}
