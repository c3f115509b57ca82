package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// scan reads one index by scroll.
type scan struct {
	client           *http.Client
	side, url, index string
	// typed says that types tell documents apart.
	typed bool
}

// findTypes looks on both sides whether the index has several types. After
// Elasticsearch 7, which has none, the count finds nothing.
func findTypes(ctx context.Context, source, target *scan) error {
	for _, s := range []*scan{source, target} {
		path := "/" + url.PathEscape(s.index)
		if err := s.call(ctx, http.MethodPost, path+"/_refresh", nil, nil); err != nil {
			return fmt.Errorf("refresh %s: %w", s.index, err)
		}
		var answer struct {
			Aggregations struct {
				Types struct{ Buckets []struct{} }
			}
		}
		query := map[string]any{"size": 0, "aggs": map[string]any{"types": map[string]any{"terms": map[string]any{"field": "_type"}}}}
		if err := s.call(ctx, http.MethodPost, path+"/_search", query, &answer); err != nil {
			return fmt.Errorf("count the types of %s: %w", s.index, err)
		}
		if len(answer.Aggregations.Types.Buckets) > 1 {
			source.typed, target.typed = true, true
		}
	}
	return nil
}

// page is one answer of a scroll.
type page struct {
	ScrollID string `json:"_scroll_id"`
	TimedOut bool   `json:"timed_out"`
	Shards   struct {
		Total, Successful, Failed int
		Failures                  json.RawMessage
	} `json:"_shards"`
	Hits struct {
		Total json.RawMessage
		Hits  []hit
	}
}

type hit struct {
	ID      string          `json:"_id"`
	Type    string          `json:"_type"`
	Routing string          `json:"_routing"`
	Parent  string          `json:"_parent"`
	Version int64           `json:"_version"`
	Source  json.RawMessage `json:"_source"`
}

func (s scan) key(h hit) key {
	k := key{id: h.ID, routing: h.Routing, parent: h.Parent}
	if s.typed {
		k.kind = h.Type
	}
	return k
}

// all gives every document of a refreshed index to each and returns how many
// there were. It fails
// when the engine's own count is another, or when a page does not cover all
// shards.
func (s scan) all(ctx context.Context, each func(k key, version int64, content []byte) error) (n int, err error) {
	var p page
	query := map[string]any{"size": 2000, "sort": []string{"_doc"}, "version": true}
	if err := s.call(ctx, http.MethodPost, "/"+url.PathEscape(s.index)+"/_search?scroll=5m", query, &p); err != nil {
		return 0, err
	}
	defer func() {
		gone := s.call(context.WithoutCancel(ctx), http.MethodDelete, "/_search/scroll", map[string]any{"scroll_id": []string{p.ScrollID}}, nil)
		err = errors.Join(err, gone)
	}()
	total, err := p.total()
	if err != nil {
		return 0, err
	}
	for {
		if err := p.check(); err != nil {
			return n, fmt.Errorf("page after %d documents of %s: %w", n, s.index, err)
		}
		if len(p.Hits.Hits) == 0 {
			break
		}
		for _, h := range p.Hits.Hits {
			k := s.key(h)
			if len(h.Source) == 0 {
				return n, fmt.Errorf("document %v %w", k, errNoSource)
			}
			if err := each(k, h.Version, h.Source); err != nil {
				return n, err
			}
		}
		n += len(p.Hits.Hits)
		id := p.ScrollID
		p = page{ScrollID: id}
		if err := s.call(ctx, http.MethodPost, "/_search/scroll", map[string]any{"scroll": "5m", "scroll_id": id}, &p); err != nil {
			return n, err
		}
	}
	if n != total {
		return n, fmt.Errorf("index %s: %d documents came, and the engine counts %d", s.index, n, total)
	}
	return n, nil
}

// check refuses a page that covers less than it should. Its terminated_early
// means nothing here: Elasticsearch 6 and 7 set it on every page but the first,
// since they stop collecting when the page is full; the count at the end tells.
func (p page) check() error {
	switch {
	case p.Shards.Failed != 0 || p.Shards.Successful != p.Shards.Total || p.Shards.Total == 0:
		return fmt.Errorf("%d of %d shards answered, %d failed: %.500s", p.Shards.Successful, p.Shards.Total, p.Shards.Failed, p.Shards.Failures)
	case p.TimedOut:
		return errors.New("timed out")
	}
	return nil
}

// total reads the count of hits: a number before Elasticsearch 7, then an
// object.
func (p page) total() (int, error) {
	var n int
	if json.Unmarshal(p.Hits.Total, &n) == nil {
		return n, nil
	}
	var object struct {
		Value    int
		Relation string
	}
	if err := json.Unmarshal(p.Hits.Total, &object); err != nil {
		return 0, fmt.Errorf("read the total %s: %w", p.Hits.Total, err)
	}
	if object.Relation != "eq" {
		return 0, fmt.Errorf("the total is no exact count: %s", p.Hits.Total)
	}
	return object.Value, nil
}

// call sends a request and decodes a good answer into to.
func (s scan) call(ctx context.Context, method, path string, body, to any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer answer.Body.Close()
	text, err = io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: status %d: %.500s", method, path, answer.StatusCode, text)
	}
	if to == nil {
		return nil
	}
	if err := json.Unmarshal(text, to); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}
