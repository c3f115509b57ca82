package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// What a night's repository looks like to a copy.
const (
	smallObjects = 8000
	smallBytes   = 13_000
	largeObjects = 6
	largeBytes   = 100_000_000
)

// repository fills a bucket's folder with files that are named as an engine
// names them: no engine reads them.
func repository(dir string) error {
	random := rand.NewChaCha8([32]byte{1})
	write := func(name string, size int64) (err error) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // the gateway reads it
			return err
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // as above
		if err != nil {
			return err
		}
		// In small pieces: nothing of it has to be held.
		_, err = io.CopyN(f, random, size)
		return errors.Join(err, f.Close())
	}
	for i := range smallObjects + largeObjects {
		var id [16]byte
		_, _ = random.Read(id[:]) //nolint:errcheck // it never fails
		size := int64(smallBytes)
		if i >= smallObjects {
			size = largeBytes
		}
		name := fmt.Sprintf("indices/index-of-22-letters-%02d/%d/__%s", i%40, i%5, base64.RawURLEncoding.EncodeToString(id[:]))
		if err := write(name, size); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"index-0": `{"snapshots":[],"indices":{}}`, "index.latest": "\x00\x00\x00\x00\x00\x00\x00\x00",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // as above
			return err
		}
	}
	return nil
}
