package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"esferry/internal/lab"
)

// bare is one kind of request that no freeze can do without.
type bare struct {
	what  string
	on    *lab.Cluster
	calls []call
}

type call struct{ method, path, body string }

// lastLap is how many operations an index has outstanding when writers are held
// back, about.
const lastLap = 20

// floor times the requests that a freeze of the demo's indices consists of at
// least, sent bare, one after another over one connection to each side: the write
// block, the positions, a refresh, one search a shard, a bulk of what it found, a
// refresh, the counts, and the switch. As before the freeze, writers leave some
// operations behind that nobody has refreshed.
func (s *stage) floor(ctx context.Context) (total time.Duration, err error) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	all := strings.Join(s.indices, ",")
	if _, err := (call{"PUT", "/" + all + "/_settings", `{"index.blocks.write":null}`}).send(ctx, client, s.source); err != nil {
		return 0, err
	}
	lap, err := s.write(ctx, client)
	if err != nil {
		return 0, err
	}
	for _, b := range s.bareFreeze(all, lap) {
		took, err := b.send(ctx, client)
		if err != nil {
			return 0, err
		}
		total += took
		fmt.Printf("  %-28s %.3f s\n", b.what, took.Seconds())
	}
	_, err = call{"POST", "/_aliases", s.aliases("remove")}.send(ctx, client, s.target)
	return total, err
}

// lap is what the last lap carries: the searches that find it, and the bulk.
type lap struct {
	searches []call
	bulk     call
}

// write makes the source write some of its documents anew, and gives what it takes
// to carry them.
func (s *stage) write(ctx context.Context, client *http.Client) (l lap, err error) {
	var body strings.Builder
	for _, index := range s.indices {
		var stats struct {
			Indices map[string]struct {
				Shards map[string][]struct {
					Numbers struct {
						Max int64 `json:"max_seq_no"`
					} `json:"seq_no"`
				}
			}
		}
		if err := s.ask(ctx, client, "/"+index+"/_stats?level=shards", &stats); err != nil {
			return l, err
		}
		for number := range s.shards[index] {
			above := stats.Indices[index].Shards[strconv.Itoa(number)][0].Numbers.Max
			l.searches = append(l.searches, call{
				"POST", fmt.Sprintf("/%s/_search?preference=_shards:%d", index, number),
				fmt.Sprintf(`{"size":100,"sort":["_doc"],"query":{"range":{"_seq_no":{"gt":%d}}}}`, above),
			})
		}
		var found struct {
			Hits struct {
				Hits []struct {
					ID      string          `json:"_id"`
					Routing string          `json:"_routing,omitempty"`
					Source  json.RawMessage `json:"_source"`
				}
			}
		}
		if err := s.ask(ctx, client, fmt.Sprintf("/%s/_search?size=%d", index, lastLap), &found); err != nil {
			return l, err
		}
		for _, hit := range found.Hits.Hits {
			action := map[string]any{"_index": index, "_id": hit.ID}
			if hit.Routing != "" {
				action["routing"] = hit.Routing
			}
			line, err := json.Marshal(map[string]any{"index": action})
			if err != nil {
				return l, fmt.Errorf("encode a document's action: %w", err)
			}
			body.Write(line)
			fmt.Fprintf(&body, "\n%s\n", hit.Source)
		}
	}
	l.bulk = call{"POST", "/_bulk", body.String()}
	_, err = l.bulk.send(ctx, client, s.source)
	return l, err
}

// ask gets something from the source.
func (s *stage) ask(ctx context.Context, client *http.Client, path string, answer any) error {
	text, err := call{"GET", path, ""}.send(ctx, client, s.source)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return nil
}

func (s *stage) bareFreeze(all string, l lap) []bare {
	var counts []call
	for _, index := range s.indices {
		counts = append(counts, call{"GET", "/" + index + "/_count", ""})
	}
	positions := []call{{"GET", "/" + all + "/_stats/docs,store?level=shards&filter_path=_shards,indices.*.shards.*.seq_no", ""}}
	refresh := []call{{"POST", "/" + all + "/_refresh", ""}}
	return []bare{
		{"block writes", s.source, []call{{"PUT", "/" + all + "/_block/write", ""}}},
		{"positions", s.source, positions},
		{"refresh the source", s.source, refresh},
		{"one search a shard", s.source, l.searches},
		{"write to the target", s.target, []call{l.bulk}},
		{"refresh the target", s.target, refresh},
		{"count the source", s.source, counts},
		{"count the target", s.target, counts},
		{"switch aliases", s.target, []call{{"POST", "/_aliases", s.aliases("add")}}},
	}
}

// aliases is a change of aliases as large as the ferry's.
func (s *stage) aliases(verb string) string {
	actions := make([]string, len(s.indices))
	for i, index := range s.indices {
		actions[i] = fmt.Sprintf(`{%q:{"index":%q,"alias":"floor"}}`, verb, index)
	}
	return `{"actions":[` + strings.Join(actions, ",") + `]}`
}

func (b bare) send(ctx context.Context, client *http.Client) (time.Duration, error) {
	began := time.Now()
	for _, c := range b.calls {
		if _, err := c.send(ctx, client, b.on); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

func (c call) send(ctx context.Context, client *http.Client, to *lab.Cluster) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, c.method, to.URL()+c.path, strings.NewReader(c.body))
	if err != nil {
		return nil, fmt.Errorf("prepare %s %s: %w", c.method, c.path, err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("send a bare request: %w", err)
	}
	text, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return nil, fmt.Errorf("%s %s: read the answer: %w", c.method, c.path, err)
	}
	if answer.StatusCode > 299 || strings.Contains(string(text), `"errors":true`) {
		return nil, fmt.Errorf("%s %s: status %d: %.300s", c.method, c.path, answer.StatusCode, text)
	}
	return text, nil
}
