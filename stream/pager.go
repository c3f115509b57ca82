package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"esferry/internal/batch"
	"esferry/internal/cluster"
)

const (
	// maxPageDocs is the engines' own bound (index.max_result_window).
	maxPageDocs = 10000
	// firstDocBytes guesses a document's size before one was seen: low guesses make
	// giant pages, high ones cost a few requests.
	firstDocBytes = 16 << 10
	// sampleDocs tell what a window's documents weigh.
	sampleDocs = 100
	// firstIDBytes guesses the same of ids, which is the least that a document takes.
	firstIDBytes = 64
	// oversize is how many times over its bytes a page may be before it is given
	// up and asked for again with fewer documents.
	oversize = 4
	// maxPage is more than an engine can send: one Java array of bytes.
	maxPage = 2 << 30
	// preface is where a page names its scroll, before the documents.
	preface = 64 << 10
)

// Options of a Reader or Fetcher.
type Options struct {
	// PageBytes is the size pages aim at; 8 MiB when zero.
	PageBytes int64
	// PageDocs fixes the documents of a page; 0 adapts it to PageBytes.
	PageDocs int
	// KeepAlive of a scroll, renewed by each page; 5 min when zero: it must
	// outlive the slowest write.
	KeepAlive time.Duration
	// Query restricts the documents; may be empty.
	Query json.RawMessage
	// IDsOnly leaves _source out.
	IDsOnly bool
	// Unnumbered leaves sequence numbers and primary terms out: engines take a
	// twentieth less for a document without them.
	Unnumbered bool
	// Types keeps each document's type and parent, for indices of several types;
	// otherwise they are not told.
	Types bool
	// Ahead asks for a scroll's next page while one is cut and consumed, and gives a
	// page's documents while the rest of it is under way, in several batches. It is for
	// consumers that do not keep the engine waiting with an answer under way.
	Ahead bool
	// Pace bounds how fast the engine is asked; nil does not.
	Pace *batch.Pace
}

// pager sizes pages and takes them off the wire. Safe for concurrent use.
type pager struct {
	budget  *batch.Budget
	options Options
	// piece is how many bytes of a page are cut and handed on together.
	piece int
	// docBytes is what documents weighed lately, 0 before any was seen; it sizes
	// the next pages.
	docBytes atomic.Int64
}

func newPager(budget *batch.Budget, o Options) *pager {
	if o.PageBytes == 0 {
		o.PageBytes = 8 << 20
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = 5 * time.Minute
	}
	return &pager{budget: budget, options: o, piece: pieceBytes}
}

// weight is what a document is taken to weigh.
func (p *pager) weight() int64 {
	switch known := p.docBytes.Load(); {
	case known > 0:
		return known
	case p.options.IDsOnly:
		return firstIDBytes
	default:
		return firstDocBytes
	}
}

// guesses reports whether pages are sized by a guess of what documents weigh.
func (p *pager) guesses() bool {
	if p.docBytes.Load() > 0 || p.options.IDsOnly || p.options.PageDocs > 0 {
		return false
	}
	most, _ := p.options.Pace.Page(maxPageDocs, p.options.PageBytes)
	return p.docs() < most
}

// single reports whether so many documents go into one page, of at most twice
// the bytes that pages aim at: opening a scroll for a second page costs more.
func (p *pager) single(docs int64) bool {
	most := int64(p.docs())
	if p.options.PageDocs == 0 {
		most = min(2*most, maxPageDocs)
	}
	return docs <= most
}

// docs is how many documents the next page should have.
func (p *pager) docs() int {
	docs, bytes := p.options.Pace.Page(maxPageDocs, p.options.PageBytes)
	if p.options.PageDocs > 0 {
		docs = min(docs, p.options.PageDocs)
		if bytes == p.options.PageBytes {
			return docs
		}
	}
	return min(docs, int(max(1, bytes/p.weight())))
}

// most is how large a page of so many documents may become. One that cannot be
// asked for with fewer is bounded by the engine alone.
func (p *pager) most(docs int) int64 {
	if docs > 1 && p.options.PageDocs == 0 {
		return oversize * p.options.PageBytes
	}
	return maxPage
}

// tooLarge reports whether a page of so many documents should rather be asked
// for again, with fewer.
func (p *pager) tooLarge(length int64, docs int) bool {
	most := p.most(docs)
	return length > most && most < maxPage
}

// weigh notes what the documents of a page weighed, leaning to the heavier: one
// page too small costs a request, one too large costs the memory bound.
func (p *pager) weigh(bytes int64, docs int) {
	if docs == 0 {
		return
	}
	now, before := bytes/int64(docs)+1, p.docBytes.Load()
	if before > 0 && now < before {
		now = (3*before + now) / 4
	}
	p.docBytes.Store(now)
}

// receive waits for room and reads a page of at most docs documents into it. With an
// error it gives the beginning of what it got, for which no room is held.
func (p *pager) receive(ctx context.Context, wire cluster.Page, docs int) (*batch.Room, []byte, error) {
	defer wire.Body.Close()
	if wire.Length > maxPage {
		start, _ := io.ReadAll(io.LimitReader(wire.Body, preface)) //nolint:errcheck // it is an error already
		return nil, start, fmt.Errorf("a page of %d bytes is announced, which no engine can send", wire.Length)
	}
	length := wire.Length
	if length < 0 {
		length = p.options.PageBytes
	}
	room, err := p.budget.Room(ctx, length)
	if err != nil {
		return nil, nil, err
	}
	if err := p.read(wire, room, docs); err != nil {
		start := bytes.Clone(room.Buf[:min(len(room.Buf), preface)])
		room.Release()
		return nil, start, err
	}
	return room, nil, nil
}

// read takes a page off the wire, and leaves in the room what it got of it. One
// of unknown length that grows far over what pages aim at is given up, and the
// next ones are asked for smaller.
func (p *pager) read(wire cluster.Page, room *batch.Room, docs int) error {
	if wire.Length >= 0 {
		n, err := io.ReadFull(wire.Body, room.Buf)
		if room.Buf = room.Buf[:n]; err != nil {
			return fmt.Errorf("read a page of %d bytes: %w", wire.Length, err)
		}
		return nil
	}
	most := p.most(docs)
	into := bytes.NewBuffer(room.Buf[:0])
	_, err := into.ReadFrom(io.LimitReader(wire.Body, most+1))
	if room.Buf = into.Bytes(); err != nil {
		return fmt.Errorf("read a page: %w", err)
	}
	if int64(len(room.Buf)) > most {
		p.weigh(most, docs)
		return fmt.Errorf("the page is larger than %d bytes; smaller ones are asked for", most)
	}
	return nil
}

// untype takes off what the reader is not to tell.
func (p *pager) untype(docs []batch.Doc) {
	if p.options.Types {
		return
	}
	for i := range docs {
		docs[i].Type, docs[i].Parent = nil, nil
	}
}
