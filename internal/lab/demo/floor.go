package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
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

// floor times the requests that a freeze of the demo's indices consists of at
// least, sent bare, one after another over one connection to each side: the write
// block, the positions, a refresh, one search a shard, the counts, and the
// switch. Both sides end as they were.
func (s *stage) floor(ctx context.Context) (total time.Duration, err error) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	all := strings.Join(s.indices, ",")
	unblock := bare{"", s.source, []call{{"PUT", "/" + all + "/_settings", `{"index.blocks.write":null}`}}}
	if _, err := unblock.send(ctx, client); err != nil {
		return 0, err
	}
	for _, b := range s.bareFreeze(all) {
		took, err := b.send(ctx, client)
		if err != nil {
			return 0, err
		}
		total += took
		fmt.Printf("  %-28s %.3f s\n", b.what, took.Seconds())
	}
	undo := bare{"", s.target, []call{{"POST", "/_aliases", s.aliases("remove")}}}
	_, err = undo.send(ctx, client)
	return total, err
}

func (s *stage) bareFreeze(all string) []bare {
	const search = `{"size":100,"_source":false,"sort":["_doc"],"query":{"range":{"_seq_no":{"gt":1000000}}}}`
	var searches, counts []call
	for _, index := range s.indices {
		for number := range s.shards[index] {
			searches = append(searches, call{"POST", fmt.Sprintf("/%s/_search?preference=_shards:%d", index, number), search})
		}
		counts = append(counts, call{"GET", "/" + index + "/_count", ""})
	}
	positions := []call{{"GET", "/" + all + "/_stats?level=shards&filter_path=_shards,indices.*.shards.*.seq_no", ""}}
	refresh := []call{{"POST", "/" + all + "/_refresh", ""}}
	return []bare{
		{"block writes", s.source, []call{{"PUT", "/" + all + "/_block/write", ""}}},
		{"positions", s.source, positions},
		{"refresh the source", s.source, refresh},
		{"one search a shard", s.source, searches},
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
		if err := c.send(ctx, client, b.on.URL()); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

func (c call) send(ctx context.Context, client *http.Client, engine string) error {
	request, err := http.NewRequestWithContext(ctx, c.method, engine+c.path, strings.NewReader(c.body))
	if err != nil {
		return fmt.Errorf("prepare %s %s: %w", c.method, c.path, err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("send a bare request: %w", err)
	}
	text, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", c.method, c.path, err)
	}
	if answer.StatusCode > 299 {
		return fmt.Errorf("%s %s: status %d: %.300s", c.method, c.path, answer.StatusCode, text)
	}
	return nil
}
