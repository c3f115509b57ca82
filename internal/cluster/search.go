package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"esferry/internal/shard"
)

// Scan describes one scroll: which documents of one shard, and what of them.
type Scan struct {
	// Position of the primary that is read, by name.
	Position shard.Position
	// Window of sequence numbers.
	Window shard.Window
	// Query restricts the documents further; may be empty.
	Query json.RawMessage
	// Size of a page in documents.
	Size int
	// KeepAlive of the scroll context: the slowest write, not the slowest read. 0
	// asks for one page alone, which must have room for all documents.
	KeepAlive time.Duration
	// IDsOnly leaves _source out.
	IDsOnly bool
	// Unnumbered leaves _seq_no and _primary_term out.
	Unnumbered bool
	// Sample asks for any documents of the window, one page of them: the engine looks
	// for no more, and announces no total.
	Sample bool
}

// Page is one scroll page as it comes from the wire. The body must be closed.
type Page struct {
	Body io.ReadCloser
	// Length of the body in bytes; -1 where the engine did not say.
	Length int64
}

// OpenScroll starts a scan and gives its first page. Never repeated here: a
// page that is in doubt means the window again (protocol 1.2).
//
// The answer is not filtered: with filter_path the engine parses _source and
// writes it anew, so that numbers, escapes and duplicate keys would not arrive
// as they were (seen on 6.8), and a page of ids takes ten times as long (seen
// on 7.10).
func (c *Cluster) OpenScroll(ctx context.Context, s Scan) (Page, error) {
	query := map[string]any{
		"size": s.Size, "sort": []string{"_doc"}, "version": true, "query": filter(s.Window, s.Query),
	}
	if !s.Unnumbered && c.identity.AtLeast(6, 7) {
		query["seq_no_primary_term"] = true
	}
	r := request{
		op: "scan " + s.Window.String(), method: "POST", path: c.documents(s.Window.Shard.Index, "_search"), once: true,
		params: params("preference", c.onPrimary(s.Position)),
	}
	switch {
	case s.Sample:
		query["terminate_after"] = s.Size
	case s.KeepAlive > 0:
		r.params.Set("scroll", keepAlive(s.KeepAlive))
	case c.identity.AtLeast(7, 0):
		// Of a scroll it is exact anyway.
		query["track_total_hits"] = true
	}
	if s.IDsOnly {
		query["_source"] = false
	}
	r.body = body(query)
	if c.identity.AtLeast(6, 3) {
		r.params.Set("allow_partial_search_results", "false")
	}
	return c.page(ctx, r)
}

// NextPage gives the page after the last one. Asked twice it gives the page
// after that: a caller in doubt starts the window again.
func (c *Cluster) NextPage(ctx context.Context, w shard.Window, id string, alive time.Duration) (Page, error) {
	return c.page(ctx, request{
		op: "scan " + w.String(), method: "POST", path: "/_search/scroll", once: true,
		body: body(map[string]string{"scroll_id": id, "scroll": keepAlive(alive)}),
	})
}

func (c *Cluster) page(ctx context.Context, r request) (Page, error) {
	answer, err := c.send(ctx, r)
	if err != nil {
		return Page{}, err
	}
	return Page{Body: answer.BodyReader, Length: contentLength(answer.Header)}, nil
}

// CloseScroll frees a scroll's context on the engine. A context that is gone
// already is no error.
func (c *Cluster) CloseScroll(ctx context.Context, id string) error {
	err := c.call(ctx, request{
		op: "close a scroll", method: "DELETE", path: "/_search/scroll", once: true,
		body: body(map[string][]string{"scroll_id": {id}}),
	}, nil)
	if NotFound(err) {
		return nil
	}
	return err
}

// Histogram counts the live documents of one shard's window by ranges of
// interval sequence numbers, on the primary; empty ranges are left out.
func (c *Cluster) Histogram(ctx context.Context, p shard.Position, w shard.Window, query json.RawMessage, interval int64) ([]shard.Bucket, error) {
	return persist(ctx, c, func(ctx context.Context) ([]shard.Bucket, error) { return c.histogram(ctx, p, w, query, interval) })
}

// measured is the answer to a histogram.
type measured struct {
	searchHeader
	Hits struct {
		// Total is a number before 7.0.
		Total json.RawMessage
	}
	Aggregations struct {
		Numbers struct {
			Buckets []struct {
				Key  float64
				Docs int64 `json:"doc_count"`
			}
		}
	}
}

// whole reports whether the buckets hold every document that matches. OpenSearch 3
// says that it ended early where it reads the buckets off its index instead of
// collecting documents (seen on 3.8); then its exact total tells.
func (m *measured) whole() bool {
	var total struct {
		Value    int64
		Relation string
	}
	if json.Unmarshal(m.Hits.Total, &total) != nil || total.Relation != "eq" {
		return false
	}
	for _, b := range m.Aggregations.Numbers.Buckets {
		total.Value -= b.Docs
	}
	return total.Value == 0
}

func (c *Cluster) histogram(ctx context.Context, p shard.Position, w shard.Window, query json.RawMessage, interval int64) ([]shard.Bucket, error) {
	search := map[string]any{"size": 0, "query": filter(w, query), "aggs": map[string]any{
		"numbers": map[string]any{"histogram": map[string]any{"field": "_seq_no", "interval": interval, "min_doc_count": 1}},
	}}
	if c.identity.AtLeast(7, 0) {
		search["track_total_hits"] = true
	}
	r := request{
		op: "measure " + w.String(), method: "POST", path: c.documents(w.Shard.Index, "_search"), body: body(search),
		params: params("preference", c.onPrimary(p), "request_cache", "false"),
	}
	var answer measured
	if err := c.call(ctx, r, &answer); err != nil {
		return nil, err
	}
	if answer.TerminatedEarly && answer.whole() {
		answer.TerminatedEarly = false
	}
	if err := c.complete(r.op, answer.searchHeader); err != nil {
		return nil, err
	}
	buckets := make([]shard.Bucket, 0, len(answer.Aggregations.Numbers.Buckets))
	for _, b := range answer.Aggregations.Numbers.Buckets {
		buckets = append(buckets, shard.Bucket{From: int64(b.Key), Docs: b.Docs})
	}
	return buckets, nil
}

// Listed gives those of the keys that a search of all shards finds, as of the
// last refresh: also documents that lie in another shard than their routing
// says, which no question by id finds. At most a thousand keys.
func (c *Cluster) Listed(ctx context.Context, index string, keys []Key) (map[Key]bool, error) {
	return persist(ctx, c, func(ctx context.Context) (map[Key]bool, error) { return c.listed(ctx, index, keys) })
}

func (c *Cluster) listed(ctx context.Context, index string, keys []Key) (map[Key]bool, error) {
	const most = 10000
	var answer struct {
		searchHeader
		Hits struct {
			Hits []struct {
				ID      json.RawMessage `json:"_id"`
				Routing json.RawMessage `json:"_routing"`
				Type    json.RawMessage `json:"_type"`
			}
		}
	}
	ids := make([]json.RawMessage, len(keys))
	typed := map[bool]bool{}
	for i, k := range keys {
		ids[i] = json.RawMessage(k.ID)
		typed[k.Type != ""] = true
	}
	r := request{
		op: "look for documents by id", index: index, method: "POST", path: c.documents(index, "_search"),
		body:   body(map[string]any{"size": most, "_source": false, "query": map[string]any{"ids": map[string]any{"values": ids}}}),
		params: params("request_cache", "false"),
	}
	if c.identity.PrimaryPreference() {
		r.params.Set("preference", "_primary")
	}
	if err := c.call(ctx, r, &answer); err != nil {
		return nil, err
	}
	if answer.TimedOut || answer.TerminatedEarly || len(answer.Hits.Hits) == most {
		return nil, partial(r.op, index, c.address, "the search ended before it had seen everything")
	}
	if err := c.whole(r.op, index, answer.Shards, 0); err != nil {
		return nil, err
	}
	listed := map[Key]bool{}
	for _, h := range answer.Hits.Hits {
		if !typed[true] {
			h.Type = nil
		}
		listed[keyOf(h.ID, h.Routing, h.Type)] = true
	}
	return listed, nil
}

// searchHeader tells whether a search saw all it was asked about.
type searchHeader struct {
	TimedOut        bool         `json:"timed_out"`
	TerminatedEarly bool         `json:"terminated_early"`
	Shards          shardsHeader `json:"_shards"`
}

// complete makes a partial answer of a search on one shard an error.
func (c *Cluster) complete(op string, h searchHeader) error {
	if h.TimedOut || h.TerminatedEarly {
		return partial(op, "", c.address, "the search ended before it had seen everything")
	}
	return c.whole(op, "", h.Shards, 1)
}

// Count gives the live root documents of the index that match the query (all
// when empty), over all shards, as of the last refresh. Callers that count whole
// indices at the same time share one request.
func (c *Cluster) Count(ctx context.Context, index string, query json.RawMessage) (int64, error) {
	if len(query) == 0 && c.docType == "" && c.identity.AtLeast(6, 0) {
		return c.joint.counts.Do(ctx, index)
	}
	return c.count(ctx, index, "", 0, query)
}

// CountPrimary gives the live root documents of one shard's primary.
func (c *Cluster) CountPrimary(ctx context.Context, p shard.Position, query json.RawMessage) (int64, error) {
	return c.count(ctx, p.Shard.Index, c.onPrimary(p), 1, query)
}

func (c *Cluster) count(ctx context.Context, index, preference string, shards int, query json.RawMessage) (int64, error) {
	return persist(ctx, c, func(ctx context.Context) (int64, error) { return c.countOnce(ctx, index, preference, shards, query) })
}

func (c *Cluster) countOnce(ctx context.Context, index, preference string, shards int, query json.RawMessage) (int64, error) {
	var answer struct {
		Count           int64
		TerminatedEarly bool         `json:"terminated_early"`
		Shards          shardsHeader `json:"_shards"`
	}
	r := request{op: "count the documents", index: index, method: "GET", path: c.documents(index, "_count"), params: params()}
	if preference == "" && c.identity.PrimaryPreference() {
		// Under segment replication a replica counts what it had a while ago.
		preference = "_primary"
	}
	if preference != "" {
		r.params.Set("preference", preference)
	}
	if len(query) > 0 {
		r.method, r.body = "POST", body(map[string]any{"query": query})
	}
	if err := c.call(ctx, r, &answer); err != nil {
		return 0, err
	}
	if answer.TerminatedEarly {
		return 0, partial(r.op, index, c.address, "the count ended early")
	}
	return answer.Count, c.whole(r.op, index, answer.Shards, shards)
}

// filter is the query of a window: a range of sequence numbers, and the user's
// own query where there is one.
func filter(w shard.Window, query json.RawMessage) map[string]any {
	clauses := []any{map[string]any{"range": map[string]any{"_seq_no": map[string]int64{"gt": w.From, "lte": w.To}}}}
	if w.All() {
		clauses = []any{map[string]any{"match_all": map[string]any{}}}
	}
	if len(query) > 0 {
		clauses = append(clauses, query)
	}
	return map[string]any{"bool": map[string]any{"filter": clauses}}
}

func keepAlive(d time.Duration) string { return fmt.Sprintf("%ds", max(1, int(d.Seconds()))) }
