package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"esferry/internal/ferry"
)

// mustBeFree refuses to write over a file that is there, unless by force, before
// hours are spent.
func mustBeFree(path string, force bool) error {
	_, err := os.Lstat(path)
	switch {
	case force || errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look whether %s is there: %w", path, err)
	default:
		return &usageError{err: fmt.Errorf("%s is there already", path), hint: "name another file, or move that one away"}
	}
}

// writeCertificate writes what was found equal, or gives the reason why not.
func writeCertificate(f *ferry.Ferry, level ferry.Level, path string) error {
	c, err := f.Certificate(level)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the certificate: %w", err)
	}
	return writeNew(path, append(text, '\n'), false)
}
