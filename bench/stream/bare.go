package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"esferry/bench/measure"
	"esferry/internal/group"
)

// connections of the limit.
const connections = 4

// inside measures what is done by this process itself; the memory of that says
// nothing.
func inside(ctx context.Context, do func(ctx context.Context) error) (u measure.Usage, err error) {
	before, err := measure.Self()
	if err != nil {
		return u, err
	}
	began := time.Now()
	err = do(ctx)
	u.Wall = time.Since(began)
	if err != nil {
		return u, err
	}
	after, err := measure.Self()
	u.CPU = after - before
	return u, err
}

// send sends bulks, by several connections at once.
func (s *stage) send(ctx context.Context, url string, bodies [][]byte) error {
	work := make(chan []byte, len(bodies))
	for _, b := range bodies {
		work <- b
	}
	close(work)
	g, _ := group.New(ctx)
	for range connections {
		g.Go("bulks", func(ctx context.Context) error {
			for body := range work {
				answer, err := s.post(ctx, http.MethodPost, url+"?filter_path=errors,items.*.error", "application/x-ndjson", body)
				if err != nil {
					return err
				}
				if !bytes.HasPrefix(answer, []byte(`{"errors":false`)) {
					return fmt.Errorf("a bulk was refused: %.500s", answer)
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// scroll reads every shard of the source once, all at the same time, in the
// order that costs nothing, and throws away what it reads.
func (s *stage) scroll(ctx context.Context, page int) error {
	g, _ := group.New(ctx)
	for n := range shards {
		g.Go(fmt.Sprintf("scroll of shard %d", n), func(ctx context.Context) error { return s.scrollShard(ctx, n, page) })
	}
	return g.Wait()
}

func (s *stage) scrollShard(ctx context.Context, n, page int) error {
	url := fmt.Sprintf("%s/%s/_search?scroll=5m&preference=_shards:%d", s.source.URL(), index, n)
	body := fmt.Appendf(nil, `{"size":%d,"sort":["_doc"]}`, page)
	for {
		p := pageHead{}
		if err := s.stream(ctx, http.MethodPost, url, "application/json", body, p.read); err != nil {
			return err
		}
		if p.last() {
			_, err := s.call(ctx, http.MethodDelete, s.source.URL()+"/_search/scroll", fmt.Sprintf(`{"scroll_id":%q}`, p.id))
			return err
		}
		url = s.source.URL() + "/_search/scroll"
		body = fmt.Appendf(nil, `{"scroll":"5m","scroll_id":%q}`, p.id)
	}
}

// pageHead is the little of a page that has to be known: its beginning, with the
// scroll's id, and its size.
type pageHead struct {
	id   string
	size int64
}

// emptyPage is more than the answer without documents has, and less than any
// with one of ours.
const emptyPage = 600

func (p *pageHead) last() bool { return p.size < emptyPage }

func (p *pageHead) read(r io.Reader) error {
	var head [emptyPage]byte
	n, err := io.ReadFull(r, head[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	before, after, ok := bytes.Cut(head[:n], []byte(`"_scroll_id":"`))
	id, _, closed := bytes.Cut(after, []byte{'"'})
	if !ok || !closed {
		return fmt.Errorf("a page without the scroll's id: %.100s", before)
	}
	p.id = string(id)
	rest, err := io.Copy(io.Discard, r)
	p.size = int64(n) + rest
	return err
}

// reindex lets the target pull the index from the source.
func (s *stage) reindex(ctx context.Context, page int) error {
	body, err := json.Marshal(map[string]any{
		"source": map[string]any{"remote": map[string]string{"host": s.source.URL()}, "index": index, "size": page},
		"dest":   map[string]string{"index": index},
	})
	if err != nil {
		return fmt.Errorf("ask for a reindex: %w", err)
	}
	answer, err := s.call(ctx, http.MethodPost, s.target.URL()+"/_reindex", string(body))
	if err != nil {
		return err
	}
	var done struct{ Failures []json.RawMessage }
	if err := json.Unmarshal(answer, &done); err != nil {
		return fmt.Errorf("read what a reindex did: %w", err)
	}
	if len(done.Failures) > 0 {
		return fmt.Errorf("a reindex failed: %.500s", answer)
	}
	return nil
}
