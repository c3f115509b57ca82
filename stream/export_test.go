package stream

import (
	"bytes"
	"io"
	"slices"

	"esferry/internal/batch"
)

// InPieces has a reader take pages in pieces of so many bytes.
func (r *Reader) InPieces(bytes int) *Reader {
	r.pages.piece = bytes
	return r
}

// CutPieces cuts a page that comes in pieces of so many bytes, and gives what was
// handed on, piece by piece; its consumer uses it until the end, or is done with it
// at once.
func CutPieces(wire io.Reader, length, piece int, keeps bool) (page *Page, handed [][]batch.Doc, err error) {
	f := &inflow{wire: wire, buf: make([]byte, length), left: length, piece: piece, idle: func() bool { return !keeps }, hand: func(_ *Page, docs []batch.Doc) error {
		if !keeps {
			docs = cloned(docs)
		}
		handed = append(handed, docs)
		return nil
	}}
	if err := f.take(piece); err != nil {
		return nil, nil, err
	}
	if page, err = cutInflow(f, nil); err == nil {
		err = f.handOn(page)
	}
	return page, handed, err
}

// cloned gives documents that own their bytes.
func cloned(docs []batch.Doc) []batch.Doc {
	own := slices.Clone(docs)
	for i := range own {
		for _, part := range []*[]byte{&own[i].ID, &own[i].Routing, &own[i].Type, &own[i].Parent, &own[i].Source} {
			*part = bytes.Clone(*part)
		}
	}
	return own
}
