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

	"esferry/internal/group"
)

// Documents that a bare scroll asks for at once.
const (
	// largest is about as many as esferry does of these; an engine gives no more.
	largest = 10000
	// usual is what the scan helpers of clients and _reindex ask for unless told.
	usual = 1000
)

// scroll reads every shard of the index once, all at the same time, and throws
// the answers away. Engines forget the scrolls after the clock has stopped.
func (s *stage) scroll(ctx context.Context, page int, engines ...string) (time.Duration, error) {
	began := time.Now()
	g, _ := group.New(ctx)
	names := make([]string, len(engines)*s.shards)
	for i := range names {
		engine, number := engines[i/s.shards], i%s.shards
		g.Go(fmt.Sprintf("scroll of shard %d", number), func(ctx context.Context) (err error) {
			names[i], err = s.scrollShard(ctx, engine, number, page)
			return err
		})
	}
	err := g.Wait()
	took := time.Since(began)
	if err != nil {
		return took, err
	}
	var buf bytes.Buffer
	for i, name := range names {
		err = errors.Join(err, s.ask(ctx, http.MethodDelete, engines[i/s.shards]+"/_search/scroll", fmt.Sprintf(`{"scroll_id":%q}`, name), &buf))
	}
	return took, err
}

// scrollShard gives the scroll's name at its end.
func (s *stage) scrollShard(ctx context.Context, engine string, number, page int) (name string, err error) {
	url := fmt.Sprintf("%s/%s/_search?scroll=5m&preference=_shards:%d", engine, index, number)
	body := fmt.Sprintf(`{"size":%d,"sort":["_doc"],"version":true,"seq_no_primary_term":true}`, page)
	var buf bytes.Buffer
	for {
		if err := s.ask(ctx, http.MethodPost, url, body, &buf); err != nil {
			return "", err
		}
		// What follows is all that is looked at: that there were documents, and the
		// scroll's name, which stands before them.
		if !bytes.Contains(buf.Bytes()[:min(buf.Len(), 4096)], []byte(`"_source"`)) {
			return name, nil
		}
		_, after, _ := bytes.Cut(buf.Bytes(), []byte(`"_scroll_id":`))
		if err := json.NewDecoder(bytes.NewReader(after)).Decode(&name); err != nil {
			return "", fmt.Errorf("find the scroll's id: %w", err)
		}
		url, body = engine+"/_search/scroll", fmt.Sprintf(`{"scroll":"5m","scroll_id":%q}`, name)
	}
}

func (s *stage) ask(ctx context.Context, method, url, body string, to *bytes.Buffer) error {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := s.http.Do(r)
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	defer answer.Body.Close()
	to.Reset()
	if _, err := io.Copy(to, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		return fmt.Errorf("read the answer of %s: status %d: %w", url, answer.StatusCode, err)
	}
	return nil
}
