package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"esferry/internal/batch"
	"esferry/internal/cluster"
	"esferry/internal/group"
	"esferry/internal/retry"
	"esferry/internal/shard"
)

// closePatience bounds the freeing of a scroll; it expires by itself anyway.
const closePatience = 10 * time.Second

// ErrNoSource says that an index does not keep _source, so that nothing can be
// read from it; reading again cannot help.
var ErrNoSource = errors.New("the document has no _source")

// Source is what a reader asks of an engine.
type Source interface {
	OpenScroll(ctx context.Context, s cluster.Scan) (cluster.Page, error)
	NextPage(ctx context.Context, w shard.Window, id string, alive time.Duration) (cluster.Page, error)
	CloseScroll(ctx context.Context, id string) error
}

// Reader reads windows of one index. Safe for concurrent use.
type Reader struct {
	source Source
	pages  *pager
}

// NewReader gives a reader of an engine's documents whose pages share the
// budget with every other reader's.
func NewReader(source Source, budget *batch.Budget, o Options) *Reader {
	return &Reader{source: source, pages: newPager(budget, o)}
}

// InterruptedError says that a window was not read to its end. What it gave
// before stays valid; the window must be read again as a whole.
type InterruptedError struct {
	Window shard.Window
	Err    error
	again  bool
}

// Error names the window.
func (e *InterruptedError) Error() string { return fmt.Sprintf("read %s: %s", e.Window, e.Err) }

// Unwrap gives the cause.
func (e *InterruptedError) Unwrap() error { return e.Err }

// Temporary reports whether the window may succeed when it is read again.
func (e *InterruptedError) Temporary() bool { return e.again }

// Read gives the window's documents in batches, from the primary at p. The
// consumer owns each batch and releases it. The sequence ends after the first
// error, an *InterruptedError unless ctx ended.
func (r *Reader) Read(ctx context.Context, p shard.Position, w shard.Window) iter.Seq2[*batch.Batch, error] {
	return func(yield func(*batch.Batch, error) bool) {
		s := &scroll{reader: r, lane: r.pages.options.Pace.Lane(), position: p, window: w, size: r.pages.docs(), total: -1}
		ctx, stop := context.WithCancel(ctx)
		defer s.close(ctx)
		defer s.drop(stop)
		for more := true; more; {
			var err error
			more, err = s.next(ctx, func(b *batch.Batch) bool { return yield(b, nil) })
			if errors.Is(err, errStopped) {
				return
			}
			if err != nil {
				yield(nil, s.interrupted(ctx, err))
				return
			}
		}
	}
}

// scroll is one window being read, by one goroutine.
type scroll struct {
	reader   *Reader
	lane     *batch.Lane
	position shard.Position
	window   shard.Window
	size     int
	id       string
	seen     int64
	// total that the first page announced; -1 before it.
	total int64
	// ahead waits for the page that was asked for ahead; nil where none was.
	ahead func() (cluster.Page, error)
}

// next gives the next page's documents to yield; more is false at the window's end.
func (s *scroll) next(ctx context.Context, yield func(*batch.Batch) bool) (more bool, err error) {
	if s.seen == s.total {
		return false, nil
	}
	wire, err := s.fetch(ctx)
	if err != nil {
		return false, err
	}
	if s.reader.pages.options.Ahead && wire.Length >= 0 && wire.Length <= maxPage {
		return true, s.pieces(ctx, wire, yield)
	}
	b, err := s.whole(ctx, wire)
	if b != nil && !yield(b) {
		err = errStopped
	}
	return b != nil, err
}

// whole gives a page's documents at once; none at the window's end.
func (s *scroll) whole(ctx context.Context, wire cluster.Page) (*batch.Batch, error) {
	page, room, err := s.receive(ctx, wire)
	if err != nil {
		return nil, err
	}
	s.name(page.ScrollID)
	s.seen += int64(len(page.Docs))
	if err = s.judgePage(page); err == nil {
		err = s.judgeDocs(page.Docs)
	}
	if err != nil || len(page.Docs) == 0 {
		room.Release()
		return nil, err
	}
	return batch.New(s.window, page.Docs, room.Release), nil
}

// begin notes what the first page announces.
func (s *scroll) begin(p *Page) error {
	switch {
	case s.total >= 0:
		return nil
	case p.terminatedEarly:
		return errors.New("the search was terminated early on its first page")
	case p.Total < 0:
		return errors.New("the first page announces no total")
	}
	s.total = p.Total
	return nil
}

// sample reads a few of the window's documents, and sizes pages by what they weigh: a
// scroll cannot change its pages later.
func (s *scroll) sample(ctx context.Context) error {
	if err := s.lane.Wait(ctx); err != nil {
		return err
	}
	pages := s.reader.pages
	s.size = min(s.size, sampleDocs)
	scan := s.scan()
	scan.Sample = true
	wire, err := s.reader.source.OpenScroll(ctx, scan)
	s.lane.Answered()
	if err != nil {
		return err
	}
	if pages.tooLarge(wire.Length, s.size) {
		s.abandon(ctx, wire)
	} else {
		_, room, err := s.receive(ctx, wire)
		if err != nil {
			return err
		}
		room.Release()
	}
	s.size = pages.docs()
	return nil
}

// scan asks for a page of the window.
func (s *scroll) scan() cluster.Scan {
	o := s.reader.pages.options
	return cluster.Scan{Position: s.position, Window: s.window, Query: o.Query, Size: s.size, IDsOnly: o.IDsOnly, Unnumbered: o.Unnumbered}
}

// fetch asks for a page. A first page far over its bytes is given up unread,
// and the window opened again with smaller pages. A window that goes into one
// page needs no scroll.
func (s *scroll) fetch(ctx context.Context) (cluster.Page, error) {
	if s.id != "" {
		return s.following(ctx)
	}
	pages := s.reader.pages
	if pages.guesses() && !pages.single(s.window.Span()) {
		if err := s.sample(ctx); err != nil {
			return cluster.Page{}, err
		}
	}
	if err := s.lane.Wait(ctx); err != nil {
		return cluster.Page{}, err
	}
	defer s.lane.Answered()
	for {
		scan := s.scan()
		if span := s.window.Span(); pages.single(span) {
			s.size, scan.Size = int(span), int(span)
		} else {
			scan.KeepAlive = pages.options.KeepAlive
		}
		page, err := s.reader.source.OpenScroll(ctx, scan)
		if err != nil || !pages.tooLarge(page.Length, s.size) {
			return page, err
		}
		s.abandon(ctx, page)
		s.size = pages.docs()
	}
}

// following asks for the page after the last one. One far over its bytes, because
// documents have grown within the window, is given up unread: the window is read
// again, with smaller pages.
func (s *scroll) following(ctx context.Context) (cluster.Page, error) {
	ask := s.ahead
	s.ahead = nil
	if ask == nil {
		ask = func() (cluster.Page, error) { return s.ask(ctx, s.id) }
	}
	page, err := ask()
	if err != nil || !s.reader.pages.tooLarge(page.Length, s.size) {
		return page, err
	}
	s.abandon(ctx, page)
	return page, fmt.Errorf("a page of %d documents is of %d bytes", s.size, page.Length)
}

// ask asks for the scroll's next page.
func (s *scroll) ask(ctx context.Context, id string) (cluster.Page, error) {
	if err := s.lane.Wait(ctx); err != nil {
		return cluster.Page{}, err
	}
	defer s.lane.Answered()
	return s.reader.source.NextPage(ctx, s.window, id, s.reader.pages.options.KeepAlive)
}

// askAhead asks for the page after one that names its scroll so, and is still under
// way, unless it is the last.
func (s *scroll) askAhead(ctx context.Context, id string) {
	if id == "" || s.total-s.seen <= int64(s.size) {
		return
	}
	var next cluster.Page
	g, _ := group.New(ctx)
	g.Go("next page of "+s.window.String(), func(context.Context) (err error) {
		// The group's context ends with it, and the body is read after that.
		next, err = s.ask(ctx, id)
		return err
	})
	s.ahead = func() (cluster.Page, error) {
		err := g.Wait()
		return next, err
	}
}

// drop stops what is under way, and gives up a page that was asked for ahead.
func (s *scroll) drop(stop context.CancelFunc) {
	stop()
	if s.ahead == nil {
		return
	}
	if page, err := s.ahead(); err == nil {
		_ = page.Body.Close() // nobody reads it
	}
}

// abandon gives a page up unread that is far over its bytes, and notes what its
// documents weigh. Of the page it reads the name of its scroll, which it frees:
// engines hold only so many.
func (s *scroll) abandon(ctx context.Context, page cluster.Page) {
	s.reader.pages.weigh(page.Length, s.size)
	start, err := io.ReadAll(io.LimitReader(page.Body, preface))
	_ = page.Body.Close() // nothing more of it is wanted
	if err != nil {
		return
	}
	s.id = scrollID(start)
	s.close(ctx)
	s.id = ""
}

// receive waits for room, then reads and cuts a page. The room holds it until
// it is given back.
func (s *scroll) receive(ctx context.Context, wire cluster.Page) (*Page, *batch.Room, error) {
	pages := s.reader.pages
	room, start, err := pages.receive(ctx, wire, s.size)
	if err != nil {
		// Also a torn page names its scroll, which has to be freed.
		s.name(scrollID(start))
		return nil, nil, err
	}
	page, err := Cut(room.Buf, slices.Grow(room.Docs, min(s.size, len(room.Buf)/firstIDBytes)))
	if err != nil {
		s.name(scrollID(room.Buf))
		room.Release()
		return nil, nil, err
	}
	room.Docs = page.Docs
	pages.weigh(int64(len(room.Buf)), len(page.Docs))
	pages.untype(page.Docs)
	s.lane.Spent(len(page.Docs), int64(len(room.Buf)))
	return page, room, nil
}

// name notes the newest id of the scroll, where a page gives one.
func (s *scroll) name(id string) {
	if id != "" {
		s.id = id
	}
}

// judgePage refuses a page that does not cover what was asked.
func (s *scroll) judgePage(p *Page) error {
	if err := p.Whole(); err != nil {
		return err
	}
	if err := s.begin(p); err != nil {
		return err
	}
	if p.Count() == 0 && s.seen < s.total {
		return s.miscounted()
	}
	if s.id == "" && s.seen < s.total {
		// Without its name the scan would begin anew, with the first page.
		return errors.New("the page names no scroll to ask for the next one")
	}
	return nil
}

// judgeDocs refuses documents that were not announced, and such without a source.
func (s *scroll) judgeDocs(docs []batch.Doc) error {
	if s.seen > s.total {
		return s.miscounted()
	}
	if s.reader.pages.options.IDsOnly {
		return nil
	}
	for i := range docs {
		if docs[i].Source == nil {
			return fmt.Errorf("document %s: %w", docs[i].ID, ErrNoSource)
		}
	}
	return nil
}

func (s *scroll) miscounted() error {
	return fmt.Errorf("%d documents came where %d were announced", s.seen, s.total)
}

// interrupted wraps what ended the window early.
func (s *scroll) interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("read %s: %w", s.window, ctx.Err())
	}
	// Without an engine's refusal it was the wire, a partial answer or a torn
	// page, and a lost scroll context is a 404: all may pass when read again.
	var refused *cluster.Error
	again := !errors.As(err, &refused) && !errors.Is(err, ErrNoSource) || refused != nil && refused.Status < 400 || retry.Retryable(err) || cluster.NotFound(err) && s.id != ""
	return &InterruptedError{Window: s.window, Err: err, again: again}
}

// close frees the scroll on the engine, also when ctx has ended.
func (s *scroll) close(ctx context.Context) {
	if s.id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closePatience)
	defer cancel()
	_ = s.reader.source.CloseScroll(ctx, s.id) //nolint:errcheck // it expires by itself after the keep-alive
}
