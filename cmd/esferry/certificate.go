package main

import (
	"encoding/json"
	"fmt"
	"os"

	"esferry/internal/ferry"
)

// mustBeFree refuses a file that is there, before hours are spent.
func mustBeFree(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return &usageError{err: fmt.Errorf("%s is there already", path), hint: "name another file, or move that one away"}
	}
	return nil
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
