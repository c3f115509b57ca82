package corpus

import (
	"bytes"
	"encoding/json"
	"iter"
)

// Doc is one document to load. The zero Routing is none.
type Doc struct {
	ID      string
	Routing string
	// Type is for indices of several types, which Elasticsearch 2 and 5 have;
	// when empty, the type that all documents of an index share. Parent is the
	// id of the parent, where the type has one.
	Type, Parent string
	// Source goes to the engine as it is, byte for byte.
	Source []byte
	// Optional says that some engines refuse this document, and may.
	Optional bool
}

func (d Doc) ref() ref { return ref{id: d.ID, routing: d.Routing, kind: d.Type, parent: d.Parent} }

// Docs are documents that are made, or read, one by one; an error ends them.
type Docs = iter.Seq2[Doc, error]

// Of gives the documents of a list.
func Of(docs ...Doc) Docs {
	return func(yield func(Doc, error) bool) {
		for _, d := range docs {
			if !yield(d, nil) {
				return
			}
		}
	}
}

// Take ends docs after n documents.
func Take(n int, docs Docs) Docs {
	return func(yield func(Doc, error) bool) {
		left := n
		if left <= 0 {
			return
		}
		for d, err := range docs {
			left--
			if !yield(d, err) || left == 0 {
				return
			}
		}
	}
}

// encode writes v without the escapes that browsers want, so that source code
// stays readable.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
