package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/jsonscan"
)

// pieceBytes of a page are cut and handed on together: few enough that a processor
// still has them at hand when the consumer looks at them.
const pieceBytes = 256 << 10

// errStopped says that the consumer wants no more.
var errStopped = errors.New("the consumer stopped")

// inflow is a page on its way.
type inflow struct {
	wire io.Reader
	// buf is as long as the page. It holds the bytes up to here that came and are not
	// let go of, and so many are left to come.
	buf        []byte
	here, left int
	piece      int
	// hand gives documents of the page on that were cut out of what came.
	hand func(p *Page, docs []batch.Doc) error
	// idle reports that nobody uses what was handed on any longer.
	idle func() bool
	// handed is how many of the page's documents were.
	handed int
	// err is what ended it early.
	err error
}

// whole reports whether all of the page has come, or none is on its way.
func (f *inflow) whole() bool { return f == nil || f.left == 0 }

// take takes up to so many bytes more off the wire.
func (f *inflow) take(most int) error {
	n, err := io.ReadFull(f.wire, f.buf[f.here:f.here+min(f.left, most)])
	f.here, f.left = f.here+n, f.left-n
	if err != nil {
		f.err = fmt.Errorf("read a page of %d bytes: %w", len(f.buf), err)
	}
	return f.err
}

// advance hands on what was cut, and has the scanner go on at a place of a text that
// is a piece longer: at least as long as what already is there of a document, so that
// a giant one is not looked through time and again. What nobody uses any longer is let
// go of, so that the same few bytes of memory serve all of a page.
func (p *Page) advance(s *jsonscan.Scanner, at int) error {
	f := p.inflow
	if err := f.handOn(p); err != nil {
		return err
	}
	if len(p.Docs) > 0 && f.idle() {
		f.here = copy(f.buf, f.buf[at:f.here])
		p.gone += len(p.Docs)
		at, f.handed, p.Docs = 0, 0, p.Docs[:0]
	}
	if err := f.take(max(f.piece, f.here-at)); err != nil {
		return err
	}
	s.Resume(f.buf[:f.here], at)
	return nil
}

// finish has all of a page come, so that what follows its documents can be read.
func (p *Page) finish(s *jsonscan.Scanner) error {
	f := p.inflow
	if err := f.take(f.left); err != nil {
		return err
	}
	s.Resume(f.buf[:f.here], s.Pos())
	return nil
}

// handOn hands on those of a page's documents that were not yet.
func (f *inflow) handOn(p *Page) error {
	fresh := f.fresh(p)
	if f.handed = len(p.Docs); len(fresh) > 0 {
		f.err = f.hand(p, fresh)
	}
	return f.err
}

// fresh gives those of a page's documents that were not handed on yet.
func (f *inflow) fresh(p *Page) []batch.Doc { return p.Docs[f.handed:len(p.Docs):len(p.Docs)] }

// cutInflow cuts a page of which a beginning has come, as Cut does, and hands its
// documents on while the rest is under way; the last ones are left to its caller.
// Where that beginning ends before the first document, all of the page is waited for.
func cutInflow(f *inflow, docs []batch.Doc) (*Page, error) {
	p := &Page{Total: -1, Docs: docs, inflow: f}
	err := p.cut(f.buf[:f.here])
	if (err != nil || !f.whole()) && f.err == nil && p.gone+f.handed == 0 && f.take(f.left) == nil {
		p = &Page{Total: -1, Docs: docs}
		err = p.cut(f.buf)
	}
	switch {
	case f.err != nil:
		return nil, f.err
	case err != nil:
		return nil, fmt.Errorf("cut a page of %d bytes: %w", len(f.buf), err)
	}
	return p, nil
}

// pieces receives a page piece by piece, and gives each piece's documents to yield.
func (s *scroll) pieces(ctx context.Context, wire cluster.Page, yield func(*batch.Batch) bool) error {
	defer wire.Body.Close()
	pages := s.reader.pages
	room, err := pages.budget.Room(ctx, wire.Length)
	if err != nil {
		return err
	}
	l := &lent{room: room}
	defer l.borrow()()
	give := func(docs []batch.Doc) error {
		if err := s.judgeDocs(docs); err != nil {
			return err
		}
		pages.untype(docs)
		if !yield(batch.New(s.window, docs, l.borrow())) {
			return errStopped
		}
		return nil
	}
	f := &inflow{wire: wire.Body, buf: room.Buf, left: len(room.Buf), piece: pages.piece, idle: l.idle}
	page, err := s.cutPieces(ctx, f, slices.Grow(room.Docs, min(s.size, len(room.Buf)/firstIDBytes)), give)
	if err != nil {
		return err
	}
	s.name(page.ScrollID)
	room.Docs = page.Docs
	pages.weigh(wire.Length, page.Count())
	s.lane.Spent(page.Count(), wire.Length)
	last := f.fresh(page)
	s.seen += int64(len(last))
	if err := s.judgePage(page); err != nil || len(last) == 0 {
		return err
	}
	return give(last)
}

// cutPieces cuts a page from its beginning on, with which the next one is asked for.
func (s *scroll) cutPieces(ctx context.Context, f *inflow, docs []batch.Doc, give func(docs []batch.Doc) error) (*Page, error) {
	err := f.take(min(preface, f.piece))
	// Also a torn page names its scroll, which has to be freed.
	id := scrollID(f.buf[:f.here])
	if s.name(id); err != nil {
		return nil, err
	}
	first := s.total < 0
	if !first {
		s.askAhead(ctx, id)
	}
	f.hand = func(p *Page, docs []batch.Doc) error {
		if first {
			if err := s.begin(p); err != nil {
				return err
			}
			// Only now it is known whether there is a page after this one.
			s.askAhead(ctx, id)
			first = false
		}
		s.seen += int64(len(docs))
		return give(docs)
	}
	return cutInflow(f, docs)
}

// lent is a room that several batches hold at the same time.
type lent struct {
	room  *batch.Room
	users atomic.Int32
}

// idle reports that whoever asks is the only one who holds it.
func (l *lent) idle() bool { return l.users.Load() == 1 }

// borrow gives what ends one use of it; the last one gives it back.
func (l *lent) borrow() (release func()) {
	l.users.Add(1)
	return func() {
		if l.users.Add(-1) == 0 {
			l.room.Release()
		}
	}
}
