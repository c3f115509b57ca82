package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	folderPattern = "esferry-lab-*"
	// folderLock lies in the data folder of a lab and is locked while it lives.
	folderLock = ".lock"
)

// makeDataFolder makes the folder for all that engines write, and removes
// those that killed labs could not.
func (l *Lab) makeDataFolder(ctx context.Context) (err error) {
	if l.dir, err = os.MkdirTemp("", folderPattern); err != nil {
		return err
	}
	if l.unlock, err = lockFile(ctx, filepath.Join(l.dir, folderLock)); err != nil {
		return errors.Join(err, os.RemoveAll(l.dir))
	}
	if err := errors.Join(os.Chmod(l.dir, openDir), l.account.reach(filepath.Join(l.dir, "engine"))); err != nil {
		return errors.Join(err, os.RemoveAll(l.dir), l.unlock())
	}
	sweep(os.TempDir(), time.Now().Add(-time.Minute))
	return nil
}

// sweep removes the folders of labs that are dead: whose lock can be had. One
// younger than old may be of a lab that is just about to lock it. What cannot
// be removed, such as another user's, stays: it is in nobody's way.
func sweep(temp string, old time.Time) {
	locks, err := filepath.Glob(filepath.Join(temp, folderPattern, folderLock))
	if err != nil {
		return
	}
	for _, lock := range locks {
		info, err := os.Lstat(lock)
		if err != nil || !info.Mode().IsRegular() || info.ModTime().After(old) {
			continue
		}
		f, err := os.OpenFile(lock, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(lock)) //nolint:errcheck // See above.
		}
		_ = f.Close() //nolint:errcheck // It was not written to.
	}
}

// Folder makes a folder in the lab's own, gone after Close, that engines and
// gateways may write to: for repositories and buckets.
func (l *Lab) Folder(name string) (string, error) {
	dir := filepath.Join(l.dir, name)
	return dir, l.share(dir)
}

// share makes dir where it is missing and lets engines and gateways use it.
func (l *Lab) share(dir string) error {
	if err := makeDir(dir); err != nil {
		return fmt.Errorf("make the folder %s: %w", dir, err)
	}
	if err := l.account.reach(dir); err != nil {
		return err
	}
	return l.account.own(dir)
}
