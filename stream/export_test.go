package stream

import (
	"io"

	"esferry/internal/batch"
)

// InPieces has a reader take pages in pieces of so many bytes.
func (r *Reader) InPieces(bytes int) *Reader {
	r.pages.piece = bytes
	return r
}

// CutPieces cuts a page that comes in pieces of so many bytes, and gives what was
// handed on, piece by piece.
func CutPieces(wire io.Reader, length, piece int) (page *Page, handed [][]batch.Doc, err error) {
	f := &inflow{wire: wire, buf: make([]byte, length), piece: piece, hand: func(docs []batch.Doc) error {
		handed = append(handed, docs)
		return nil
	}}
	if err := f.take(piece); err != nil {
		return nil, nil, err
	}
	if page, err = cutInflow(f, nil); err == nil {
		err = f.handOn(page.Docs)
	}
	return page, handed, err
}
