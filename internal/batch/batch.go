package batch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"

	"esferry/internal/shard"
)

// Versioning is how the target judges a document's version (protocol 1.4).
type Versioning string

// The two ways of writing with the source's version.
const (
	// External applies a document only over a lower version, and leaves equal
	// ones alone: a replay costs nothing and deletes stay findable.
	External Versioning = "external"
	// ExternalGTE applies it over an equal version too: for windows where the
	// same version may carry other content.
	ExternalGTE Versioning = "external_gte"
)

// Doc is one document as it arrived. All slices point into the page that the
// Batch owns and are valid until its Release: other documents come to lie there.
type Doc struct {
	// ID is the JSON string of _id, quotes and escapes as the source sent them.
	ID []byte
	// Routing is the JSON string of _routing, or nil.
	Routing []byte
	// Type and Parent are the JSON strings of _type and _parent, for indices of
	// several types (Elasticsearch before 6); else nil.
	Type, Parent []byte
	// Source is the JSON object of _source, or nil where only ids were asked for.
	Source []byte
	// OneLine says that Source is known to have no line breaks.
	OneLine bool
	// Version is _version.
	Version int64
	// SeqNo is _seq_no, -1 where the engine gave none.
	SeqNo int64
	// Term is _primary_term, 0 where the engine gave none.
	Term int64
}

// Size is the count of bytes the document adds to a bulk body, less the
// constant words around them.
func (d Doc) Size() int {
	return len(d.ID) + len(d.Routing) + len(d.Type) + len(d.Parent) + len(d.Source)
}

// InOneLine reports whether Source has no line breaks.
func (d Doc) InOneLine() bool { return d.OneLine || bytes.IndexByte(d.Source, '\n') < 0 }

// Line appends the document's _source as one line, as a bulk body wants it. A
// source with line breaks is compacted; nothing else of it is touched (protocol 6).
func (d Doc) Line(to *bytes.Buffer) error {
	if d.InOneLine() {
		to.Write(d.Source)
		return nil
	}
	if err := json.Compact(to, d.Source); err != nil {
		return fmt.Errorf("document %s: its _source is not JSON: %w", d.ID, err)
	}
	return nil
}

// Batch is the documents of one page, or of a piece of it, and the window they
// belong to. It has one owner at a time; the last owner calls Release after the
// acknowledgement.
type Batch struct {
	Window     shard.Window
	Docs       []Doc
	Versioning Versioning

	once    sync.Once
	release func()
}

// New gives a batch whose Release calls release once; nil is allowed.
func New(w shard.Window, docs []Doc, release func()) *Batch {
	return &Batch{Window: w, Docs: docs, Versioning: External, release: release}
}

// Bytes is the sum of the documents' sizes.
func (b *Batch) Bytes() int64 {
	var n int64
	for i := range b.Docs {
		n += int64(b.Docs[i].Size())
	}
	return n
}

// Release gives the page and its share of the budget back. The documents must
// not be touched afterwards. Later calls do nothing. Safe for concurrent use.
func (b *Batch) Release() {
	b.once.Do(func() {
		if b.release != nil {
			b.release()
		}
	})
}
