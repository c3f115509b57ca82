package scratch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/klauspost/compress/s2"
)

// File holds pieces of bytes. Keep and Load are safe for concurrent use.
type File struct {
	dir  string
	file *os.File

	mu  sync.Mutex
	end int64
}

// Piece is where bytes were kept in their file.
type Piece struct {
	at     int64
	length int
}

// Open makes an empty file in a folder.
func Open(dir string) (*File, error) {
	file, err := os.CreateTemp(dir, "esferry-scratch-*")
	if err != nil {
		return nil, &DiskError{Dir: dir, Err: err}
	}
	_ = os.Remove(file.Name()) //nolint:errcheck // some systems keep open files; Close removes those
	return &File{dir: dir, file: file}, nil
}

// Keep writes a piece; its bytes may be changed afterwards. An error is a
// *DiskError.
func (f *File) Keep(data []byte) (Piece, error) {
	packed := s2.Encode(nil, data)
	f.mu.Lock()
	p := Piece{at: f.end, length: len(packed)}
	f.end += int64(len(packed))
	f.mu.Unlock()
	if _, err := f.file.WriteAt(packed, p.at); err != nil {
		return Piece{}, &DiskError{Dir: f.dir, Err: err}
	}
	return p, nil
}

// Load gives the bytes that were kept as a piece. An error is a *DiskError.
func (f *File) Load(p Piece) ([]byte, error) {
	packed := make([]byte, p.length)
	if _, err := f.file.ReadAt(packed, p.at); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, &DiskError{Dir: f.dir, Err: err}
	}
	data, err := s2.Decode(nil, packed)
	if err != nil {
		return nil, f.Torn(err)
	}
	return data, nil
}

// Torn says that what was read back is not what was kept.
func (f *File) Torn(err error) error {
	return &DiskError{Dir: f.dir, Err: fmt.Errorf("what was written there has changed: %w", err)}
}

// Close frees the disk space.
func (f *File) Close() error {
	err := f.file.Close()
	if left := os.Remove(f.file.Name()); left != nil && !os.IsNotExist(left) {
		err = errors.Join(err, left)
	}
	if err != nil {
		return fmt.Errorf("close the scratch file in %s: %w", f.dir, err)
	}
	return nil
}

// DiskError says that scratch files cannot be written or read.
type DiskError struct {
	Dir string
	Err error
}

// Error names the folder.
func (e *DiskError) Error() string { return fmt.Sprintf("use scratch files in %s: %s", e.Dir, e.Err) }

// Unwrap gives the cause.
func (e *DiskError) Unwrap() error { return e.Err }

// NextStep is printed on a line of its own.
func (e *DiskError) NextStep() string {
	return "give checkpoint.path a folder with room, about 60 bytes for each document of an index, then run again; it resumes"
}
