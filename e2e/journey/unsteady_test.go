package journey_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"esferry/internal/lab"
	"esferry/internal/lab/faultcase"
	"esferry/internal/lab/faults"
)

// unsteady is a ferry whose source has a second node, behind a wire of its own.
type unsteady struct {
	*chaos
	other *faults.Wire
}

// TestUnsteadySource has a source of two nodes whose shards move, whose disks fill
// up, which loses what it had acknowledged, and which is upgraded node by node,
// all under a ferry that follows it.
func TestUnsteadySource(t *testing.T) {
	t.Parallel()
	c := &unsteady{chaos: &chaos{pair: newPair(t, lab.Spec{Engine: lab.ES717, Nodes: 2, Settings: map[string]string{"cluster.routing.rebalance.enable": "none", "cluster.info.update.interval": "10s"}}, lab.Spec{Engine: lab.ES819})}}
	c.load(t, logs(chaotic, 1200))
	c.here, c.there = wired(t, c.source.URL()), wired(t, c.target.URL())
	c.other = wired(t, c.source.URLs()[1])
	c.sourceURL, c.targetURL = fmt.Sprintf("[%s, %s]", c.here.URL, c.other.URL), c.there.URL
	c.yaml = c.config(t, "unsteady", chaotic, "stream: {page: {docs: 50}, bulk: {bytes: 16KiB}}\n")
	esferry(t, "run", "-c", c.yaml).want(t, 0)
	for _, row := range []struct {
		name string
		do   func(t *testing.T)
	}{
		{"a primary relocates", c.relocates},
		{"a node is killed, and had not made durable what it acknowledged", c.forgets},
		{"the disks are full", c.diskFills},
		{"vectors of a wrong dimension", c.wrongVectors},
		{"the nodes are upgraded", c.upgraded},
		{"sources that are rebuilt", c.rebuiltSources},
	} {
		c.here.Reset()
		c.other.Reset()
		c.there.Reset()
		t.Run(row.name, row.do)
	}
}

// primaries gives the node of each primary of the index; started is false while
// one of them is on its way.
func (c *unsteady) primaries(t *testing.T) (nodes map[string]string, started bool) {
	t.Helper()
	var copies []struct{ Shard, Prirep, State, Node string }
	decode(t, call(t, "GET", c.source.URL()+"/_cat/shards/"+chaotic+"?format=json&h=shard,prirep,state,node", ""), &copies)
	nodes, started = map[string]string{}, len(copies) > 0
	for _, one := range copies {
		if one.Prirep == "p" {
			nodes[one.Shard] = one.Node
			started = started && one.State == "STARTED"
		}
	}
	return nodes, started
}

// relocates moves every primary to the other node while pages of it are read, and
// then right before that begins, when nobody has the shard whom it is asked of.
func (c *unsteady) relocates(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 14, "a primary relocates in mid-scan on a real engine")
	for _, request := range []string{"/_search/scroll", chaotic + "/_search"} {
		c.relocatesAt(t, request)
	}
}

func (c *unsteady) relocatesAt(t *testing.T, request string) {
	t.Helper()
	c.many(t)
	hook, arrived, release := held(request)
	defer release()
	c.here.On(hook)
	c.other.On(hook)
	run := started(t, "sync", "--json", "-c", c.yaml)
	wait := run.ended(t)
	reached(t, request, arrived)
	before, _ := c.primaries(t)
	var moves []string
	for shard, from := range before {
		to := map[string]string{"node-1": "node-2", "node-2": "node-1"}[from]
		moves = append(moves, fmt.Sprintf(`{"move":{"index":%q,"shard":%s,"from_node":%q,"to_node":%q}}`, chaotic, shard, from, to))
	}
	call(t, "POST", c.source.URL()+"/_cluster/reroute", `{"commands":[`+strings.Join(moves, ",")+`]}`)
	var after map[string]string
	until(t, "the primaries on their new nodes", func() (there bool) {
		after, there = c.primaries(t)
		for shard, node := range after {
			there = there && node != before[shard]
		}
		return there
	})
	c.many(t)
	release()
	if code := wait(); code != 0 {
		t.Errorf("got exit code %d: %s", code, tail(run.stderr.String()))
	}
	t.Logf("the primaries were on %v, and are on %v", before, after)
	c.other.On(nil)
	c.mends(t)
}

// forgets kills a node while it holds documents that it has acknowledged and not
// made durable, and starts it again.
func (c *unsteady) forgets(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 12, "a source node with async durability is killed with -9")
	call(t, "PUT", c.source.URL()+"/"+chaotic+"/_settings", `{"index.translog.durability":"async","index.translog.sync_interval":"60s"}`)
	stop := c.writing(t, 400, chaotic)
	follow := started(t, "sync", "--follow", "--interval", "10ms", "--json", "-c", c.yaml)
	follow.await(t, `"round_ended"`)
	follow.await(t, `"round_ended"`)
	wait := follow.ended(t)
	release := c.uncommitted(t)
	defer release()
	before := c.numbered(t)
	until(t, "operations that are not durable", func() bool { return c.numbered(t) > before+400 })
	acknowledged := c.numbered(t)
	c.source.KillNode(1)
	release()
	if err := c.source.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "the source's shards", func() bool { _, there := c.primaries(t); return there })
	left := c.numbered(t)
	t.Logf("%d operations were acknowledged before the kill, %d are left", acknowledged, left)
	if left >= acknowledged {
		t.Error("the source lost nothing, so that the test shows nothing")
	}
	until(t, "the writer to go on", func() bool { return c.numbered(t) > left+400 })
	t.Logf("writer: %s", stop())
	c.signal(t, follow, syscall.SIGINT)
	if code := wait(); code != 130 {
		t.Errorf("got exit code %d, want it to have followed until it was interrupted: %s", code, tail(follow.stderr.String()))
	}
	// The settings change, and nobody writes: what is not durable stays so.
	call(t, "PUT", c.source.URL()+"/"+chaotic+"/_settings", `{"index.translog.durability":null}`)
	began := time.Now()
	esferry(t, "sync", "-c", c.yaml).want(t, 0)
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it waited for %s for what nobody makes durable", took)
	}
	c.mends(t)
}

// uncommitted has no commit reach the source, from the next one that esferry asks
// for until the function is called.
func (c *unsteady) uncommitted(t *testing.T) (release func()) {
	t.Helper()
	arrived, free := make(chan struct{}, 1), make(chan struct{})
	hook := func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/_flush") {
			select {
			case arrived <- struct{}{}:
			default:
			}
			<-free
		}
		return false
	}
	c.here.On(hook)
	c.other.On(hook)
	reached(t, "a commit", arrived)
	return sync.OnceFunc(func() { close(free) })
}

// numbered is how many operations the source's primaries have numbered.
func (c *unsteady) numbered(t *testing.T) (sum int64) {
	t.Helper()
	var stats struct {
		Indices map[string]struct {
			Shards map[string][]struct {
				SeqNo struct {
					Max int64 `json:"max_seq_no"`
				} `json:"seq_no"`
			}
		}
	}
	decode(t, call(t, "GET", c.source.URL()+"/"+chaotic+"/_stats?level=shards", ""), &stats)
	for _, copies := range stats.Indices[chaotic].Shards {
		sum += copies[0].SeqNo.Max + 1
	}
	return sum
}

// upgraded upgrades one node after the other.
func (c *unsteady) upgraded(t *testing.T) {
	t.Helper()
	faultcase.Shows(t, 22, "a rolling upgrade of the source in mid-run")
	call(t, "PUT", c.source.URL()+"/"+chaotic+"/_settings", `{"index.number_of_replicas":1}`)
	call(t, "GET", c.source.URL()+"/_cluster/health?wait_for_status=green&timeout=60s", "")
	stop := c.writing(t, 200, chaotic)
	follow := started(t, "sync", "--follow", "--interval", "10ms", "--json", "-c", c.yaml)
	follow.await(t, `"round_ended"`)
	wait := follow.ended(t)
	for _, node := range []int{1, 0} {
		if err := c.source.UpgradeNode(t.Context(), node, lab.ES819); err != nil {
			t.Fatal(err)
		}
		until(t, "the replicas", func() bool {
			status, answer := lab.Ask(t, "GET", c.source.URL()+"/_cluster/health/"+chaotic+"?timeout=0s&wait_for_status=green", "")
			return status == 200 && strings.Contains(answer, `"green"`)
		})
	}
	t.Logf("writer: %s", stop())
	c.signal(t, follow, syscall.SIGINT)
	if code := wait(); code != 130 {
		t.Errorf("got exit code %d, want it to have followed until it was interrupted: %s", code, tail(follow.stderr.String()))
	}
	if got := call(t, "GET", c.source.URL()+"/_cat/nodes?h=version", ""); strings.TrimSpace(got) != "8.19.0\n8.19.0" {
		t.Errorf("got the versions %s", got)
	}
	c.mends(t)
}
