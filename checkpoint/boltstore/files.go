package boltstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"esferry/checkpoint"
)

const holderSuffix = ".holder"

// writeFile replaces the file at once and durably. Only the holder of the
// store's lock calls it, so that the draft's name needs no chance in it; what a
// crash left of an earlier draft goes.
func writeFile(path string, content []byte) error {
	draft := path + ".new"
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		// Without it a power cut may leave a renamed file without content.
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(draft))
	}
	return os.Rename(draft, path)
}

// syncFolder makes the file's name as durable as the file.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close() //nolint:errcheck // nothing was written
	if err := folder.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

func writeHolder(path string, holder checkpoint.Holder) error {
	text, err := json.Marshal(holder)
	if err != nil {
		return err
	}
	if err := writeFile(path+holderSuffix, append(text, '\n')); err != nil {
		return fmt.Errorf("write the holder: %w", err)
	}
	return nil
}

// readHolder gives who holds the store, or nobody where that cannot be told. It
// may be a process that died: then the lock is that of a reader, for a moment.
func readHolder(path string) checkpoint.Holder {
	const most = 4096
	file, err := os.Open(path + holderSuffix)
	if err != nil {
		return checkpoint.Holder{}
	}
	defer file.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, most))
	var holder checkpoint.Holder
	if err != nil || json.Unmarshal(text, &holder) != nil {
		return checkpoint.Holder{}
	}
	return holder
}

func removeHolder(path string) error {
	if err := os.Remove(path + holderSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the holder: %w", err)
	}
	return nil
}
