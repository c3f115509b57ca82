package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"esferry/bench/measure"
	"esferry/internal/corpus"
	"esferry/internal/lab"
	"esferry/internal/retry"
)

// index is the name of what is moved, on both sides, and shards its size.
const (
	index  = "bench"
	shards = 3
)

// stage is two engines side by side and a folder for what tools write.
type stage struct {
	lab            *lab.Lab
	source, target *lab.Cluster
	client         *http.Client
	dir            string
	// bulks are the bytes that the target takes best, of each shape that the
	// engines are warmed for.
	bulks map[string]int
}

// client keeps connections, and asks for nothing to be compressed: both ends
// are on one machine.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true}}
}

// start brings up both engines as they run in earnest: with memory enough and
// with all of Java's compilers.
func (s *stage) start(ctx context.Context) (err error) {
	if s.dir, err = s.lab.Folder("bench"); err != nil {
		return err
	}
	full := []string{lab.Optimized}
	if s.source, err = s.lab.Start(ctx, lab.Spec{Engine: lab.ES68, Name: "old", Heap: "1g", JVM: full}); err != nil {
		return err
	}
	s.target, err = s.lab.Start(ctx, lab.Spec{Engine: lab.ES710, Name: "new", Heap: "1g", JVM: full})
	return err
}

// fresh makes the index of a cluster anew and empty, with the same settings for
// everybody: no replicas, no refresh.
func (s *stage) fresh(ctx context.Context, c *lab.Cluster, mapping string) error {
	if _, err := s.call(ctx, http.MethodDelete, c.URL()+"/"+index+"?ignore_unavailable=true", ""); err != nil {
		return err
	}
	engine, err := corpus.Open(ctx, c.URL(), s.client)
	if err != nil {
		return err
	}
	if err := engine.Create(ctx, index, shards, mapping); err != nil {
		return err
	}
	_, err = s.call(ctx, http.MethodPut, c.URL()+"/"+index+"/_settings", `{"index":{"refresh_interval":"-1"}}`)
	return err
}

// fill loads the source's index and waits until it merges nothing more.
func (s *stage) fill(ctx context.Context, d *documents) error {
	if err := s.fresh(ctx, s.source, d.shape.mapping); err != nil {
		return err
	}
	// Elasticsearch 6 wants a type, which this path gives to all lines.
	if err := s.send(ctx, s.source.URL()+"/"+index+"/_doc/_bulk", d.bodies(4<<20)); err != nil {
		return err
	}
	if err := s.refreshed(ctx, s.source, d.count()); err != nil {
		return err
	}
	return retry.Poll(ctx, "the end of merges on the source", 500*time.Millisecond, func(ctx context.Context) (bool, error) {
		answer, err := s.call(ctx, http.MethodGet, s.source.URL()+"/"+index+"/_stats/merge", "")
		if err != nil {
			return false, err
		}
		var stats struct {
			All struct {
				Primaries struct{ Merges struct{ Current int } }
			} `json:"_all"`
		}
		err = json.Unmarshal(answer, &stats)
		return stats.All.Primaries.Merges.Current == 0, err
	})
}

// refreshed makes the documents of an index findable and counts them.
func (s *stage) refreshed(ctx context.Context, c *lab.Cluster, want int) error {
	if _, err := s.call(ctx, http.MethodPost, c.URL()+"/"+index+"/_refresh", ""); err != nil {
		return err
	}
	answer, err := s.call(ctx, http.MethodGet, c.URL()+"/"+index+"/_count", "")
	if err != nil {
		return err
	}
	var found struct {
		Count  int
		Shards struct{ Failed int } `json:"_shards"`
	}
	if err := json.Unmarshal(answer, &found); err != nil {
		return fmt.Errorf("read a count: %w", err)
	}
	if found.Count != want || found.Shards.Failed > 0 {
		return fmt.Errorf("%s holds %d documents of %d", c.Name, found.Count, want)
	}
	return nil
}

// busy is the CPU time of each engine so far.
func (s *stage) busy() (source, target time.Duration, err error) {
	if source, err = measure.Groups(s.source.PIDs()...); err != nil {
		return 0, 0, err
	}
	target, err = measure.Groups(s.target.PIDs()...)
	return source, target, err
}

// call sends a request that has to succeed and gives its answer.
func (s *stage) call(ctx context.Context, method, url, body string) ([]byte, error) {
	return s.post(ctx, method, url, "application/json", []byte(body))
}

func (s *stage) post(ctx context.Context, method, url, kind string, body []byte) (answer []byte, err error) {
	err = s.stream(ctx, method, url, kind, body, func(r io.Reader) (err error) {
		answer, err = io.ReadAll(r)
		return err
	})
	return answer, err
}

// stream sends a request that has to succeed and hands its answer on as it comes.
func (s *stage) stream(ctx context.Context, method, url, kind string, body []byte, read func(r io.Reader) error) error {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, url, err)
	}
	request.Header.Set("Content-Type", kind)
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusMultipleChoices {
		text, err := io.ReadAll(io.LimitReader(response.Body, 500))
		return fmt.Errorf("%s %s: status %d: %s (%w)", method, url, response.StatusCode, text, err)
	}
	if err := read(response.Body); err != nil {
		return fmt.Errorf("%s %s: %w", method, url, err)
	}
	return nil
}
