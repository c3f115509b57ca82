package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"esferry/internal/cluster"
	"esferry/internal/retry"
	"esferry/internal/shard"
)

// FuzzParseVersion: what is read is three numbers, and prints as what reads the
// same.
func FuzzParseVersion(f *testing.F) {
	for _, s := range []string{"7.10.2", "8.19.0-SNAPSHOT", "3", "2.4.6.1", "", "-1", "+7.1.0", "7..1", "99999999999999999999.0.0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := cluster.ParseVersion(s)
		if err != nil {
			return
		}
		plain, _, _ := strings.Cut(s, "-")
		if strings.Trim(plain, "0123456789.") != "" || v.Major < 0 || v.Minor < 0 || v.Patch < 0 {
			t.Errorf("%q is no version, and was read as %+v", s, v)
		}
		if again, err := cluster.ParseVersion(v.String()); err != nil || again != v {
			t.Errorf("%q: got %+v, then %+v, %v", s, v, again, err)
		}
	})
}

// parrot is an engine that gives the same answer to everything.
type parrot struct {
	mu     sync.Mutex
	status int
	body   []byte
	// enough ends the call under way: none is tried twice.
	enough context.CancelFunc
}

func (p *parrot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) //nolint:errcheck // the client may have left
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.status)
	_, _ = w.Write(p.body) //nolint:errcheck // the client may have left
}

// asked gives the context of one call.
func (p *parrot) asked(ctx context.Context) context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx, p.enough = context.WithCancel(ctx)
	return ctx
}

func (p *parrot) failed(error, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.enough()
}

func (p *parrot) say(status int, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.body = status, body
}

// parroted starts one that was probed as Elasticsearch 7.10.
func parroted(f *testing.F) (*parrot, *cluster.Cluster) {
	f.Helper()
	p := &parrot{status: http.StatusOK, body: []byte(engineRoot)}
	server := httptest.NewServer(p)
	f.Cleanup(server.Close)
	c, err := cluster.Dial(cluster.Options{URLs: []string{server.URL}, Patience: retry.Policy{First: time.Hour, Most: time.Hour, Total: 9 * time.Hour, Notify: p.failed}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(c.Close)
	if _, err := c.Probe(f.Context()); err != nil {
		f.Fatal(err)
	}
	return p, c
}

// FuzzBulkAnswer holds the verdicts on a bulk against encoding/json: one for each
// item, the same, or an error.
func FuzzBulkAnswer(f *testing.F) {
	f.Add([]byte(`{"took":3,"errors":false,"items":[{"index":{"_id":"a","status":201}},{"index":{"status":200}}]}`), 2)
	f.Add([]byte(`{"errors":true,"items":[{"index":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"no","caused_by":{"type":"x","reason":"y"}}}}]}`), 1)
	f.Add([]byte(`{"items":[{},{"index":{"status":201},"delete":{"status":404}}]}`), 2)
	f.Add([]byte(`{"items":[{"index":{"status":429,"error":"busy"}}]}`), 1)
	f.Add([]byte(`{"items":[{"index":{"status":-1}}]}`), 1)
	f.Add([]byte(`{"items":`), 1)
	p, c := parroted(f)
	f.Fuzz(func(t *testing.T, body []byte, items int) {
		items = min(max(items, 0), 1000)
		p.say(http.StatusOK, body)
		verdicts, err := c.Bulk(p.asked(t.Context()), "i", "", []byte("{}\n"), items)
		if err != nil {
			return
		}
		if len(verdicts) != items {
			t.Fatalf("got %d verdicts on %d items", len(verdicts), items)
		}
		var want struct {
			Items []map[string]struct{ Status int }
		}
		if err := json.Unmarshal(body, &want); err != nil || strings.Count(string(body), "tems") != 1 {
			// Not as engines send it: a key twice, or in another spelling.
			return
		}
		for i, v := range verdicts {
			if v.Status < 100 || v.Status > 599 {
				t.Errorf("item %d has status %d", i, v.Status)
			}
			if i >= len(want.Items) || len(want.Items[i]) != 1 {
				t.Fatalf("item %d has a verdict that no item gave, in %s", i, body)
			}
			for _, one := range want.Items[i] {
				if one.Status != v.Status && strings.Count(string(body), "tatus") == items {
					t.Errorf("item %d: got status %d, want %d", i, v.Status, one.Status)
				}
			}
		}
	})
}

// verb is a call, and what must hold of what it gave.
type verb func(ctx context.Context, c *cluster.Cluster) error

// standings are those whose answers say where an index stands, and how far
// snapshots, restores and repositories are.
func standings() []verb {
	at := shard.Position{Shard: shard.ID{Index: "i"}, Node: "n"}
	window := shard.Window{Shard: at.Shard, From: -1, To: 99}
	one := func(fn func(ctx context.Context, c *cluster.Cluster) error) verb { return fn }
	return []verb{
		one(positions),
		one(func(ctx context.Context, c *cluster.Cluster) error {
			i, found, err := c.Index(ctx, "i")
			if err == nil && found && i.UUID != "" && (i.Shards < 1 || i.Shards > 1<<20) {
				return fmt.Errorf("index i has %d shards", i.Shards)
			}
			return nil
		}),
		one(func(ctx context.Context, c *cluster.Cluster) error {
			all, err := c.Indices(ctx)
			for _, i := range all {
				if err == nil && i.Shards < 1 {
					return fmt.Errorf("index %q has %d shards", i.Name, i.Shards)
				}
			}
			return nil
		}),
		one(func(ctx context.Context, c *cluster.Cluster) error {
			buckets, err := c.Histogram(ctx, at, window, nil, 10)
			if err == nil {
				window.Cut(buckets, 3)
			}
			return nil
		}),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.RecoveryProgress(ctx, "i") }),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.LastRecovery(ctx, "i") }),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.OriginOf(ctx, "i", "r", "s", 1) }),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.WhyUnassigned(ctx, "i", 0) }),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.Snapshots(ctx, "r") }),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.RunningSnapshots(ctx) }),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.SnapshotProgress(ctx, "r", "s") }),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.SnapshotShards(ctx, "r", "s") }),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.Busy(ctx, "r") }),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.SnapshotNames(ctx, "r") }),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.Repositories(ctx) }),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.VerifyRepository(ctx, "r") }),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.Definition(ctx, "i") }),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.DataStreams(ctx) }),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.Disks(ctx) }),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.Loads(ctx) }),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.Plugins(ctx) }),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) { return c.Activity(ctx, "i") }),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) {
			return c.Versions(ctx, "i", []cluster.Key{{ID: `"a"`}})
		}),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) {
			return c.Listed(ctx, "i", []cluster.Key{{ID: `"a"`}})
		}),
		ignored(func(ctx context.Context, c *cluster.Cluster) (any, error) {
			low, _, err := c.Watermarks(ctx)
			return low.Over(cluster.Disk{Total: 10, Free: 5}), err
		}),
	}
}

// ignored is a verb that must only not crash.
func ignored(fn func(ctx context.Context, c *cluster.Cluster) (any, error)) verb {
	return func(ctx context.Context, c *cluster.Cluster) error {
		_, _ = fn(ctx, c) //nolint:errcheck // an error is as good as an answer
		return nil
	}
}

// positions are of all shards from 0 on, each once, or an error.
func positions(ctx context.Context, c *cluster.Cluster) error {
	for _, ask := range []func(context.Context, string) ([]shard.Position, error){c.Positions, c.Primaries} {
		all, err := ask(ctx, "i")
		if err != nil {
			continue
		}
		if len(all) == 0 {
			return errors.New("no shard, and no error")
		}
		for n, p := range all {
			if p.Shard != (shard.ID{Index: "i", Number: n}) {
				return fmt.Errorf("position %d is of shard %s", n, p.Shard)
			}
		}
	}
	return nil
}

// FuzzAnswers gives the same answer to one verb, or to all of them: none crashes, and none makes
// something of an answer that does not hold it.
func FuzzAnswers(f *testing.F) {
	const all = byte(255)
	for _, s := range []string{
		`{"metadata":{"indices":{"i":{"primary_terms":{"0":3,"1":2}}}},"_shards":{"total":2,"successful":2,"failed":0},"indices":{"i":{"shards":{"0":[{"routing":{"state":"STARTED","primary":true,"node":"n"},"seq_no":{"max_seq_no":9,"global_checkpoint":9},"commit":{"user_data":{"local_checkpoint":"9","history_uuid":"h"}},"docs":{"count":5},"store":{"size_in_bytes":50}}],"1":[]}}}}`,
		`{"metadata":{"indices":{"i":{"primary_terms":{"0":3,"00":2}}}},"indices":{"i":{"shards":{"0":[{"routing":{"primary":true},"seq_no":{},"commit":{"user_data":{}}}]}}}}`,
		`{"i":{"settings":{"index.number_of_shards":"2","index.uuid":"u"},"mappings":{},"aliases":{}}}`,
		`{"i":{"settings":{"index.number_of_shards":"-3","index.uuid":"u"}}}`,
		`[{"index":"i","uuid":"u","status":"open","pri":"1","pri.store.size":"10"}]`,
		`{"i":{"shards":[{"id":0,"primary":true,"stage":"DONE","start_time_in_millis":7,"source":{"repository":"r","snapshot":"s"},"index":{"size":{"total_in_bytes":5,"recovered_in_bytes":5},"files":{"total":1,"recovered":1}}}]}}`,
		`{"snapshots":[{"snapshot":"s","repository":"r","state":"SUCCESS","indices":["i"],"shards":{"total":1,"successful":1,"failed":0},"shards_stats":{"done":1,"total":1},"stats":{"incremental":{"file_count":1,"size_in_bytes":5}},"indices":{"i":{"shards":{"0":{}}}}}]}`,
		`{"responses":[{"repository":"r","snapshots":[],"error":{"type":"snapshot_missing_exception","reason":"gone"}}]}`,
		`{"r":{"type":"s3","settings":{"bucket":"b","client":{"x":1}}}}`,
		`{"timed_out":false,"_shards":{"total":1,"successful":1,"failed":0},"hits":{"total":{"value":3,"relation":"eq"},"hits":[]},"aggregations":{"numbers":{"buckets":[{"key":0,"doc_count":2},{"key":1e300,"doc_count":1}]}}}`,
		`{"current_state":"unassigned","can_allocate":"no","allocate_explanation":"x","unassigned_info":{"reason":"r","details":"d"},"node_allocation_decisions":[{"deciders":[{"decision":"NO","explanation":"disk"}]}]}`,
		`{"docs":[{"_id":"a","found":true,"_version":1,"_seq_no":2,"_primary_term":1}]}`,
		`{"_nodes":{"failed":0},"nodes":{"n":{"name":"n","roles":["data"],"fs":{"total":{"total_in_bytes":10,"available_in_bytes":5}}}}}`,
		`{"defaults":{"cluster":{"routing":{"allocation":{"disk":{"watermark":{"low":"85%","high":"1e999gb","low.max_headroom":"-1"}}}}}}}`,
		`{"error":{"type":"x","reason":"y","caused_by":{"reason":"z"}},"status":500}`,
		`null`, `[]`, `""`, `{`,
	} {
		f.Add(true, all, []byte(s))
		f.Add(false, all, []byte(s))
	}
	p, c := parroted(f)
	f.Fuzz(func(t *testing.T, ok bool, which byte, body []byte) {
		status := http.StatusOK
		if !ok {
			status = http.StatusInternalServerError
		}
		p.say(status, body)
		for i, v := range standings() {
			if which != all && int(which)%len(standings()) != i {
				continue
			}
			if err := v(p.asked(t.Context()), c); err != nil {
				t.Errorf("%v, of the answer %q", err, body)
			}
		}
	})
}
