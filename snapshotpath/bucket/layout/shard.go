package layout

import (
	"fmt"
	"strconv"
	"strings"
)

// Blob is an object in a shard's folder.
type Blob struct {
	Name string
	Size int64
}

// File is one Lucene file of a shard in a snapshot.
type File struct {
	// Name of its blob, or of its first part without ".part0".
	Name string
	// Physical is what Lucene calls it.
	Physical string
	Length   int64
	// PartSize is how much one blob holds; 0 for all.
	PartSize int64
	// Checksum is Lucene's, of the whole file, in base 36.
	Checksum string
}

// Virtual reports whether the file has no blob: small ones are kept inside of
// the shard's snap- file.
func (f File) Virtual() bool { return strings.HasPrefix(f.Name, "v__") }

// Blobs gives the objects that hold the file, with their exact sizes.
func (f File) Blobs() []Blob {
	if f.Virtual() {
		return nil
	}
	if f.PartSize <= 0 || f.Length <= f.PartSize {
		return []Blob{{f.Name, f.Length}}
	}
	var out []Blob
	for from := int64(0); from < f.Length; from += f.PartSize {
		out = append(out, Blob{f.Name + ".part" + strconv.Itoa(len(out)), min(f.PartSize, f.Length-from)})
	}
	return out
}

// maxParts bounds the parts of a file; the engines' own bound is 2^31.
const maxParts = 1 << 20

// ParseShard reads a shard's snap-UUID.dat: the files that a snapshot of the
// shard consists of. what names it in errors.
func ParseShard(what string, data []byte) ([]File, error) {
	doc, err := document(what, "snapshot", data)
	if err != nil {
		return nil, err
	}
	list, ok := doc["files"].([]any)
	if !ok {
		return nil, &ShapeError{What: what, Reason: "it lists no files"}
	}
	files := make([]File, len(list))
	for i, entry := range list {
		if files[i], err = fileOf(entry); err != nil {
			return nil, &ShapeError{What: what, Reason: err.Error()}
		}
	}
	return files, nil
}

func fileOf(entry any) (f File, err error) {
	m, ok := entry.(map[string]any)
	if !ok {
		return f, fmt.Errorf("a file is %T", entry)
	}
	f.Name, _ = m["name"].(string)
	f.Physical, _ = m["physical_name"].(string)
	f.Checksum, _ = m["checksum"].(string)
	length, ok := m["length"].(int64)
	f.Length = length
	if part, there := m["part_size"].(int64); there {
		f.PartSize = part
	}
	switch {
	case !plain(f.Name) || !strings.HasPrefix(f.Name, "__") && !f.Virtual():
		return f, fmt.Errorf("a file has the name %q", f.Name)
	case !ok || f.Length < 0:
		return f, fmt.Errorf("file %s has no length", f.Name)
	case f.PartSize > 0 && f.Length/f.PartSize >= maxParts:
		return f, fmt.Errorf("file %s has parts of %d bytes", f.Name, f.PartSize)
	}
	return f, nil
}

// document verifies, unpacks and decodes a metadata file.
func document(what, codec string, data []byte) (map[string]any, error) {
	body, err := unframe(what, codec, data)
	if err != nil {
		return nil, err
	}
	v, err := decodeSmile(body)
	if err != nil {
		return nil, &ShapeError{What: what, Reason: err.Error()}
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, &ShapeError{What: what, Reason: fmt.Sprintf("it holds %T", v)}
	}
	return m, nil
}
